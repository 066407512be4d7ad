"""The circuit breaker: after a server is gone, its questions fail at once, so that a run ends in bounded time."""

import pyarrow as pa

from rollup_bench.engines.contract import Session
from rollup_bench.errors import FailureError
from rollup_bench.servers import Server
from rollup_bench.workloads.questions import Question


class CircuitBreaker(Session):
    """A session whose questions fail at once after one question failed while its server was down."""

    def __init__(self, session: Session, server: Server | None) -> None:
        self._session, self._server = session, server
        self._failure: str | None = None

    def ask(self, question: Question) -> pa.Table:
        """Returns the session's answer; raises FailureError with the first failure's message if the server is gone."""
        if self._failure is not None:
            raise FailureError(self._failure)
        try:
            return self._session.ask(question)
        except FailureError as error:
            if self._server is not None and self._server.status().address is None:
                self._failure = str(error)
            raise
