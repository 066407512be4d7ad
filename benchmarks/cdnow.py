"""The dataset `cdnow` in asv."""

from benchmarks import runs


class Latency(runs.Latency, dataset="cdnow"): ...


class Processor(runs.Processor, dataset="cdnow"): ...


class Thousand(runs.Thousand, dataset="cdnow"): ...


class Load(runs.Load, dataset="cdnow"): ...


class Size(runs.Size, dataset="cdnow"): ...


class Wrong(runs.Wrong, dataset="cdnow"): ...


class Noise(runs.Noise, dataset="cdnow"): ...
