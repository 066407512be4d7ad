"""Chooses a store, or a pair of stores, for given needs from the figures of a run. See docs/choosing.md."""
