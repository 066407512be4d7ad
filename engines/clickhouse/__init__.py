"""ClickHouse, which chDB runs in the asking process."""
