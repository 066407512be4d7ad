"""Writes a dataset as files for an engine's own client, with a README.txt about them."""

from pathlib import Path

from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.engines.exports import write_text
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.templates import Template


def write(engine: Engine, plan: Plan, events: Events, folder: Path) -> list[Template]:
    """Writes the files of a plan into a folder; returns the questions that the plan supports with their defaults."""
    templates = plan.dataset.questions.values()
    supports = {template.name: engine.support(template.fill(), plan) for template in templates}
    supported = [template for template in templates if supports[template.name].where]
    usage = engine.export(plan, supported, events, folder)
    refused = [f"  {name}: {support.reason}" for name, support in supports.items() if not support.where]
    write_text(
        folder / "README.txt",
        f"{plan.dataset.title}: {events.statistics.rows} events for {engine.name}, layout {plan.layout.name}.",
        "",
        usage,
        "Questions:",
        "",
        *(f"  {template.name}: {template.story}" for template in supported),
        *(["", "Questions that the engine does not support on this layout:", "", *refused] if refused else []),
    )
    return supported
