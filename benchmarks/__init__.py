"""The asv suite: figures of runs for the history that asv publishes."""
