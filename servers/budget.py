"""The processor cores and the memory that each engine of a run may use, the same for every engine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Processor cores and bytes of memory for one engine, all its processes together."""

    cores: int
    memory: int
