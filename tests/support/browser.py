"""Chromium for the tests of the pages."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"the tests of the pages need {NAMES[0]}: apt-get install {NAMES[0]}"


def find() -> str | None:
    """The program, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)
