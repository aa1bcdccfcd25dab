"""The budgets of the data plane, each judged by a summary of bench_proxy.

A figure that was not measured misses its budget: a benchmark that leaves something out must not look like one
that found it good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.harness import print_table
from benchmarks.proxy_summary import Row, cell_of

SUBJECT = "sidecar"


@dataclass(frozen=True, slots=True)
class Budget:
    """One promise.

    Attributes:
        what: for the eye.
        cell: payload, heads, connections, kind of load.
        figure: which of the line's figures.
        peer: whose figure of the same round it is a ratio to; None for the figure itself.
        limit: at most this, or at least this when `least`.
        judged: False for a figure that stands beside a promise to say how far it can be believed.
    """

    what: str
    cell: tuple[str, str, int, str]
    figure: str
    peer: str | None
    limit: float
    least: bool = False
    judged: bool = True

    @property
    def rule(self) -> str:
        """Such as `<= 1.25 x nginx`."""
        sign = ">=" if self.least else "<="
        return f"{sign} {self.limit:g}" + (f" x {self.peer}" if self.peer else "")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A budget and what was measured; `measured` is None when nothing was."""

    what: str
    rule: str
    measured: float | None
    lowest: float | None
    highest: float | None
    judged: bool
    kept: bool

    @property
    def word(self) -> str:
        if not self.judged:
            return "-"
        return "PASS" if self.kept else "MISS" if self.measured is not None else "MISS (not measured)"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.word}


def _cpu_budgets() -> list[Budget]:
    found = []
    for heads, nginx, envoy in (("repeated", 1.25, 0.4), ("fresh", 1.6, 0.55)):
        for connections in (16, 1):
            cell = ("small", heads, connections, "closed")
            what = f"CPU a request, {heads} heads, {connections} connection(s)"
            found.append(Budget(what, cell, "cpu_us", "nginx", nginx))
            found.append(Budget(what, cell, "cpu_us", "envoy", envoy))
    return found


def _throughput_budgets() -> list[Budget]:
    found = []
    for name, title in (
        *(("image-up", "150 KB request body"), ("image-down", "150 KB response body")),
        *(("large-up", "1 MB request body"), ("large-down", "1 MB response body")),
    ):
        cell = (name, "repeated", 16, "closed")
        found.append(Budget(f"requests/s, {title}", cell, "per_s", "nginx", 0.7, least=True))
        # When the load is the bottleneck, everyone has the same throughput, and only this tells them apart
        what = f"its CPU a request, {title}"
        found.append(Budget(what, cell, "cpu_us", "nginx", 1 / 0.7, judged=False))
    return found


_OPEN = ("small", "repeated", 16, "open")
BUDGETS: tuple[Budget, ...] = (
    *_cpu_budgets(),
    Budget("added latency p50, open loop", _OPEN, "added_p50_us", "envoy", 0.6),
    Budget("added latency p99, open loop", _OPEN, "added_p99_us", "envoy", 1.0),
    *_throughput_budgets(),
    Budget("resident memory of a worker, MB", ("-", "-", 0, "memory"), "resident_mb", None, 40.0),
    Budget("start until the port forwards, s", ("-", "-", 0, "start"), "start_s", None, 0.5),
)


def judge(summary: Sequence[Row], budgets: Sequence[Budget] = BUDGETS) -> list[Verdict]:
    """One verdict a budget, and one for failed requests, of which there may be none."""
    lines = {cell_of(line): line for line in summary if line["peer"] == SUBJECT}
    verdicts = [_verdict(budget, lines.get(budget.cell)) for budget in budgets]
    n_errors = float(sum(line["errors"] for line in lines.values()))
    errors = n_errors if lines else None
    return [*verdicts, Verdict("failed requests", "<= 0", errors, errors, errors, True, errors == 0)]


def _verdict(budget: Budget, line: Row | None) -> Verdict:
    measured, ends = None, None
    if line is not None and budget.peer is None:
        measured, ends = line[budget.figure], line["range"][budget.figure]
    elif line is not None:
        measured = line["against"].get(budget.peer, {}).get(budget.figure)
        ends = line["ranges"].get(budget.peer, {}).get(budget.figure)
    lowest, highest = ends or (None, None)
    kept = measured is not None and (measured >= budget.limit if budget.least else measured <= budget.limit)
    return Verdict(budget.what, budget.rule, measured, lowest, highest, budget.judged, kept)


def missed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Those that break a promise."""
    return [verdict for verdict in verdicts if verdict.judged and not verdict.kept]


def print_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Prints a line a budget: the median over the rounds, between the lowest and highest round."""
    print("\nbudgets (median of the rounds; lowest and highest round)")
    rows = []
    for verdict in verdicts:
        figures = map(_shown, (verdict.measured, verdict.lowest, verdict.highest))
        rows.append([verdict.what, verdict.rule, *figures, verdict.word])
    print_table(("budget of the sidecar", "limit", "measured", "lowest", "highest", "verdict"), rows)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
