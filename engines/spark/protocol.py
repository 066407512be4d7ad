"""The messages and services of Spark Connect, from PySpark's client, which is imported without its side effects."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _quietly() -> Iterator[None]:
    """Lets PySpark be imported.

    PySpark takes a main module without a file for its own tests, and exits since it finds no Spark; and it warns of
    pandas 3, which is not used here.
    """
    main = sys.modules["__main__"]
    lacks = not hasattr(main, "__file__")
    if lacks:
        main.__file__ = ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if lacks:
            del main.__file__


with _quietly():
    from pyspark.sql.connect.proto import base_pb2 as messages
    from pyspark.sql.connect.proto import base_pb2_grpc as services
    from pyspark.sql.connect.proto import commands_pb2 as commands
    from pyspark.sql.connect.proto import expressions_pb2 as expressions
    from pyspark.sql.connect.proto import relations_pb2 as relations
    from pyspark.sql.connect.proto import types_pb2 as types

__all__ = ["commands", "expressions", "messages", "relations", "services", "types"]
