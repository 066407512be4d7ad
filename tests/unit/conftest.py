"""A browser for the tests of the pages."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import tests.support.browser as chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OFFLINE = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """A Chromium without a network; only the tests that ask for it import its library."""
    from playwright.sync_api import sync_playwright

    program = chromium.find()
    if program is None:
        pytest.fail(chromium.MISSING, pytrace=False)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=OFFLINE)
        yield started
        started.close()
