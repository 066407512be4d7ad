"""What each engine of a run may use, the same for all."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Processor cores and bytes of memory for one engine, all its processes together."""

    cores: int
    memory: int
