"""The asv suite: what harness measures, read out for asv's history."""
