"""The addresses of the files that a dataset downloads."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import PurePosixPath
from urllib.parse import urlsplit

RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
MOST = 1_000
"""The most numbers of one range."""


def expanded(address: str) -> Iterator[str]:
    """Yields the address once for each number of each range in it: `f{08..10}.csv` is f08.csv, f09.csv and f10.csv.

    ValueError if a range has no numbers or more than 1,000.
    """
    found = RANGE.search(address)
    if found is None:
        yield address
        return
    first, last = found.groups()
    if not 0 <= int(last) - int(first) < MOST:
        raise ValueError(f"url has the range `{found[0]}`; write the smaller number first, at most {MOST:,} numbers")
    for number in range(int(first), int(last) + 1):
        yield from expanded(f"{address[: found.start()]}{str(number).zfill(len(first))}{address[found.end() :]}")


def check(address: str) -> None:
    """ValueError if the address is not one of a file that can be downloaded without a login."""
    wanted = "write https://HOST/FILE in ASCII, with no login, `?` or `#` (http:// for a server on this machine)"
    try:
        parts = urlsplit(address)
        plain = re.fullmatch("[!->@-~]+", address) and "#" not in address
        whole = plain and parts.hostname and "@" not in parts.netloc
    except ValueError:
        whole = None
    names = parts.path.split("/")[1:] if whole else []
    if not names or {"", ".", ".."} & set(names) or not (parts.scheme == "https" or is_local(address)):
        raise ValueError(f"url is `{without_login(address)}`; {wanted}")


def without_login(address: str) -> str:
    """The address without a login, so that a message does not show a password."""
    return re.sub(r"//[^/]*@", "//", address)


def is_local(address: str) -> bool:
    """Whether the address is one of HTTP on the loopback interface of this machine."""
    parts = urlsplit(address)
    try:
        return parts.scheme == "http" and (parts.hostname == "localhost" or ip_address(str(parts.hostname)).is_loopback)
    except ValueError:
        return False


def place(address: str) -> PurePosixPath:
    """The place of the address's file in a folder of downloads: a folder for the host, then the path."""
    parts = urlsplit(address)
    return PurePosixPath(parts.netloc, parts.path.removeprefix("/"))
