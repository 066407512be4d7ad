"""Question templates: the questions of a dataset file, whose parameters a person or a replay sets."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from random import Random
from typing import Any

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.workloads.draws import STEPS, Domain, Draw, Step
from rollup_bench.workloads.draws import parse as parse_draw
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.reading import read
from rollup_bench.workloads.specs import SPECS, check_name, zone_info


def has_parameter(part: object) -> bool:
    """Whether a part of a question's body contains a parameter: a text that begins with `$`."""
    if isinstance(part, str):
        return part.startswith("$")
    if isinstance(part, Mapping):
        return any(map(has_parameter, part.values()))
    return isinstance(part, list) and any(map(has_parameter, part))


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A named question, a story of who asks it, and the question's parameters with their defaults.

    `body` is the question as the dataset file writes it; a value `"$n"` in `body` stands for the parameter `n`. Every
    question has the parameters `start` and `end`. `draw` says how a replay draws parameters.
    """

    name: str
    story: str
    body: dict[str, Any]
    parameters: dict[str, Any]
    draw: Draw = Draw()

    def fill(self, values: Mapping[str, Any] | None = None) -> Question:
        """The question with the given values of parameters; the other parameters have their defaults.

        RequestError if a parameter is unknown or a value does not fit.
        """
        values = values or {}
        if unknown := sorted(set(values) - set(self.parameters)):
            raise RequestError(f"{self.name} has no parameter `{unknown[0]}`; set one of {', '.join(self.parameters)}")
        try:
            return self.build(values)
        except ValueError as error:
            raise RequestError(f"question {self.name}: {error}") from None

    def build(self, values: Mapping[str, Any]) -> Question:
        """Like `fill`, but `values` must name known parameters only; ValueError if a value does not fit."""
        values = self.parameters | dict(values)
        body = {"start": values["start"], "end": values["end"]} | _substitute(self.body, values)
        kind = body.get("kind")
        if kind not in SPECS:
            raise ValueError(f"kind is {f'`{kind}`' if kind else 'missing'}; write one of {', '.join(SPECS)}")
        spec = read(body, SPECS[kind])
        zone_info(spec.zone)
        return spec.question()

    def drawn(self, domain: Domain, seed: int, step: Step = "day") -> Iterator[Question]:
        """Yields the question without end, each time with parameters drawn by `draw`; nothing if no dates fit.

        Dates are drawn by the larger one of `step` and the step of `draw`.
        """
        dates = msgspec.structs.replace(self.draw.dates, step=max(step, self.draw.dates.step, key=list(STEPS).index))
        draw, rng = msgspec.structs.replace(self.draw, dates=dates), Random(f"{seed} {self.name}")
        yield from map(self.fill, draw.draws(self.parameters, self.body["zone"], domain, rng))

    def parse(self, name: str, text: str) -> object:
        """Reads a value of the parameter `name` from a text; RequestError if it has not the type of the default."""
        if name not in self.parameters:
            raise RequestError(f"--set {name}: {self.name} has no such parameter; it has {', '.join(self.parameters)}")
        default = self.parameters[name]
        try:
            return _parse(text, default)
        except (ValueError, OverflowError):
            form = f"{_kind(default)}, as the default {_written(default)} is"
            raise RequestError(f"--set {name}={text} is not {form}") from None


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a `[[questions]]` table that are the same for all kinds; `name` and `parameters` are required."""

    name: str
    parameters: dict[str, Any]
    story: str = ""
    draw: dict[str, Any] = {}

    def __post_init__(self) -> None:
        check_name("name", self.name)
        for name in ("start", "end"):
            if name not in self.parameters:
                raise ValueError(f"parameters.{name} is missing; write a date or a time, as in 2013-06-01")


def template(raw: Mapping[str, Any], zone: str) -> Template:
    """The template of a `[[questions]]` table; ValueError if a key is wrong, or a default does not fit.

    `zone` is the time zone of a table that names none.
    """
    body = {k: v for k, v in raw.items() if k not in Head.__struct_fields__}
    head = read({k: v for k, v in raw.items() if k not in body}, Head)
    if misplaced := sorted({"start", "end"} & set(body)):
        raise ValueError(f"{misplaced[0]} is a parameter; move it to [questions.parameters]")
    if unused := sorted(set(head.parameters) - {"start", "end"} - set(_references(body))):
        raise ValueError(f'parameters.{unused[0]} is not used; write "${unused[0]}" where its value goes, or remove it')
    parsed = Template(name=head.name, story=head.story, body={"zone": zone} | body, parameters=dict(head.parameters))
    parsed.build({})
    return msgspec.structs.replace(parsed, draw=parse_draw(head.draw, head.parameters))


def _references(value: object) -> Iterator[str]:
    """Yields the name of each parameter that a part of a template's body refers to as `"$name"`."""
    if isinstance(value, str) and value.startswith("$"):
        yield value[1:]
    elif isinstance(value, dict):
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _substitute(part: Any, values: Mapping[str, Any]) -> Any:
    """A part of a template's body, with each `"$name"` replaced by the parameter's value; ValueError if unknown."""
    if isinstance(part, dict):
        return {key: _substitute(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_substitute(item, values) for item in part]
    if isinstance(part, str) and part.startswith("$"):
        if part[1:] not in values:
            raise ValueError(f"`{part}` is no parameter; add it to [questions.parameters] or use {', '.join(values)}")
        return values[part[1:]]
    return part


def _parse(text: str, default: object) -> object:
    match default:
        case bool():
            return ("false", "true").index(text) == 1
        case int():
            return int(text)
        case float():
            return float(text)
        case date():
            return _moment(text)
        case list():
            return [_parse(part, default[0] if default else "") for part in text.split(",")]
        case _:
            return text


def _kind(default: object) -> str:
    """What a value of the default's type is, in words."""
    match default:
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a number"
        case date():
            return "a date or time"
        case _:
            return f"a list of items, each {_kind(default[0])}" if isinstance(default, list) and default else "a text"


def _moment(text: str) -> date:
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)


def _written(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
