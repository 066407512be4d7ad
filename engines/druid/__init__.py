"""Apache Druid: time-partitioned segments, rolled up as they are ingested."""
