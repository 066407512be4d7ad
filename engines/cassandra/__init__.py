"""The adapter of Apache Cassandra, which designs a table for each question."""
