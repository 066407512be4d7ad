"""The dataset `flights` in asv."""

from benchmarks import runs


class Latency(runs.Latency, dataset="flights"): ...


class Processor(runs.Processor, dataset="flights"): ...


class Thousand(runs.Thousand, dataset="flights"): ...


class Load(runs.Load, dataset="flights"): ...


class Size(runs.Size, dataset="flights"): ...


class Wrong(runs.Wrong, dataset="flights"): ...


class Noise(runs.Noise, dataset="flights"): ...
