"""A circuit breaker: once a server is gone, its questions fail at once, and a run ends in bounded time."""

import pyarrow as pa

from rollup_bench.engines.contract import Session
from rollup_bench.errors import FailureError
from rollup_bench.servers import Server
from rollup_bench.workloads.questions import Question


class CircuitBreaker(Session):
    """Asks a session until a question fails while the server does not answer either; from then on fails at once."""

    def __init__(self, session: Session, server: Server | None) -> None:
        self._session, self._server = session, server
        self._failure: str | None = None

    def ask(self, question: Question) -> pa.Table:
        """The session's answer; FailureError with the first failure's text once the server was gone."""
        if self._failure is not None:
            raise FailureError(self._failure)
        try:
            return self._session.ask(question)
        except FailureError as error:
            if self._server is not None and self._server.status().address is None:
                self._failure = str(error)
            raise
