"""The truth, presented as an engine."""
