"""Converts columns of data files to columns of events: times, texts, integers and floats."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads import numerals
from rollup_bench.workloads.dataset import EPOCHS, Columns, Time
from rollup_bench.workloads.source import Source

INSTANT = pa.timestamp("ms", "UTC")
YEARS = (-62_135_596_800_000, 253_402_300_799_999)  # the years 1 to 9999 begin and end, in milliseconds since 1970
OFFSET = r":\d\d.*(Z|[+-]\d\d(:?\d\d)?)$"
BELOW_MILLISECONDS = r"([.]\d{3})\d+"
FORMAT = 'correct the value or the format of the column, as in columns.time = { name = "day", format = "%d/%m/%Y" }'
HOW = "correct it, or `decimal`, `thousands`, `signs` or `null` under [source]"
LONG = r"^[+-]?(0?[.]\d{18,}|[1-9][\d.]{18,}|\d{16,}[.]?0*)$"
"""A pattern of texts of numbers without an exponent or leading zeros that a float of 64 bits may round."""
HALVES = r"(?i)\b([ap])[.] ?m[.]"
"""The halves of the day as `%p` does not read them: a.m. and p.m."""
DIRECTIVES = {"Y": "[0-9]{4}"} | dict.fromkeys("mHMSIy", " *[0-9]{1,2}")
"""Patterns of the numbers in formats of times."""
DIGITS = 15
"""Every decimal number of so many digits is exact in a float of 64 bits: it is written again with the same digits."""
NOTATION = 17
"""Every float of 64 bits can be written with so many digits."""
Convert = Callable[[pa.Array], pa.Array]


class ValueAtError(ValueError):
    """An error in a data file. `place` is the row, counted from 0 in its batch or file, or None if no row is known."""

    def __init__(self, place: int | None, reason: str) -> None:
        super().__init__(reason)
        self.place = place


def contents(kind: pa.DataType) -> str:
    """The word of error messages for the values of a type: texts, integers, times and so on, or decimal numbers."""
    words = {"integers": pa.types.is_integer, "times": pa.types.is_temporal, "lists or objects": pa.types.is_nested}
    words |= {"texts": _is_text, "true or false": pa.types.is_boolean}
    return next((word for word, is_kind in words.items() if is_kind(kind)), "decimal numbers")


def column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A batch's column with dictionaries decoded and bytes as texts; all NULL if the batch lacks a column `name`.

    ValueAtError if bytes are not UTF-8.
    """
    array = batch.column(name) if name in batch.schema.names else pa.nulls(batch.num_rows)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    wanted = "text in UTF-8; save the file in UTF-8 or, for CSV, write its `encoding` under [source]"
    return _each(array, lambda a: a.cast(pa.string()), name, wanted) if _is_text(array.type) else array


def measure(batch: pa.RecordBatch, name: str, source: Source) -> pa.Array:
    """A batch's column of numbers as `column` returns it; texts have a decimal point, and an empty one is NULL.

    In files of any kind, texts that the source names as NULL are NULL, also in quotes, and signs and marks between
    groups of digits are left out. ValueAtError if a text has another decimal mark than the source.
    """
    array = column(batch, name)
    if not pa.types.is_string(array.type):
        return array
    array = pc.utf8_trim_whitespace(array)
    array = pc.if_else(
        pc.is_in(array, pa.array(["", *map(str.strip, source.null)])), pa.scalar(None, pa.string()), array
    )
    plain = numerals.plain(array, name, source)
    if source.decimal == ".":
        return plain
    if (place := pc.index(pc.match_substring(plain, "."), True).as_py()) >= 0:
        raise ValueAtError(
            place, f"column `{name}` is `{_shown(array[place])}`, not a number with a decimal comma; {HOW}"
        )
    is_number = pc.match_substring_regex(plain, numerals.number(","))
    return pc.if_else(is_number, pc.replace_substring(plain, ",", "."), plain)


def widest(known: pa.DataType | None, array: pa.Array, role: str) -> pa.DataType | None:
    """The type for a column whose batches before `array` have type `known`; None while all its values are NULL.

    A column with `role` "text" is int64 if every value is an integer of 64 bits in its usual notation ("7", not "07"),
    else string. A column with another role, a measure, is int64 if every value is an integer of 64 bits, else float64.
    """
    if array.null_count == len(array):
        return known
    kind = _text_type(array) if role == "text" else _number_type(array)
    if known is None or known == kind:
        return kind
    return pa.string() if role == "text" else pa.float64()


