"""Apache Cassandra: tables made for their questions."""
