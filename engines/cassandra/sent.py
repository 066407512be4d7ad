"""How far a load has come, kept beside its tables, so that one that was cut off goes on."""

import time

from cassandra.cluster import Session

from rollup_bench.engines.cassandra import planning
from rollup_bench.engines.cassandra.tables import quoted
from rollup_bench.engines.contract import Plan


class Sent:
    """The rows of each table that have arrived, of a load that goes on or of one that begins: then all is created.

    Rows go in an order that the plan alone decides, and each has its key from its place in it. So it is enough to know
    how many there are; those that arrived after the last note are sent again, onto themselves.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        began = time.perf_counter()
        self._session, self._into = session, f"{quoted(plan.name)}.sent"
        if not created(session, plan, "sent"):
            drop(session, plan)
            for statement in planning.statements(plan.name, plan.tables):
                session.execute(statement)
        found = session.execute(f"SELECT name, rows, seconds FROM {self._into}").all()
        self.rows: dict[str, int] = {name: rows for name, rows, _ in found}
        self._began = began - max((seconds for _, _, seconds in found), default=0.0)

    @property
    def seconds(self) -> float:
        """What the load has taken, with what it had when it was cut off."""
        return time.perf_counter() - self._began

    def note(self, table: str, rows: int) -> None:
        """So many rows of a table have arrived."""
        values = [table, rows, self.seconds]
        self._session.execute(f"INSERT INTO {self._into} (name, rows, seconds) VALUES (%s, %s, %s)", values)


def created(session: Session, plan: Plan, table: str) -> bool:
    """Whether the plan's keyspace has a table."""
    tables = session.execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", [plan.name])
    return (table,) in tables.all()


def drop(session: Session, plan: Plan) -> None:
    """Removes the keyspace. Whoever may drop what they created may not say so of what there is not."""
    if session.execute("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = %s", [plan.name]).all():
        session.execute(f"DROP KEYSPACE {quoted(plan.name)}")
