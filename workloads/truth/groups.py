"""Folds rows into groups batch by batch, so memory grows with the number of groups and not with that of events."""

import pyarrow as pa

PENDING = 1 << 20


def regroup(table: pa.Table, keys: list[str], fold: dict[str, str]) -> pa.Table:
    """One row for each group of `keys`, sorted by them (NULL last).

    `fold` says by which function ("sum", "min" or "max") each other column is aggregated.
    """
    grouped = table.group_by(keys, use_threads=False).aggregate(list(fold.items()))
    named = grouped.select([*keys, *(f"{column}_{how}" for column, how in fold.items())])
    return named.rename_columns([*keys, *fold]).sort_by([(k, "ascending") for k in keys])


class GroupFold:
    """The groups of all rows added so far."""

    def __init__(self, keys: list[str], fold: dict[str, str]) -> None:
        self.keys = keys
        self.fold = fold
        self._parts: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Adds rows, which have the columns of `keys` and of `fold`."""
        self._parts.append(regroup(rows, self.keys, self.fold))
        if len(self._parts) > 1 and sum(p.num_rows for p in self._parts[1:]) > PENDING:
            self._parts = [self.table()]

    def table(self) -> pa.Table:
        """One row for each group, as `regroup` returns them."""
        return regroup(pa.concat_tables(self._parts), self.keys, self.fold)
