"""The contract between the harness and engines, and a folder for each engine."""

from pathlib import Path


def folder(engine: str) -> Path:
    """The folder of an engine of this package, with `_` for `-`; it does not exist for an engine of another package."""
    return Path(__file__).parent / engine.replace("-", "_")
