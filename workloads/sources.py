"""Finds and opens a dataset's data files (a file, an archive or a folder of files) and reads them as batches."""

import csv
import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from rollup_bench.errors import RequestError
from rollup_bench.workloads.columns import ValueAtError
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.readers import Reader, reader
from rollup_bench.workloads.source import Source

COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
DAMAGES = (pa.ArrowException, OSError, EOFError, zlib.error, zipfile.BadZipFile, csv.Error, UnicodeError)
CHUNK = 16 << 20
"""The bytes of a file that are hashed between two reports."""
WANTED = "Parquet (.parquet), CSV (.csv, .tsv, .txt) or JSON (.json, .jsonl, .ndjson), or .gz, .zst, .bz2, .zip"


def files(dataset: Dataset) -> list[Path]:
    """The paths of the data files of a dataset with a `path`, sorted.

    RequestError if no file is found or a file cannot be read; its text begins with the key of `[source]` that is wrong.
    """
    path = _located(dataset.source, dataset.folder)
    try:
        paths = sorted(_inside(path)) if path.is_dir() else [path]
        for file in paths:
            file.open("rb").close()
    except OSError as error:
        raise RequestError(f"path: {error.filename}: {error.strerror}; write a path that can be read") from None
    except ValueError as error:
        raise RequestError(f"path: {path}: {error}; correct the path") from None
    if not paths or not is_known(paths[0].name):
        if not path.exists():
            raise RequestError(f"path: {path} does not exist; correct the path, which begins at the dataset file")
        raise RequestError(f"path: {path} is neither a file nor a folder of {WANTED}; name one")
    return paths


def size(paths: list[Path]) -> int:
    """The bytes of all files together."""
    return sum(file.stat().st_size for file in paths)


def content(paths: list[Path], read: Callable[[int], None] = lambda _: None) -> str:
    """A hash of the names and contents of the files, in the order of `paths`; `read` gets the bytes read so far."""
    digest, done = hashlib.blake2b(digest_size=16), 0
    for file in paths:
        digest.update(f"{file.name}\n".encode())
        inner = hashlib.blake2b()
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                inner.update(chunk)
                read(done := done + len(chunk))
        digest.update(inner.digest())
    return digest.hexdigest()


def batches(
    paths: list[Path], source: Source, columns: list[str], read: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[str, int, pa.RecordBatch]]:
    """Yields for each batch of all files the file's name, the number of the file's rows before it, and the batch.

    A batch has the named columns, or all columns if `columns` is empty; `source.rename` gives their names. A batch of
    JSON lacks the columns that none of its rows has. `read` gets the bytes of all files that have been read so far.
    RequestError names the file that is wrong, and the row if the row is known.
    """
    renamed = {old: new for new, old in source.rename.items()}
    if hidden := [name for name in columns if name in renamed and name not in source.rename]:
        new = renamed[hidden[0]]
        raise RequestError(f"{paths[0]}: `rename` under [source] calls column `{hidden[0]}` `{new}`; write `{new}`")
    wanted = [source.rename.get(name, name) for name in columns]
    done = 0
    for file in paths:
        name = str(file)
        with blamed(name):
            for name, rows, stream, place in opened(file):
                before = 0
                with blamed(name), stream:
                    for batch in rows(stream, source, wanted):
                        yield name, before, batch.rename_columns([renamed.get(c, c) for c in batch.schema.names])
                        before += batch.num_rows
                        read(done + place(before))
        done += file.stat().st_size


def refusal(file: str, before: int, error: ValueAtError) -> RequestError:
    """The RequestError with the file, the row and the text of `error`; rows count from 1, without a header line."""
    row = "" if error.place is None else f"row {before + error.place + 1}: "
    return RequestError(f"{file}: {row}{error}")


@contextmanager
def blamed(name: str) -> Iterator[None]:
    """Turns errors of reading in the `with` block into a RequestError that begins with the file's name `name`."""
    try:
        yield
    except ValueAtError as error:
        raise refusal(name, 0, error) from None
    except DAMAGES as error:
        reason = str(error).strip() or "the file ends too early"
        remedy = "replace the file if it is damaged, or correct its ending if it has another format"
        if isinstance(error, UnicodeError):
            remedy = "correct `encoding` under [source]"
        raise RequestError(f"{name} cannot be read: {reason.splitlines()[0]}; {remedy}") from None


def _inside(folder: Path) -> Iterator[Path]:
    """Yields files with a known ending in a folder and its subfolders, except names that start with `.` or `_`."""

    def stop(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=stop):
        folders[:] = [f for f in folders if f[0] not in "._"]
        yield from (Path(parent, name) for name in names if name[0] not in "._" and is_known(name))


def installed(source: Source) -> bool:
    """True if the Python package named by `source.package` is installed, or if the source names no package."""
    try:
        return source.package is None or bool(distribution(source.package))
    except (PackageNotFoundError, ValueError):
        return False


def _located(source: Source, folder: Path) -> Path:
    assert source.path is not None
    if source.package is None:
        return folder / Path(source.path).expanduser()
    if not installed(source):
        raise RequestError(f"package: the Python package {source.package} is not installed; pip install it")
    package = distribution(source.package)
    for file in package.files or []:
        if str(file).endswith(source.path):
            return Path(str(file.locate()))
    raise RequestError(f"path: {source.path} is not in the Python package {source.package}; correct the path")


def is_known(name: str) -> bool:
    """Whether a file of this name can be read, judged by the name's ending."""
    return name.lower().endswith(".zip") or _reader(name) is not None


def _reader(name: str) -> Reader | None:
    return reader(name[: name.rindex(".")] if _compression(name) else name)


def _compression(name: str) -> str | None:
    return COMPRESSED.get(Path(name.lower()).suffix)


def opened(file: Path) -> Iterator[tuple[str, Reader, pa.NativeFile, Callable[[int], int]]]:
    """Yields the name, reader and uncompressed stream of `file`, or of each readable file in it if it is a .zip.

    A function is yielded with them, which returns how many bytes of `file` have been read after a number of rows.
    """
    if file.suffix.lower() != ".zip":
        read, raw = _reader(file.name), pa.OSFile(str(file))
        assert read is not None
        yield str(file), read, _uncompressed(raw, file.name), _place(file, raw)
        return
    # unbuffered, because `tell` of a buffered file is wrong while another thread reads
    with file.open("rb", buffering=0) as whole, zipfile.ZipFile(whole) as archive:
        members = [m for m in sorted(archive.namelist()) if _reader(m) and Path(m).name[0] not in "._"]
        if not members:
            raise RequestError(f"{file} contains no {WANTED}; put such a file into it")
        for member in members:
            try:
                stream = archive.open(member)
            except (RuntimeError, NotImplementedError) as error:
                raise RequestError(f"{file} cannot be read: {error}; extract it and name the folder") from None
            read = _reader(member)
            assert read is not None
            yield f"{file}/{member}", read, _uncompressed(stream, member), lambda _: whole.tell()


def _uncompressed(stream: Any, name: str) -> pa.NativeFile:
    compression = _compression(name)
    return pa.CompressedInputStream(stream, compression) if compression else pa.input_stream(stream, compression=None)


def _place(file: Path, raw: pa.OSFile) -> Callable[[int], int]:
    """A function that returns how many bytes of a file have been read after a number of rows."""
    whole = file.stat().st_size
    if file.suffix.lower() != ".parquet":
        return lambda _: whole if raw.closed else int(raw.tell())  # readers close files at their ends
    rows = max(pa.parquet.read_metadata(file).num_rows, 1)
    return lambda before: whole * before // rows
