"""The dataset `flights` in asv."""

from benchmarks import runs


class Latency(runs.Latency, dataset="flights"):
    pass


class Response(runs.Response, dataset="flights"):
    pass


class Thousand(runs.Thousand, dataset="flights"):
    pass


class Load(runs.Load, dataset="flights"):
    pass


class Size(runs.Size, dataset="flights"):
    pass


class Noise(runs.Noise, dataset="flights"):
    pass
