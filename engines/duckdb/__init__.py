"""The adapter of DuckDB, an embedded columnar SQL database."""
