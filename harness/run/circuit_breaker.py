"""The circuit breaker: once a question failed because a server is down, later questions fail without waiting."""

import pyarrow as pa

from rollup_bench.engines.contract import Session
from rollup_bench.errors import FailureError
from rollup_bench.servers import Server
from rollup_bench.workloads.questions import Question


class CircuitBreaker(Session):
    """A session in which every question fails at once after a question failed while the engine's server was down."""

    def __init__(self, session: Session, server: Server | None) -> None:
        self._session, self._server = session, server
        self._failure: str | None = None

    def ask(self, question: Question) -> pa.Table:
        """Returns the answer; after a failure with the server down, raises FailureError with that failure's message."""
        if self._failure is not None:
            raise FailureError(self._failure)
        try:
            return self._session.ask(question)
        except FailureError as error:
            if self._server is not None and self._server.status().address is None:
                self._failure = str(error)
            raise
