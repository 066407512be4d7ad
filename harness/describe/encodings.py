"""Finds the encoding of text files from their bytes."""

import codecs
import re
from typing import NamedTuple

import pyarrow as pa

from rollup_bench.errors import RequestError
from rollup_bench.workloads.readers import BLOCK, BOM

TAIL = 1 << 16
UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
"""The bytes that are no character in Windows-1252."""
CONTROLS = re.compile("[\0-\x08\x0e-\x19\x1b-\x1f]")


class Text(NamedTuple):
    """The encoding of a file, its first 2 MiB as text, and its last 64 KiB, which may begin within a line.

    The encoding is `ascii` if that is enough, so that others fit, too.
    """

    encoding: str
    head: str
    tail: str


def text(name: str, stream: pa.NativeFile) -> Text:
    """Reads all bytes of the file `name` to find its encoding; RequestError if the file is not a text.

    The encoding is UTF-16 with a byte order mark or with NULs like those of ASCII, or else ASCII or UTF-8 if all bytes
    are, or else Windows-1252, or Latin-1 if Windows-1252 does not have all bytes.
    """
    head = block = stream.read(BLOCK)
    utf8, is_ascii, is_utf8, undefined, tail = codecs.getincrementaldecoder("utf-8")(), True, True, False, b""
    while block:
        is_ascii = is_ascii and block.isascii()
        undefined = undefined or bool(UNDEFINED.search(block))
        is_utf8 = is_utf8 and _decodes(utf8, block)
        tail = (tail + block)[-TAIL:]
        block = stream.read(BLOCK)
    is_utf8 = is_utf8 and _decodes(utf8, b"", final=True)
    other = "ascii" if is_ascii else "utf-8" if is_utf8 else "latin-1" if undefined else "windows-1252"
    encoding = _utf16(head) or other
    first = head.removeprefix(BOM).decode(encoding, "ignore").removeprefix("\N{BYTE ORDER MARK}")
    if control := CONTROLS.search(first):
        wrong = f"it has the character U+{ord(control[0]):04X}"
        raise RequestError(f"{name} is not a text: {wrong}; correct its ending if it has another format")
    aligned = tail[:-1] if encoding.startswith("utf-16") and len(tail) % 2 else tail
    order = {"utf-16": "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"}
    return Text(encoding, first, aligned.decode(order.get(encoding, encoding), "ignore"))


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _utf16(head: bytes) -> str:
    """The name of UTF-16 if these bytes are of a text in UTF-16; else nothing."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = head[:1000]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if 4 * max(even, odd) < len(start) or (even and odd):
        return ""
    return "utf-16-be" if even else "utf-16-le"
