"""DuckDB: embedded, columnar, SQL."""
