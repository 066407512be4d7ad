"""A run's file while the run is made: lines are appended as they come, and a run that was interrupted is resumed.

What the file holds is not measured again, and a half-written last line is dropped. What an arm did not answer is asked
again, its rounds beside all the others. Of two lines that measure the same thing the last counts.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.lines import Ended, Fault, Header, Record, Rounds, T, Verdict, read

_NAMED = ("arm", "question", "cache", "launch", "clients", "load", "doing")
Key = tuple[object, ...]


def key(record: Record) -> Key:
    """What a line measures, whatever came out: of a run's lines with one key the last stands."""
    return (type(record), *(getattr(record, name, None) for name in _NAMED))


def spoilt(record: Record) -> bool:
    """Whether an arm gave no answer, so that it is to be asked again."""
    match record:
        case Verdict():
            return record.verdict == "failed"
        case Rounds():
            return bool(record.failed)
    return isinstance(record, Fault)


def standing(lines: Iterable[Record]) -> list[Record]:
    """The lines that count, see `_put`."""
    kept: dict[Key, Record] = {}
    for line in lines:
        _put(kept, line)
    return list(kept.values())


def _put(kept: dict[Key, Record], record: Record) -> None:
    """Takes the place of a line that measured the same; an end makes faults good, a fault undoes an end."""
    undone = {Ended: Fault, Fault: Ended}.get(type(record))
    if undone is not None:
        for one in [one for one in kept if one[0] is undone]:
            del kept[one]
    kept[key(record)] = record


class RunLog:
    """A run's file, open to be added to."""

    def __init__(self, path: Path, header: Header) -> None:
        """Starts the file, or goes on with it; RequestError if it holds a run of something else."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        known = list(read(path))
        if known:
            self._same_run(known[0], header)
        self._standing: dict[Key, Record] = {}
        for one in standing(known):
            if not isinstance(one, Fault):  # what it hit is tried again
                self._standing[key(one)] = one
        _drop_half_a_line(path)
        if not known:
            self.add(header)

    @property
    def records(self) -> list[Record]:
        """The lines that stand; of faults, those since it was opened."""
        return list(self._standing.values())

    def has(self, kind: type[Record], **named: object) -> bool:
        """Whether it holds what a line of this kind measures, named by its fields, and nothing of it is spoilt."""
        found = self.get(kind, **named)
        return found is not None and not spoilt(found)

    def get(self, kind: type[T], **named: object) -> T | None:
        """The line of this kind that stands, named by its fields."""
        found = self._standing.get((kind, *(named.get(name) for name in _NAMED)))
        return found if isinstance(found, kind) else None

    def add(self, record: Record) -> None:
        """Writes the line through to the disk before it returns."""
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _put(self._standing, record)

    def _same_run(self, first: Record, header: Header) -> None:
        if not isinstance(first, Header):
            raise RequestError(f"{self.path}: its first line is not the header of a run; name another file with --out")
        for field in header.__struct_fields__:
            was, now = getattr(first, field), getattr(header, field)
            if field != "started" and was != now:
                what = f"{field} {was!r}, asked is {now!r}"
                raise RequestError(f"{self.path}: holds a run of {what}; name another file with --out")


def _drop_half_a_line(path: Path) -> None:
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
