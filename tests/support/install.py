"""Installs by apt what the tests need of the system, or says in one line what is missing."""

import sys

from rollup_bench.servers import tools
from tests.support import browser


def missing() -> str | None:
    """The first of Java, Maven and Chromium that is not there, in one line."""
    return tools.missing() or (None if browser.find() else browser.MISSING)


if __name__ == "__main__":
    packages = [*(tools.PACKAGES if tools.missing() else ()), *(() if browser.find() else browser.NAMES[:1])]
    if packages:
        tools.install(packages)
    sys.exit(missing())
