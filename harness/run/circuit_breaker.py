"""A session that is given up with its server, so that a run ends in bounded time however many questions are left."""

import pyarrow as pa

from rollup_bench.engines.contract import Session
from rollup_bench.errors import FailureError
from rollup_bench.servers import Server
from rollup_bench.workloads.questions import Question


class Lifeline(Session):
    """Asks a session until a question fails and the server does not answer either; from then on fails at once."""

    def __init__(self, session: Session, server: Server | None) -> None:
        self._session, self._server = session, server
        self._gone: str | None = None

    def ask(self, question: Question) -> pa.Table:
        """As the session does; FailureError in the words of the failure at which the server was gone."""
        if self._gone is not None:
            raise FailureError(self._gone)
        try:
            return self._session.ask(question)
        except FailureError as error:
            if self._server is not None and self._server.status().address is None:
                self._gone = str(error)
            raise
