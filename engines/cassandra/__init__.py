"""Apache Cassandra: a table designed for each question."""
