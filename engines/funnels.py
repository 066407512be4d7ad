"""The entries of funnels that engines store for layout `tuned`, and the questions that these entries answer."""

from collections.abc import Iterable
from dataclasses import dataclass

from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.questions import Funnel
from rollup_bench.workloads.templates import Template, has_parameter

Steps = tuple[tuple[Filter, ...], ...]


@dataclass(frozen=True)
class StoredFunnel:
    """A table of the entries of a funnel: the events that match its first step, with the times of later steps.

    A later step's time is that of the subject's first matching event after the step before, at any distance. So the
    entries answer funnels of the same `steps` and dimensions `by` for any span and any window.
    """

    name: str
    steps: Steps
    by: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the table stores."""
        return f"entries of a funnel of {len(self.steps)} steps by {', '.join(self.by) or 'nothing'}"

    def answers(self, question: Funnel) -> bool:
        """Whether a question has the same steps and dimensions as the stored funnel."""
        return (question.steps, question.by) == (self.steps, self.by)


def stored_funnels(templates: Iterable[Template]) -> list[StoredFunnel]:
    """The entries to store for the funnels among `templates` whose steps have no parameters."""
    questions = (template.fill() for template in templates if not has_parameter(template.body.get("steps")))
    asked = dict.fromkeys((q.steps, q.by) for q in questions if isinstance(q, Funnel))
    return [StoredFunnel(f"funnel{i}", steps, by) for i, (steps, by) in enumerate(asked)]
