"""The adapter of Apache Druid, which stores segments by time and can roll events up at ingestion."""