def events(batch: pa.RecordBatch, columns: Columns, types: dict[str, pa.DataType], source: Source) -> pa.RecordBatch:
    """The batch converted to events, with columns in the order of `columns.all`; ValueAtError if a value is wrong.

    `source` says how measures are written that are texts.
    """
    arrays = [instants(column(batch, t.name), t) for t in columns.times]
    if arrays[0].null_count:
        empty = pc.index(arrays[0].is_null(), True).as_py()
        remedy = "write a time or remove the row; `footer` under [source] leaves out lines at the end of CSV"
        raise ValueAtError(empty, f"column `{columns.time.name}` is empty or NULL; {remedy}")
    arrays += [texts(column(batch, name), types[name], name) for name in columns.texts]
    arrays += [numbers(measure(batch, name, source), types[name], name) for name in columns.measures]
    arrays += [_orders(measure(batch, name, source), name) for name in columns.ordering[1:]]
    return pa.RecordBatch.from_arrays(arrays, names=columns.all)


def instants(array: pa.Array, time: Time) -> pa.Array:
    """A column of times as Arrow timestamps in whole milliseconds, UTC; ValueAtError if a value is not a time."""
    if pa.types.is_null(array.type):
        return array.cast(INSTANT)
    converted = _each(array, *_times(array.type, time))
    since = converted.cast(pa.int64())
    beyond = pc.or_(pc.less(since, YEARS[0]), pc.greater(since, YEARS[1]))
    if (place := pc.index(beyond, True).as_py()) >= 0:
        raise ValueAtError(place, f"column `{time.name}` is `{array[place]}`, not in the years 1 to 9999; {FORMAT}")
    return converted


def _times(kind: pa.DataType, time: Time) -> tuple[Convert, str, str]:
    """The function that converts times of type `kind`, the column's name, and what an error message asks for."""
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return lambda a: _instant(a, time.zone), time.name, "a time in the years 1 to 9999; correct the value"
    if time.format in EPOCHS and (numeric or _is_text(kind)):
        unit = pa.timestamp(EPOCHS[time.format], "UTC")
        wanted = f"whole {time.format} since 1970; {FORMAT}"
        return lambda a: _instant(a.cast(pa.int64()).cast(unit), time.zone), time.name, wanted
    if time.format not in (None, *EPOCHS) and (pa.types.is_integer(kind) or _is_text(kind)):
        form = str(time.format)
        return lambda a: _instant(_parsed(a.cast(pa.string()), form), time.zone), time.name, f"like {form}; {FORMAT}"
    if _is_text(kind):
        return lambda a: _iso(a, time.zone), time.name, f"ISO 8601, as in 2013-06-01T12:00:00Z; {FORMAT}"
    remedy = 'write format = "seconds" or "milliseconds" there if they count from 1970' if numeric else "name another"
    raise ValueAtError(None, f"[columns] has `{time.name}` as a time, but it contains {contents(kind)}; {remedy}")


def _parsed(texts: pa.Array, form: str) -> pa.Array:
    """Texts as Arrow timestamps; pa.ArrowInvalid for a text in another format, or for a day that its month lacks.

    Arrow takes such a day for one of the first three of the next month; so does this function if texts have offsets.
    """
    if "%p" in form:
        texts = pc.replace_substring_regex(texts, HALVES, r"\1m")
    parsed = pc.strptime(texts, form, "us")
    if "%d" in form and "%z" not in form:
        early = pc.less_equal(pc.day(parsed), 3)
        pattern = re.sub(r"%(?!d)(\w)", lambda part: DIRECTIVES.get(part[1], ".+?"), form.replace(".", "[.]"))
        written = pc.extract_regex(texts.filter(early), f"^{pattern.replace('%d', ' *(?P<day>[0-9]{1,2})')}")
        days = pc.struct_field(written, "day").cast(pa.int64())
        if pc.any(pc.not_equal(days, pc.day(parsed.filter(early)))).as_py():
            raise pa.ArrowInvalid("a month lacks this day")
    return parsed


def _iso(array: pa.Array, zone: str) -> pa.Array:
    """ISO 8601 texts as Arrow timestamps in UTC; a text without an offset from UTC is a local time of `zone`."""
    texts = pc.replace_substring_regex(array, BELOW_MILLISECONDS, r"\1")
    has_offset = pc.match_substring_regex(texts, OFFSET)
    none = pa.scalar(None, pa.string())
    with_offset = pc.if_else(has_offset, texts, none).cast(INSTANT)
    local = pc.if_else(has_offset, none, texts).cast(pa.timestamp("ms"))
    return pc.coalesce(with_offset, _instant(local, zone))


def _instant(array: pa.Array, zone: str) -> pa.Array:
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("ms"))
    if array.type.tz is None:
        array = pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="latest")
    return pc.floor_temporal(array.cast(pa.timestamp(array.type.unit, "UTC")), unit="millisecond").cast(INSTANT)


def _text_type(array: pa.Array) -> pa.DataType:
    if not pa.types.is_string(array.type) and not pa.types.is_integer(array.type):
        return pa.string()
    try:
        whole = array.cast(pa.int64())
    except pa.ArrowInvalid:
        return pa.string()
    return pa.int64() if pc.all(pc.equal(whole.cast(array.type), array)).as_py() else pa.string()


