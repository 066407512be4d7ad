"""How ClickHouse writes the numbers and dates of local time; its type Date32 has dates from 1900 to 2299."""

from rollup_bench.engines.integer_time import Dialect

SQL = Dialect(
    number="{}",
    quotient="intDiv({}, {})",
    remainder="{} % {}",
    date="toDate32(toInt32({}))",
    first_day="toInt64(toInt32(toStartOf{1}({0})))",
    later="toInt64(toInt32({} + INTERVAL {} MONTH))",
    year="toInt64(toYear({}))",
    quarter="toQuarter({})",
    month="toMonth({})",
)
