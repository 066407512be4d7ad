"""Downloads the files of a dataset: whole or not at all, resumed after an interruption, and always the same files.

Beside a file NAME can be NAME.record with its size and checksum, NAME.part with the bytes of a download that is not
complete, NAME.version with the version of the file that these bytes are from, and NAME.lock, for taking turns.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.turns import turn
from rollup_bench.workloads.addresses import is_local, place
from rollup_bench.workloads.pace import time_left

SECONDS = 60.0
"""A connection over which nothing arrives for so many seconds is given up."""
BLOCK = 1 << 20
CUT = (OSError, HTTPException)
BY_HAND = "or download the file by other means and write `path` instead of `url` in a dataset file of your own"
Say = Callable[[str], None]
_T = TypeVar("_T")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The number of a file's bytes and the SHA-256 of its content, in hexadecimal; None stands for unknown."""

    size: int | None = None
    sha256: str | None = None


class _Version(msgspec.Struct, frozen=True):
    """The version of the file at an address: its ETag or the time of its last change; None if the server gives none."""

    validator: str | None = None


def fetch(addresses: list[str], stated: Identity, folder: Path, say: Say) -> list[tuple[Path, str]]:
    """The paths under `folder` and the SHA-256 of the files at these addresses; downloads those that are missing.

    RequestError if a file cannot be downloaded, or is not what `stated` or the record of its first download demands.
    """
    found = []
    for number, address in enumerate(addresses, 1):
        prefix = f"{number} of {len(addresses)}: " if len(addresses) > 1 else ""
        found.append(_Download(address, stated, folder, say, prefix).done())
    return found


