"""Gets Java and Maven through the system's package manager where that can be done, else says what is missing."""

import os
import shutil
import signal
import subprocess
import sys

from engines.servers.java import VERSION, java, maven
from workloads.errors import RequestError

PACKAGES = (f"openjdk-{VERSION}-jre-headless", "maven")
SECONDS = 900.0
"""How long apt may take for each of its two steps."""


def missing() -> str | None:
    """What a native server lacks, in one line."""
    try:
        java()
        maven()
    except RequestError as error:
        return str(error)
    return None


def install() -> None:
    """Lets apt install them, as root only; whether that helped is for `missing` to tell."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    print(f"Installing {' and '.join(PACKAGES)}, once", flush=True)
    for words in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        call = [apt, "-qq", *words]
        with subprocess.Popen(call, stdout=subprocess.DEVNULL, env=environment, start_new_session=True) as process:
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGTERM)
                print(f"apt-get gives no answer in {SECONDS:.0f} s", flush=True)
                return


if __name__ == "__main__":
    if missing():
        install()
    sys.exit(missing())
