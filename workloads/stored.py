"""Stored events: Parquet files as a table that is read in little memory."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.dataset as arrow

STREAMED = arrow.ParquetFileFormat(
    default_fragment_scan_options=arrow.ParquetFragmentScanOptions(
        pre_buffer=False
    )  # else Arrow reads ahead whole files
)


def table(files: Path | Sequence[Path]) -> arrow.Dataset:
    """The rows of Parquet files, which are read as they are needed."""
    return arrow.dataset(files, format=STREAMED)
