"""How time is measured: rounds, costs, open loop, the file that keeps them, what may be claimed from it."""
