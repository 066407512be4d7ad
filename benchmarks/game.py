"""The dataset `game` in asv."""

from benchmarks import runs


class Latency(runs.Latency, dataset="game"):
    pass


class Response(runs.Response, dataset="game"):
    pass


class Thousand(runs.Thousand, dataset="game"):
    pass


class Load(runs.Load, dataset="game"):
    pass


class Size(runs.Size, dataset="game"):
    pass


class Noise(runs.Noise, dataset="game"):
    pass
