"""Chromium for the tests of the pages."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"the tests of the pages need {NAMES[0]}: apt-get install {NAMES[0]}"
Visit = Callable[..., Page]
"""Opens an address in a window with a `width`, and with other options of Playwright."""


def find() -> str | None:
    """The program, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextmanager
def visits(browser: Browser, own: Sequence[str]) -> Iterator[Visit]:
    """Opens pages. At the end, nothing may have failed, and all addresses asked for must begin with one of `own`."""
    complaints: list[str] = []
    pages: list[Page] = []

    def visit(address: str, width: int = 1440, **options: Any) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
        page.on("response", lambda got: complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.on("request", lambda one: None if one.url.startswith(tuple(own)) else complaints.append(one.url))
        page.goto(address)
        pages.append(page)
        return page

    yield visit
    for page in pages:
        page.close()
    found = [one for one in complaints if one != "data:,"]
    assert found == [], found
