"""Programs that print the figures of the project, each run by hand: `python -m experiments.NAME`."""
