"""Kafka: its server and its client."""