class _Download:
    """The download of the file at one address; errors name the address or the file."""

    def __init__(self, address: str, stated: Identity, folder: Path, say: Say, prefix: str) -> None:
        self._address, self._stated, self._say, self._prefix = address, stated, say, prefix
        self._path = folder / place(address)
        self._record, self._part, self._version = (self._beside(e) for e in (".record", ".part", ".version"))

    def done(self) -> tuple[Path, str]:
        """The path and the SHA-256 of the complete file, which is downloaded if it is missing."""

        def wait() -> None:
            self._say(f"{self._prefix}waiting for another process that downloads {self._path.name}")
            time.sleep(0.1)

        if known := self._earlier():
            return self._path, known
        with turn(self._beside(".lock"), wait):
            return self._path, self._earlier() or self._new()

    def _beside(self, ending: str) -> Path:
        return self._path.with_name(self._path.name + ending)

    def _size(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _earlier(self) -> str | None:
        """The SHA-256 of the file if it is there; RequestError if its size is not that of the download."""
        known = _read(self._record, Identity)
        if known is None or known.sha256 is None or not self._path.exists():
            return None
        size = self._path.stat().st_size
        if size != known.size:
            changed = f"has {size:,} bytes, but {known.size:,} were downloaded"
            raise RequestError(f"{self._path} {changed}; delete the file, so that it is downloaded again")
        self._demand(known)
        return known.sha256

    def _new(self) -> str:
        """Downloads the file, checks it, records its identity, then gives it its name; returns its SHA-256."""
        before = -1
        while not self._received():
            if self._size() <= before:
                ended = f"the connection ended after {self._size():,} bytes, twice"
                raise RequestError(f"{self._address}: {ended}; check the network and repeat the command")
            before = self._size()
        self._say(f"{self._prefix}checking {self._path.name}")
        with self._part.open("rb") as file:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
        known = Identity(size=self._size(), sha256=checksum)
        try:
            self._demand(known)
        except RequestError:
            self._forget()
            raise
        _write(self._record, known)
        self._part.replace(self._path)
        self._version.unlink()
        return checksum

    def _demand(self, found: Identity) -> None:
        """RequestError if `found` differs from what the dataset file states or the first download recorded."""
        record = _read(self._record, Identity) or Identity()
        for demanded, says, remedy in (
            (self._stated, "[source] states", "correct [source] if the new file is right"),
            (record, f"{self._record} records", "delete that record if the new file is right"),
        ):
            for name in Identity.__struct_fields__:
                new, old = getattr(found, name), getattr(demanded, name)
                if None not in (new, old) and new != old:
                    differs = f"its {name} is {new}, but {says} {old}"
                    raise RequestError(f"{self._address} is not the expected file: {differs}; {remedy}")

    def _received(self) -> bool:
        """Downloads what is missing of the part; False if the connection ended before the part was whole."""
        version = _read(self._version, _Version) or _Version()
        start = self._size() if version.validator else 0
        ranged = {"Range": f"bytes={start}-", "If-Range": str(version.validator)} if start else {}
        with self._reply(ranged) as reply:
            if reply.status == 416 and _range(reply)[1] == start:
                return True
            if reply.status == 200 or _continues(reply, start, version):
                return self._stored(reply, start)
        self._forget()
        return self._received()

    def _forget(self) -> None:
        """Deletes the part, so that the next request asks for the whole file."""
        self._part.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    def _reply(self, ranged: dict[str, str]) -> Any:
        """The server's reply: with status 200, or to a request for a range also 206 or 416."""
        headers = {"User-Agent": "rollup-bench", "Accept-Encoding": "identity"} | ranged
        handlers = [_Redirects(), *([ProxyHandler({})] if is_local(self._address) else [])]
        try:
            reply = build_opener(*handlers).open(Request(self._address, headers=headers), timeout=SECONDS)  # noqa: S310
        except HTTPError as error:
            reply = error
        except CUT as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise RequestError(f"{self._address}: {reason}; repeat the command, {BY_HAND}") from None
        if reply.status not in ((200, 206, 416) if ranged else (200,)):
            with reply:
                answered = f"the server answered {reply.status} {reply.reason}"
            raise RequestError(f"{self._address}: {answered}; correct the address, {BY_HAND}")
        return reply

    def _stored(self, reply: Any, start: int) -> bool:
        """Stores the reply's bytes in the part, those of a partial reply behind the first `start` bytes."""
        length = reply.headers["Content-Length"] or ""
        if not length.isdigit():
            raise RequestError(f"{self._address}: the server does not say how long the file is; use another, {BY_HAND}")
        total = int(length) + (start if reply.status == 206 else 0)
        self._demand(Identity(size=total))
        self._demand_room(int(length))
        if reply.status == 200:
            self._forget()
            _write(self._version, _Version(_validator(reply)))
        self._append(reply, total)
        return self._size() == total

    def _demand_room(self, needed: int) -> None:
        free = shutil.disk_usage(self._path.parent).free
        if needed > free:
            wanted = f"{self._path.name} needs {needed:,} bytes more, but {free:,} are free"
            raise RequestError(f"{self._path.parent}: {wanted}; free some, or set ROLLUP_BENCH_HOME to another disk")

    def _append(self, reply: Any, total: int) -> None:
        """Writes to the end of the part what the reply contains, until the connection ends."""
        first, began, due = self._size(), time.monotonic(), 0.0
        with self._part.open("ab") as part:
            while block := _block(reply):
                part.write(block)
                if (now := time.monotonic()) >= due:
                    due, done = now + 0.1, part.tell()
                    left = time_left((total - done) * (now - began) / (done - first))
                    progress = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB ({done / total:.0%}), {left}"
                    self._say(f"{self._prefix}downloading {self._path.name}: {progress}")
            part.flush()
            os.fsync(part.fileno())


class _Redirects(HTTPRedirectHandler):
    """Follows a redirect if it leads to HTTPS, or from a server of this machine to another one."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        if newurl.startswith("https://") or (is_local(newurl) and is_local(req.full_url)):
            return super().redirect_request(req, fp, code, msg, headers, newurl)
        fp.close()
        raise URLError("the server redirects to an address that is not HTTPS")


def _block(reply: Any) -> bytes:
    """The next bytes of the reply; none if the reply or the connection has ended."""
    try:
        block: bytes = reply.read1(BLOCK)
    except CUT:
        return b""
    return block


def _continues(reply: Any, start: int, version: _Version) -> bool:
    """Whether a partial reply begins at byte `start` of the version that was downloaded so far."""
    return _range(reply)[0] == start and _validator(reply) in (None, version.validator)


def _range(reply: Any) -> tuple[int | None, int | None]:
    """The first byte of a partial reply and the size of the whole file, as far as Content-Range tells them."""
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+)", reply.headers["Content-Range"] or "")
    return (int(found[1]) if found[1] else None, int(found[2])) if found else (None, None)


def _validator(reply: Any) -> str | None:
    """What If-Range takes for this version of the file: its ETag unless that is weak, or without ETag its date."""
    etag, date = reply.headers["ETag"], reply.headers["Last-Modified"]
    if etag is None:
        return None if date is None else str(date)
    return None if etag.startswith("W/") else str(etag)


def _read(path: Path, kind: type[_T]) -> _T | None:
    """The content of a JSON file; None if there is no such file or it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, UnicodeError, msgspec.DecodeError):
        return None


def _write(path: Path, content: msgspec.Struct) -> None:
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(msgspec.json.encode(content))
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
