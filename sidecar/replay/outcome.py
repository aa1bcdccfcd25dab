"""What came of a replay: counts of every exchange, and the comparison."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

from sidecar.mirror.answer import Answer
from sidecar.mirror.comparison import ShadowComparison
from sidecar.mirror.job import Job
from sidecar.recording.records import Exchange


@dataclass(slots=True)
class Outcome:
    """Filled while a recording is gone through; every exchange ends in one count.

    Args:
        comparison: of the answers.
        exchanges: in the recording.
        first_unix_ns, last_unix_ns: of their beginnings; None without any.
        skipped: exchanges without a comparison, by reason.
        ended: exchanges sent (or whose answers were recorded), by how they ended: `answered`, `timeout` ...
        unmatched: recorded answers whose exchange is not in the recording.
    """

    comparison: ShadowComparison
    exchanges: int = 0
    first_unix_ns: int | None = None
    last_unix_ns: int | None = None
    skipped: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    unmatched: int = 0

    def compare(self, job: Job, answer: Answer) -> None:
        """Takes an answer; a fault of ours is counted by the comparison, and costs this pair alone."""
        self.ended[answer.failure or "answered"] += 1
        with suppress(Exception):
            self.comparison.add(job, answer)

    def note(self, exchange: Exchange) -> None:
        """Counts an exchange of the recording."""
        self.exchanges += 1
        start_ns = exchange.start_unix_ns
        self.first_unix_ns = min(start_ns, self.first_unix_ns or start_ns)
        self.last_unix_ns = max(start_ns, self.last_unix_ns or start_ns)
