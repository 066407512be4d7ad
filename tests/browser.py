"""Chromium for the tests of the pages: where it is, and got by apt where that can be done."""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = f"the tests of the pages need {NAMES[0]}: apt-get install {NAMES[0]}"


def find() -> str | None:
    """The program, None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


def install() -> None:
    """Lets apt install it, as root only."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    print(f"Installing {NAMES[0]}, once", flush=True)
    for words in (["update"], ["install", "--yes", "--no-install-recommends", NAMES[0]]):
        subprocess.run([apt, "-qq", *words], stdout=subprocess.DEVNULL, env=environment, check=False)


if __name__ == "__main__":
    if not find():
        install()
    sys.exit(None if find() else MISSING)
