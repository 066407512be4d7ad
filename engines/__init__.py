"""The contract between the harness and engines, and a folder for each engine."""
