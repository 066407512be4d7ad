"""The truth, asked like an engine."""
