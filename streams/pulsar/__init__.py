"""Pulsar: its server and its client."""
