"""Estimates, intervals, percentiles and growth curves, computed from measured times."""
