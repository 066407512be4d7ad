"""What an adapter raises that the contract does not name: a failure of one line that says where."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workloads.errors import FailureError, RequestError


@contextmanager
def failures() -> Iterator[None]:
    """Whatever is raised inside, but for what the contract names, is a FailureError."""
    try:
        yield
    except (RequestError, FailureError, OverflowError):
        raise
    except Exception as error:  # an adapter's mistake is its arm's failure, and the others go on
        raise FailureError(raised(error)) from error


def raised(error: BaseException) -> str:
    """The error, and the file and line where it was raised."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = "/".join(Path(place.filename).parts[-2:])
    return f"{': '.join(filter(None, (type(error).__name__, str(error))))} ({where}:{place.lineno})"
