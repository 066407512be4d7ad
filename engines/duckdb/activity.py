"""Tables of what subjects do at each age, from which cohorts are added up."""

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.duckdb.cohort import BIRTH, activity, first_events
from rollup_bench.engines.duckdb.sql import Literals
from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads.dataset import Columns


def create(stored: StoredActivity, columns: Columns, local: LocalTime) -> str:
    """The statement that creates the table from the table `events`.

    `born` is the local day of births, or the start of their minute or hour in milliseconds since 1970, UTC. A row
    counts, for such a bucket, a cohort and an age, the subjects seen, those seen there first and last, and
    their events, and sums columns. Rows of the age -1 count births.
    """
    question, parameters = stored.definition, Literals()
    born = local.bucket("born", stored.grain)
    cohort = ", cohort" if question.by else ""
    numbers = [f"number{i}" for i, _ in enumerate(stored.columns)]
    sums = "".join(f", sum({n}) AS {n}" for n in numbers)
    named = "".join(f", sum({n}) AS {quoted(f'sum {c}')}" for n, c in zip(numbers, stored.columns, strict=True))
    nulls = ", NULL" * len(numbers)
    window = "OVER (PARTITION BY subject)"
    ctes = {
        "firsts": first_events(question, columns, parameters),
        "births": "SELECT * FROM firsts",
        "activity": activity(question, list(stored.columns), columns, local, parameters),
        "ages": f"SELECT {born} AS born{cohort}, subject, age, count(*) AS events{sums} FROM activity GROUP BY ALL",
        "ordered": f"SELECT *, age = min(age) {window} AS earliest, age = max(age) {window} AS latest FROM ages",
        "returns": f"SELECT born{cohort}, age, count(*) AS subjects, count(*) FILTER (earliest) AS first, "
        f"count(*) FILTER (latest) AS last, sum(events) AS events{named} FROM ordered GROUP BY ALL",
        "born": f"SELECT {born} AS born{cohort}, {BIRTH}, count(*), 0, 0, 0{nulls} FROM births GROUP BY ALL",
    }
    text = ",\n".join(f"{name} AS ({text})" for name, text in ctes.items())
    return f"CREATE TABLE {quoted(stored.name)} AS WITH {text}\nSELECT * FROM returns UNION ALL FROM born ORDER BY ALL"
