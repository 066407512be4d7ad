"""Apache Spark, reached through Spark Connect."""
