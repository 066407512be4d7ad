"""The adapter of Apache Cassandra; its layout `tuned` has tables designed for the questions of a dataset."""
