"""Programs that print figures of this project; start each program by hand: `python -m experiments.NAME`."""
