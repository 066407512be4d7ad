"""The adapter to DuckDB in a process of its own, which clients ask by Arrow Flight."""
