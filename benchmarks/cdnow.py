"""The dataset `cdnow` in asv."""

from benchmarks import runs


class Latency(runs.Latency, dataset="cdnow"):
    pass


class Response(runs.Response, dataset="cdnow"):
    pass


class Thousand(runs.Thousand, dataset="cdnow"):
    pass


class Load(runs.Load, dataset="cdnow"):
    pass


class Size(runs.Size, dataset="cdnow"):
    pass


class Noise(runs.Noise, dataset="cdnow"):
    pass
