"""Looks up known vulnerabilities of the locked Python packages with pip-audit; exits with 1 if one is not accepted.

`accepted.toml` in the same folder names the accepted vulnerabilities, each with a reason. If no vulnerability can be
looked up, the program prints one line and exits with 0. The tool pip-audit knows no vulnerabilities of jars.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def findings(report: dict[str, Any], accepted: dict[str, str]) -> tuple[list[str], list[str]]:
    """Returns a line for each vulnerability that is not accepted, and the packages that could not be looked up."""
    found, unknown = [], []
    for package in report["dependencies"]:
        if "skip_reason" in package:
            unknown.append(package["name"])
        for one in package.get("vulns", []):
            if not accepted.keys() & {one["id"], *one["aliases"]}:
                fixed = f"fixed in {', '.join(one['fix_versions'])}" if one["fix_versions"] else "not fixed yet"
                found.append(f"{package['name']} {package['version']}: {one['id']}, {fixed}")
    return found, unknown


def main() -> int:
    """Prints the vulnerabilities that are not accepted; returns the exit status, 1 if there are any."""
    words = ["--requirement", str(HERE / "dev.txt"), "--require-hashes", "--disable-pip", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--timeout", "15", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        print(f"audit: vulnerabilities cannot be looked up: {(done.stderr.strip() or '?').splitlines()[-1]}")
        return 0
    accepted = tomllib.loads((HERE / "accepted.toml").read_text("utf-8"))
    found, unknown = findings(report, accepted)
    for line in found:
        print(f"audit: {line}; update it, or accept it in requirements/accepted.toml with the reason")
    total = len(report["dependencies"])
    more = f", {len(unknown)} could not be looked up" if unknown else ""
    print(f"audit: {total} packages{more}; {len(found)} vulnerabilities are not accepted")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
