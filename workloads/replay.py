"""A replay: a seeded sequence of questions with their parameters drawn, the same for every engine."""

from collections.abc import Iterable, Iterator
from random import Random

from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template


def filled(template: Template, seed: int) -> Iterator[Question]:
    """The question without end; what is drawn for one does not depend on which others there are."""
    rng = Random(f"{seed} {template.name}")
    while True:
        yield template.fill(template.draw.values(template.parameters, rng) if template.draw else None)


def replay(templates: Iterable[Template], seed: int) -> Iterator[tuple[str, Question]]:
    """Names and questions without end, in rounds: each round asks each question once, in an order of its own."""
    sequences = [(template.name, filled(template, seed)) for template in templates]
    order = Random(seed)
    while sequences:
        for name, questions in order.sample(sequences, len(sequences)):
            yield name, next(questions)
