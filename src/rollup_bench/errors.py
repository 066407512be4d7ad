"""The two errors that the command line prints as one line and turns into an exit status."""


class RequestError(Exception):
    """The request is wrong (exit status 2); the message is one line that names the file, key or flag and the remedy."""


class FailureError(Exception):
    """The work failed after it started; the message is one line that says what failed and where to look (exit 1)."""
