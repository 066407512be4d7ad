"""How a run is made: arms, loads, verdicts, rounds, clients under load, costs."""
