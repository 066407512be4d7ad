"""Installs by apt what the tests need of the system, or says in one line what is missing."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence

from rollup_bench.errors import RequestError
from rollup_bench.servers.java import VERSION, java, maven
from tests.support import browser

SERVERS = (f"openjdk-{VERSION}-jre-headless", "maven")
"""The packages that native servers need."""
SECONDS = 900.0
"""How long apt may take for each of its two steps."""


def lacking() -> str | None:
    """What a native server lacks, in one line."""
    try:
        java()
        maven()
    except RequestError as error:
        return str(error)
    return None


def missing() -> str | None:
    """The first of Java, Maven and Chromium that is not installed, in one line."""
    return lacking() or (None if browser.find() else browser.MISSING)


def install(packages: Sequence[str]) -> None:
    """Let apt install packages, as root only; print which ones first. The caller checks whether that helped."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    print(f"apt-get installs on this system, once: {' '.join(packages)}", flush=True)
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        call = [apt, "-qq", *words]
        with subprocess.Popen(call, stdout=subprocess.DEVNULL, env=environment, start_new_session=True) as process:
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGTERM)
                print(f"apt-get gives no answer in {SECONDS:.0f} s", flush=True)
                return


if __name__ == "__main__":
    packages = [*(SERVERS if lacking() else ()), *(() if browser.find() else browser.NAMES[:1])]
    if packages:
        install(packages)
    sys.exit(missing())