def _number_type(array: pa.Array) -> pa.DataType:
    if pa.types.is_floating(array.type):
        return pa.float64()
    try:
        array.cast(pa.int64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.float64()
    return pa.int64()


def _is_text(kind: pa.DataType) -> bool:
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    binaries = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return any(is_kind(kind) for is_kind in (*texts, *binaries))


def texts(array: pa.Array, kind: pa.DataType, name: str) -> pa.Array:
    """A column of texts or integers as type `kind`; ValueAtError if it contains decimal numbers, lists or objects."""
    if pa.types.is_floating(array.type) or pa.types.is_nested(array.type):
        wanted = "texts or integers; write them so, or give the column another role under [columns]"
        raise ValueAtError(None, f"column `{name}` contains {contents(array.type)}, not {wanted}")
    return _each(array, lambda a: a.cast(kind), name, "a text")


def numbers(array: pa.Array, kind: pa.DataType, name: str, *, summed: bool = True) -> pa.Array:
    """A column of numbers as int64 or float64, NaN as NULL.

    ValueAtError if a value is no number or, if they are `summed`, would be rounded.
    """
    if pa.types.is_temporal(array.type) or pa.types.is_nested(array.type):
        wanted = "numbers; take it out of `measures` under [columns]"
        raise ValueAtError(None, f"column `{name}` contains {contents(array.type)}, not {wanted}")
    wanted = f"a number; {HOW}, or take {name} out of `measures`"
    if kind == pa.int64():
        return _each(array, lambda a: a.cast(kind), name, wanted)
    if summed:
        _refuse_rounded(array, name)
    exact = not pa.types.is_integer(array.type)
    floats = _each(array, lambda a: a.cast(kind, safe=exact), name, wanted)
    if pc.any(pc.is_inf(floats)).as_py():
        place = pc.index(pc.is_inf(floats), True).as_py()
        raise ValueAtError(place, f"column `{name}` is infinite; write a finite number, or nothing for NULL")
    floats = pc.if_else(pc.is_nan(floats), pa.scalar(None, kind), floats)
    return pc.add(floats, 0.0)


def _orders(array: pa.Array, name: str) -> pa.Array:
    """A column of integers that orders events; ValueAtError if a value is missing or no integer of 64 bits."""
    wanted = "an integer of 64 bits; correct it, or take the column out of `order` under [columns]"
    if array.null_count:
        raise ValueAtError(pc.index(array.is_null(), True).as_py(), f"column `{name}` is empty, not {wanted}")
    return _each(array, lambda a: a.cast(pa.int64()), name, wanted)


def _refuse_rounded(array: pa.Array, name: str) -> None:
    """ValueAtError for an integer beyond 64 bits, or for a number with more digits than a float keeps."""
    if pa.types.is_decimal(array.type) and array.type.precision > DIGITS:
        digits = pc.replace_substring_regex(array.cast(pa.string()), r"E.*$|[-.]", "")
        rounded, what = pc.greater(pc.utf8_length(pc.utf8_trim(digits, "0")), DIGITS), f"more than {DIGITS} digits"
    elif pa.types.is_uint64(array.type):
        rounded, what = pc.greater(array, pa.scalar(2**63 - 1, pa.uint64())), "more than 64 bits"
    elif pa.types.is_string(array.type):
        places = np.flatnonzero(pc.match_substring_regex(array, LONG).fill_null(False))
        found = {place: said for place in places.tolist() if (said := _rounding(array[place].as_py()))}
        rounded, what = pa.array([place in found for place in range(len(array))]), next(iter(found.values()), "")
    else:
        return
    if (place := pc.index(rounded, True).as_py()) >= 0:
        remedy = f"round it in the file, or take {name} out of `measures` under [columns]"
        wrong = f"column `{name}` is `{_shown(array[place])}`, of {what}, so sums would be inexact"
        raise ValueAtError(place, f"{wrong}; {remedy}")


def _rounding(text: str) -> str:
    """What a number has too much of to be a float of 64 bits, if it is not the usual notation of one; else empty."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return ""
    if number != number.to_integral_value():
        return f"more than {NOTATION} digits" if len(number.normalize().as_tuple().digits) > NOTATION else ""
    if not -(2**63) <= number < 2**63:
        return "more than 64 bits"
    return f"more than {DIGITS} digits" if Decimal(float(number)) != number else ""


def _each(array: pa.Array, convert: Convert, name: str, wanted: str) -> pa.Array:
    """The result of `convert(array)`; ValueAtError with the row of the first value that `convert` cannot convert."""
    try:
        return convert(array)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            convert(array.slice(low, middle - low))
            low = middle
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
    raise ValueAtError(low, f"column `{name}` is `{_shown(array[low])}`, not {wanted}")


def _shown(value: pa.Scalar) -> str:
    plain = value.as_py()
    text = plain.decode("utf-8", "backslashreplace") if isinstance(plain, bytes) else str(plain)
    return text if len(text) <= 60 else f"{text[:60]}..."
