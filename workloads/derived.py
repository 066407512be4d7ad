"""The tables `[derived]` of a dataset file, which declare columns that are computed while the data files are read."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Literal

import msgspec

from rollup_bench.workloads.specs import zone_info

KINDS = ("part", "edges", "split", "prefix")


class Derived(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A column computed from the column `of` of the data files by one of four keys, or only by `default`.

    `part` is a part of the local time in `zone` (that of the dataset if not written) at a time of the events: `hour`
    from 0 to 23, `weekday` from 1 (Monday) to 7, `day` of the month, `week` of the ISO year, `month` or `quarter`.
    `edges` are numbers in ascending order; the value is a text such as `2: 0 to 10` that says between which edges the
    number lies, the lower one included. `split` is the text at which texts are cut; the value is the part with the
    number `take`, counted from 1, or from the end if negative, or NULL without such a part. `prefix` is how many
    characters to keep of the start of a text. `default` is the value instead of NULL.
    """

    of: str
    part: Literal["hour", "weekday", "day", "week", "month", "quarter"] | None = None
    zone: str | None = None
    edges: Annotated[list[float], msgspec.Meta(min_length=1)] | None = None
    split: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    take: int | None = None
    prefix: Annotated[int, msgspec.Meta(ge=1)] | None = None
    default: str | int | float | None = None

    def __post_init__(self) -> None:
        given = [key for key in KINDS if getattr(self, key) is not None]
        if len(given) > 1 or (not given and self.default is None):
            state = f"has {' and '.join(given)}; keep one" if given else "has none; write one"
            raise ValueError(
                f"a derived column needs one of part, edges, split, prefix and default, and {state} of them"
            )
        if self.zone is not None:
            zone_info(self.zone)
        for key, kind in (("zone", "part"), ("take", "split")):
            if getattr(self, key) is not None and getattr(self, kind) is None:
                raise ValueError(f"{key} belongs to {kind}; write {kind}, or remove {key}")
        if self.take == 0:
            raise ValueError("take is `0`; write 1 for the first part, or -1 for the last one")
        if self.edges and not (all(map(math.isfinite, self.edges)) and all(a < b for a, b in pairwise(self.edges))):
            raise ValueError("edges must be finite numbers in ascending order; write them so, as in [0, 10, 100]")


def check(name: str, derived: Mapping[str, Derived], roles: list[str], times: list[str]) -> None:
    """ValueError if the derived column `name` has no role, or is computed from a column of another kind.

    `roles` are the names of all columns with a role; `times` those of the columns of times.
    """
    column = derived[name]
    if name not in roles:
        raise ValueError("the column has no role; name it under [columns], for example in `dimensions`, or remove it")
    if name in times:
        raise ValueError(f"`{name}` is a column of times; give the derived column another name")
    if column.of in derived and column.of != name:
        raise ValueError(f"of: `{column.of}` is derived, too; name a column of the data files")
    if column.part and column.of not in times:
        raise ValueError(f"of: `{column.of}` is not a column of times under [columns]; write {' or '.join(times)}")
