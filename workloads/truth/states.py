"""States of groups: tables that merge by grouping again, so memory grows with the groups and not with the events."""

import pyarrow as pa

PENDING = 1 << 20


def regroup(table: pa.Table, keys: list[str], fold: dict[str, str]) -> pa.Table:
    """A row a group of `keys`, in their order (NULL last), each column of `fold` folded by sum, min or max."""
    grouped = table.group_by(keys, use_threads=False).aggregate(list(fold.items()))
    named = grouped.select([*keys, *(f"{column}_{how}" for column, how in fold.items())])
    return named.rename_columns([*keys, *fold]).sort_by([(k, "ascending") for k in keys])


class State:
    """The state of a question over the rows added so far."""

    def __init__(self, keys: list[str], fold: dict[str, str]) -> None:
        self.keys = keys
        self.fold = fold
        self._parts: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Folds rows in; they have the keys and the columns to fold."""
        self._parts.append(regroup(rows, self.keys, self.fold))
        if len(self._parts) > 1 and sum(p.num_rows for p in self._parts[1:]) > PENDING:
            self._parts = [self.table()]

    def table(self) -> pa.Table:
        """The state, a row a group."""
        return regroup(pa.concat_tables(self._parts), self.keys, self.fold)
