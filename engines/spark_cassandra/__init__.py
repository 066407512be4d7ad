"""Spark over Cassandra: Cassandra stores the events, and tasks of Spark read them by ranges of tokens."""
