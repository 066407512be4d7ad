"""The two ways in which something can be refused."""


class RequestError(Exception):
    """The request is at fault: one line that names the file, key or flag and what would be right (exit 2)."""


class FailureError(Exception):
    """It started and something failed: one line that says what, and where to look (exit 1)."""
