"""Makes asv's page load its scripts and styles from copies in the folder `vendor`, not from the network."""

import re
import shutil
from pathlib import Path

from rollup_bench.errors import FailureError

VENDOR = Path(__file__).parent / "vendor"
FILES = {
    "jquery-3.3.1.min.js": "jquery/jquery.min.js",
    "jquery.flot.min.js": "flot/jquery.flot.js",
    "jquery.flot.time.min.js": "flot/jquery.flot.time.js",
    "jquery.flot.selection.min.js": "flot/jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "flot/jquery.flot.categories.js",
    "jquery.flot.orderBars.js": "flot-orderbars/jquery.flot.orderBars.js",
    "stupidtable.min.js": "stupid-table-plugin/stupidtable.min.js",
    "md5.min.js": "blueimp-md5/md5.min.js",
    "bootstrap.min.js": "bootstrap/bootstrap.min.js",
    "bootstrap.min.css": "bootstrap/bootstrap.min.css",
}
_REMOTE = re.compile(r'(<(?:script|link)\b[^>]*?\b(?:src|href)=")https?://[^"]*/([^"/]+)"([^>]*>)')
_CHECKED = re.compile(r'\s(?:integrity|crossorigin|referrerpolicy)="[^"]*"')


def localised(html: str) -> str:
    """Returns the HTML with remote scripts and styles replaced by local copies; FailureError if a copy is missing."""

    def local(match: re.Match[str]) -> str:
        before, name, after = match.groups()
        if name not in FILES:
            raise FailureError(f"asv's page loads {name}, but {VENDOR.name} has no copy of it")
        return f'{before}vendor/{FILES[name]}"{_CHECKED.sub("", after)}'

    return _REMOTE.sub(local, html)


def copy_vendor(site: Path) -> None:
    """Copies the scripts and styles in the folder `vendor`, with their licenses, into the site."""
    shutil.copytree(VENDOR, site / "vendor", dirs_exist_ok=True)
