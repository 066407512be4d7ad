"""The file of a run, and what is found in it."""
