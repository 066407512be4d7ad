"""How Spark writes the numbers and dates of local time."""

from rollup_bench.engines.integer_time import Dialect

SQL = Dialect(
    number="{}L",
    quotient="({} div {})",
    remainder="{} % {}",
    date="date_from_unix_date(CAST({} AS INT))",
    first_day="CAST(unix_date(trunc({}, '{}')) AS BIGINT)",
    later="CAST(unix_date(add_months({}, {})) AS BIGINT)",
    year="CAST(year({}) AS BIGINT)",
    quarter="quarter({})",
    month="month({})",
)
