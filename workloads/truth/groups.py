"""Aggregates rows by group, batch by batch; memory grows with the number of groups, not with the number of rows."""

import pyarrow as pa

PENDING = 1 << 20


def regroup(table: pa.Table, keys: list[str], fold: dict[str, str]) -> pa.Table:
    """One row for each combination of values of the columns `keys`, sorted by `keys` (NULL last).

    `fold` maps each other column of the result to its aggregate function: "sum", "min" or "max".
    """
    grouped = table.group_by(keys, use_threads=False).aggregate(list(fold.items()))
    named = grouped.select([*keys, *(f"{column}_{how}" for column, how in fold.items())])
    return named.rename_columns([*keys, *fold]).sort_by([(k, "ascending") for k in keys])


class GroupFold:
    """Aggregates added rows by the columns `keys`; `fold` maps columns to "sum", "min" or "max"."""

    def __init__(self, keys: list[str], fold: dict[str, str]) -> None:
        self.keys = keys
        self.fold = fold
        self._parts: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Aggregates further rows, which have the columns of `keys` and of `fold`."""
        self._parts.append(regroup(rows, self.keys, self.fold))
        if len(self._parts) > 1 and sum(p.num_rows for p in self._parts[1:]) > PENDING:
            self._parts = [self.table()]

    def table(self) -> pa.Table:
        """One row for each group of all added rows, sorted by the keys (NULL last); call `add` at least once before."""
        return regroup(pa.concat_tables(self._parts), self.keys, self.fold)
