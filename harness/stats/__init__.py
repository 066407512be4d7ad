"""Estimates, intervals, percentiles, growth: arithmetic over times."""
