"""How it is measured: verify, replay, statistics, report, command line."""
