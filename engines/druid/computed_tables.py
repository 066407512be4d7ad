"""Datasources whose rows the client computes from all events before the load."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.druid import ingest
from rollup_bench.engines.funnels import StoredFunnel
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Question


@dataclass(frozen=True, eq=False)
class ComputedTable(ABC):
    """A datasource of cohorts or of a funnel; in Druid its name is that of the plan, an underscore, and `name`."""

    stored: StoredActivity | StoredFunnel
    statistics: Statistics
    time: ClassVar[str]
    """The column of its rows that becomes the time."""
    count: ClassVar[str] = "COUNT(*)"
    """The SQL that counts the rows."""

    @property
    def name(self) -> str:
        """The name of what it stores."""
        return self.stored.name

    @property
    def title(self) -> str:
        """What it stores."""
        return self.stored.title

    @property
    def first(self) -> int:
        """The least time that a row may have, in milliseconds since 1970, UTC."""
        return self.statistics.first

    @property
    @abstractmethod
    def columns(self) -> Mapping[str, str]:
        """Druid's type of each column but the time."""

    @abstractmethod
    def answers(self, question: Question) -> bool:
        """Whether it can answer the question."""

    @abstractmethod
    def rows(self, events: Events) -> pa.Table:
        """The rows to load, computed from the events; at least one, because Druid has no datasource without rows."""

    def unsupported_reason(self, question: Question) -> str | None:
        """Why the datasource cannot answer the question; None if it can."""
        return None if self.answers(question) else f"{self.name} only has {self.title}"

    def spec(self, source: str) -> dict[str, Any]:
        """How the datasource named `source` is loaded: the `dataSchema` and the `tuningConfig` of its task."""
        as_given = {"queryGranularity": "NONE", "rollup": False}
        ends = (self.first, self.statistics.last)
        schema = ingest.data_schema(source, self.columns.items(), ends, self.statistics, as_given)
        return {"dataSchema": schema, "tuningConfig": ingest.tuning(ingest.UNDIVIDED)}
