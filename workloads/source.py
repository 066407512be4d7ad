"""The table `[source]` of a dataset file: where the events are, and how their files are written."""

import codecs
from typing import Annotated, Literal

import msgspec

from rollup_bench.workloads import addresses
from rollup_bench.workloads.specs import unique

Lines = Annotated[int, msgspec.Meta(ge=0)]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a dataset's events are: one of `path`, `url` and `generator`.

    `path` is relative to the TOML file, or in an installed `package`. `url` is the address of a file to download, or a
    list of addresses; `{1..12}` in an address stands for the addresses with the numbers 1 to 12. If there is only one
    address, `size` (in bytes) and `sha256` can say which file is expected. A generator makes `rows` rows from the seed
    `seed`.

    For CSV files, `encoding` is one that Python knows; `separator` is one character, where a space means any run of
    spaces and tabs; `quote` encloses texts (empty if nothing does), and `escape` stands before a quote inside of them.
    `skip` and `footer` are the numbers of lines to leave out at the start and at the end of each file; `names` are the
    column names of files without a header line; `null` are the texts that mean NULL, also in quotes; an empty text in
    quotes means NULL only in measures.

    In measures that are texts, `decimal` is the decimal mark, and `thousands` is the mark between groups of three
    digits (of two and three in India), where a space means any kind of space, and an apostrophe any kind of
    apostrophe; without `thousands`, points may group the digits before a decimal comma. `signs` names for a column
    the sign that stands before or after its numbers, as in `{ price = "$", discount = "%" }`: it is left out, so
    `12 %` is 12. `5-` and `(5)` are -5. Like `null`, these keys also hold for measures of JSON and Parquet.

    `rename` maps new names of columns to names in the files. `row_number` is the name of a new column with the number
    of each row, counted from 1 over all files in the order of their names. With `unique`, of rows with the same id only
    the first is read.
    """

    path: str | None = None
    package: str | None = None
    url: str | Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] | None = None
    size: Annotated[int, msgspec.Meta(ge=1)] | None = None
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")] | None = None
    generator: str | None = None
    rows: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000
    seed: int = 1
    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    escape: str = ""
    skip: Lines = 0
    footer: Lines = 0
    names: list[str] | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    signs: dict[str, str] = {}
    null: tuple[str, ...] = ("",)
    rename: dict[str, str] = {}
    row_number: str = ""
    unique: bool = False

    def __post_init__(self) -> None:
        given = [name for name in ("path", "url", "generator") if getattr(self, name) is not None]
        if len(given) != 1:
            state = f"has {' and '.join(given)}; keep one" if given else "has none; write one"
            raise ValueError(f"[source] needs one of `path`, `url` and `generator`, and {state} of them")
        for address in self.addresses:
            addresses.check(address)
        unique("url", self.addresses)
        unique("rename", list(self.rename.values()))
        if len(self.addresses) != 1 and (self.size or self.sha256):
            raise ValueError("size and sha256 are of the file of a single address in `url`; remove them")
        self._check_marks()
        try:
            codecs.lookup(self.encoding)
        except (LookupError, ValueError):
            raise ValueError(f"encoding is `{self.encoding}`; write one such as utf-16 or windows-1252") from None

    def _check_marks(self) -> None:
        if len(self.separator) != 1:
            wanted = '"," or "\\t", or " " for any run of spaces and tabs'
            raise ValueError(f"separator is `{self.separator}`; write a single character, as in {wanted}")
        for key, mark in (("quote", self.quote), ("escape", self.escape)):
            if len(mark) > 1:
                raise ValueError(f'{key} is `{mark}`; write a single character, or "" for none')
        if self.thousands == self.decimal:
            other = '"."' if self.decimal == "," else '","'
            raise ValueError(
                f"decimal and thousands are both `{self.decimal}`; write decimal = {other} or remove thousands"
            )
        if without := [name for name, sign in self.signs.items() if not sign.strip()]:
            raise ValueError(f'signs.{without[0]} is empty; write the sign, as in signs = {{ price = "$" }}')

    @property
    def groups(self) -> str:
        """The mark between groups of three digits, or nothing."""
        return self.thousands or ("." if self.decimal == "," else "")

    @property
    def addresses(self) -> list[str]:
        """The addresses of the files to download; none if the source has no `url`."""
        written = (self.url,) if isinstance(self.url, str) else self.url or ()
        return [address for each in written for address in addresses.expanded(each)]
