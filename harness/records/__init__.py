"""The file of a run, and the results that are computed from it."""
