"""The run log: appends each measurement to the run's file, and resumes a run that was interrupted.

A resumed run skips the measurements in its file and repeats those that failed. If two lines hold the same measurement,
the newer line counts. An incomplete last line of the file is removed.
"""

import errno
import os
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.lines import Ended, Fault, Header, Record, Rounds, T, Verdict, read
from rollup_bench.turns import locked
from rollup_bench.workloads.stored import whole

_KEY_FIELDS = ("arm", "engine", "question", "cache", "launch", "clients", "load", "doing")
Key = tuple[object, ...]


def key(record: Record) -> Key:
    """Returns what identifies a line's measurement, without the result; the newest of lines with equal keys counts."""
    return (type(record), *(getattr(record, name, None) for name in _KEY_FIELDS))


def is_failure(record: Record) -> bool:
    """Returns whether an arm failed in this measurement, so that a resumed run repeats the measurement."""
    match record:
        case Verdict():
            return record.verdict == "failed"
        case Rounds():
            return bool(record.failed)
    return isinstance(record, Fault)


def newest(lines: Iterable[Record]) -> list[Record]:
    """Returns the newest line of each measurement.

    An `Ended` line removes earlier `Fault` lines, and a `Fault` line removes an earlier `Ended` line.
    """
    newest_lines: dict[Key, Record] = {}
    for line in lines:
        _put(newest_lines, line)
    return list(newest_lines.values())


def _put(lines: dict[Key, Record], record: Record) -> None:
    """Puts a record in place of an older one with the same key; `newest` says what `Ended` and `Fault` remove."""
    removed = {Ended: Fault, Fault: Ended}.get(type(record))
    for old in [old for old in lines if old[0] is removed]:
        del lines[old]
    lines[key(record)] = record


class RunLog:
    """A run's file, to which each measurement is appended as a line. Only one process at a time has a file open."""

    def __init__(self, path: Path, header: Header) -> None:
        """Creates or continues a file.

        RequestError if another process writes the file, if `run` did not write it, or if it has another header,
        apart from the start time.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        weakref.finalize(self, os.close, file)  # ends the lock
        if not locked(file):
            raise RequestError(f"{path}: another process writes this run; wait for it, or name another file with --out")
        written = list(read(path))
        if written:
            self._check_header(written[0], header)
        self._newest: dict[Key, Record] = {key(line): line for line in newest(written) if not isinstance(line, Fault)}
        drop_incomplete_line(path, b'{"record":"run"', "`run`")
        if not written:
            self.add(header)

    @property
    def records(self) -> list[Record]:
        """The newest line of each measurement, without the faults that the file held when it was opened."""
        return list(self._newest.values())

    def has(self, kind: type[Record], **fields: object) -> bool:
        """Returns whether the newest line of this type with these key fields exists and is not a failure."""
        line = self.get(kind, **fields)
        return line is not None and not is_failure(line)

    def get(self, kind: type[T], **fields: object) -> T | None:
        """Returns the newest line of this type with these key fields, or None; other key fields must be None."""
        line = self._newest.get((kind, *(fields.get(name) for name in _KEY_FIELDS)))
        return line if isinstance(line, kind) else None

    def add(self, record: Record) -> None:
        """Appends a line to the file and returns after the line is written to the disk."""
        append(self.path, record)
        _put(self._newest, record)

    def _check_header(self, first: Record, header: Header) -> None:
        if not isinstance(first, Header):
            raise RequestError(f"{self.path}: its first line is not the header of a run; name another file with --out")
        for field in header.__struct_fields__:
            name = {"machine": "machine_in_gib"}.get(field, field)
            old, new = getattr(first, name), getattr(header, name)
            if field not in ("asked", "started") and old != new:
                differs = f"holds a run whose {field} is {old!r}, but this run's is {new!r}"
                raise RequestError(f"{self.path}: {differs}; name another file with --out")
        if first.asked not in ("", header.asked):
            raise RequestError(f"{self.path}: holds a run of other layouts or questions; name another file with --out")


def append(path: Path, record: msgspec.Struct) -> None:
    """Appends a record to a file as a line of JSON, and returns after the line is written to the disk.

    OSError if it cannot be written, as on a full disk; the file is then as before.
    """
    line = msgspec.json.encode(record) + b"\n"
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            if file.write(line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def write(path: Path, records: Sequence[msgspec.Struct]) -> None:
    """Writes a file with a line for each record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    whole(path, lambda part: part.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records)))


def drop_incomplete_line(path: Path, begin: bytes, writer: str) -> None:
    """Removes what follows the last newline of a file, as a killed program leaves it.

    RequestError if the file has no newline and does not begin with `begin`, as all files of the program `writer` do.
    """
    with path.open("rb+") as file:
        content = file.read()
        kept = content.rfind(b"\n") + 1
        if not kept and not begin.startswith(content[: len(begin)]):
            raise RequestError(f"{path}: was not written by {writer}; name another file with --out")
        file.truncate(kept)
