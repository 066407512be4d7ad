"""The dataset `game` in asv."""

from benchmarks import runs


class Latency(runs.Latency, dataset="game"): ...


class Processor(runs.Processor, dataset="game"): ...


class Thousand(runs.Thousand, dataset="game"): ...


class Load(runs.Load, dataset="game"): ...


class Size(runs.Size, dataset="game"): ...


class Wrong(runs.Wrong, dataset="game"): ...


class Noise(runs.Noise, dataset="game"): ...
