"""The truth (the right answers, computed from the events) as an engine."""
