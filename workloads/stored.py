"""Stored events: files that are written whole, and Parquet files as a table that is read in little memory."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil
import pyarrow.dataset as arrow

STREAMED = arrow.ParquetFileFormat(
    default_fragment_scan_options=arrow.ParquetFragmentScanOptions(
        pre_buffer=False
    )  # else Arrow reads ahead whole files
)


def table(files: Path | Sequence[Path]) -> arrow.Dataset:
    """The rows of Parquet files, which are read as they are needed."""
    return arrow.dataset(files, format=STREAMED)


def whole(path: Path, fill: Callable[[Path], object]) -> None:
    """Makes the file `path` by `fill`, whole or not at all; `fill` gets the path of an unfinished file.

    The name of the unfinished file ends with the number of this process.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        fill(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_unfinished(files: Iterable[Path]) -> None:
    """Deletes those of the unfinished files that `whole` has begun in processes that have ended."""
    for part in files:
        if not psutil.pid_exists(int(part.suffixes[-2][1:])):
            part.unlink(missing_ok=True)
