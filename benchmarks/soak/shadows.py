"""Two hours of traffic beside a dead, a slow and a lying shadow: nothing of it may reach callers.

    python -m benchmarks.soak.shadows                      # 720,000 requests, in a quarter of an hour
    python -m benchmarks.soak.shadows --requests 60000

The requests of two hours at 100/s are sent twelve times as fast, in an open loop and in twelve parts; behind
each comes a shorter part through a second sidecar that has no shadows, beside which latency is judged. All
three shadows share one sidecar and get every request that its limits let through. Afterwards every answer
must have been the upstream's, byte for byte, every exchange accounted for by shadow and reason, the verdicts
right (in a shorter run none may be wrong) and the memory of every process level.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.arena import NOTHING, Arena, Cores, Standing, open_upstream, stand_up
from benchmarks.bad_shadows import IDLE
from benchmarks.children import Child, NotStarted, answers, free_ports
from benchmarks.fault_states import status_of
from benchmarks.harness import print_table, save
from benchmarks.payloads import PAYLOADS
from benchmarks.peers.registry import ROOT, sidecar_here
from benchmarks.proxy_measure import open_run
from benchmarks.soak.watch import SHORT_WINDOW, Trend, Watch, trends

TWO_HOURS_OF_100_PER_S = 720_000
RATE_PER_S = 1200.0
N_PARTS = 12
WITHOUT_SHARE = 0.25  # how long a part without shadows is, beside one with them
AT_REST_LIMIT_S = 60.0
MANNERS = {"slow": "late", "lying": "lie"}  # the dead one has nobody at its port
ENDS = {"dead": {"connect"}, "slow": {"answered"}, "lying": {"answered"}}
VERDICTS = {
    "dead": {"agreement": "undecided", "errors": "worse"},
    "slow": {"agreement": "equivalent", "latency_p50": "worse"},
    "lying": {"agreement": "worse", "errors": "equivalent"},
}
FIGURES = ("p50_us", "p99_half_s_us", "p99_us")


@dataclass(slots=True)
class Report:
    """What was seen.

    Attributes:
        parts: of each part, the load's figures, and those without shadows as `without`.
        faults: what should not be; empty when all is well.
        shadows: entries of `GET /api/v1/shadow` at the end.
        trends: of the sidecar with the shadows.
    """

    parts: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    shadows: list[dict[str, Any]] = field(default_factory=list)
    trends: list[Trend] = field(default_factory=list)

    def ratio(self, figure: str) -> float:
        """Median over the parts of a figure with the shadows to that without."""
        return median(part[figure] / part["without"][figure] for part in self.parts)

    def demand(self, true: bool, what: str) -> None:
        """Enters a fault when something is not so."""
        if not true:
            self.faults.append(what)


@contextmanager
def _stage(folder: Path) -> Iterator[tuple[Arena, Standing, Standing]]:
    """The upstream, the shadows, and the sidecars with and without them."""
    children: list[Child] = []
    try:
        cores = Cores.split(wanted=True)
        port, upstream = open_upstream(folder, cores, children)
        arena = Arena(folder, cores, port, [Standing(NOTHING, NOTHING, port, upstream)])
        ports = dict(zip(("dead", *MANNERS), free_ports(1 + len(MANNERS)), strict=True))
        told = [f"{manner}={ports[name]}" for name, manner in MANNERS.items()]
        command = [sys.executable, "-m", "benchmarks.bad_shadows", IDLE, *told]
        children.append(Child("shadows", command, folder, environment={"PYTHONPATH": str(ROOT)}))
        children[-1].wait_until(lambda: all(answers(ports[name]) for name in MANNERS))
        told_noise = {"noise_ratio": 0.05}  # without a second asking no shadow is ever called worse
        shadows = [
            {"name": name, "url": f"http://127.0.0.1:{at}", **told_noise} for name, at in ports.items()
        ]
        for name, settings in (("with", {"window": SHORT_WINDOW, "shadows": shadows}), ("without", {})):
            peer = replace(sidecar_here(), name=name, label=name, template="sidecar-state.yaml")
            told_settings = json.dumps({"log_format": "json", **settings})[1:-1]
            stand_up(arena, peer, peer.find() or "", children, SETTINGS=told_settings)
        if arena.missing:
            raise NotStarted("; ".join(arena.missing.values()))
        yield arena, arena.standing[1], arena.standing[2]
    finally:
        for child in reversed(children):
            child.stop()


def run(folder: Path, n_requests: int) -> Report:
    """Sends the requests and judges.

    Raises:
        NotStarted: a server did not start.
    """
    report = Report()
    with _stage(folder) as (arena, shadowed, alone):
        watch = Watch(shadowed.child.pid, sidecar_here().role_of)
        watch.start()
        begin_s = time.monotonic()
        seconds = n_requests / N_PARTS / RATE_PER_S
        for part in range(N_PARTS):
            seen = open_run(arena, shadowed.port, PAYLOADS["small"], RATE_PER_S, seconds)
            without = open_run(arena, alone.port, PAYLOADS["small"], RATE_PER_S, WITHOUT_SHARE * seconds)
            report.parts.append({"part": part, **seen, "without": without})
            print(
                f"part {part + 1:2}  with {_told(seen)}   without {_told(without)}",
                file=sys.stderr,
                flush=True,
            )
        watch.stop()
        report.trends = trends(watch.samples, begin_s, time.monotonic())
        judge(report, _status_at_rest(shadowed), decided=n_requests >= TWO_HOURS_OF_100_PER_S)
    return report


def _told(seen: Mapping[str, Any]) -> str:
    return " ".join(f"{name.removesuffix('_us')} {seen[name]:.0f} us" for name in FIGURES)


def _status_at_rest(standing: Standing) -> dict[str, Any]:
    """The status once nothing is on its way any more, or the last one."""
    deadline_s = time.monotonic() + AT_REST_LIMIT_S
    found: dict[str, Any] = {}
    while time.monotonic() < deadline_s:
        found = status_of(standing) or found
        if (
            found
            and found["accounting"]["in_flight"] == 0
            and not any(s["in_flight"] for s in found["shadow"])
        ):
            break
        time.sleep(0.1)  # between two looks at a condition
    return found


def judge(report: Report, status: Mapping[str, Any], *, decided: bool) -> None:
    """Enters what is wrong with the parts, the trends and the status at the end.

    Args:
        report: gets the faults.
        status: of `status_of`, at rest.
        decided: whether there were requests enough for every verdict.
    """
    n_errors = sum(part["errors"] + part["without"]["errors"] for part in report.parts)
    report.demand(n_errors == 0, f"callers: {n_errors} answers that were not the upstream's")
    account = status["accounting"]
    n_seen, n_dropped = account["seen"], sum(account["dropped"].values())
    settled = account["analysed"] + account["sampled_out"] + account["in_flight"] + n_dropped
    report.demand(n_seen == settled, f"accounting: {n_seen:,} seen, {settled:,} settled")
    report.shadows = status["shadow"]
    for entry in report.shadows:
        _judge_shadow(report, entry, account["analysed"], set() if decided else {"undecided"})
    for trend in report.trends:
        report.demand(not trend.climbs, f"growth: {trend.role}: {trend.figure} gained {trend.gain:,.0f}")


def _judge_shadow(report: Report, entry: Mapping[str, Any], n_offered: int, allowed: set[str]) -> None:
    name = entry["name"]
    n_told = entry["mirrored"] + sum(entry["skipped"].values())
    report.demand(n_told == n_offered, f"{name}: {n_offered:,} exchanges offered, {n_told:,} told by reason")
    n_ended = sum(entry["ended"].values())
    report.demand(n_ended == entry["mirrored"], f"{name}: {entry['mirrored']:,} copies, {n_ended:,} ended")
    ended, verdicts = entry["ended"], _verdicts(entry)
    report.demand(set(ended) <= ENDS[name], f"{name}: expected to end as {ENDS[name]}, got {ended}")
    for subject, expected in VERDICTS[name].items():
        found = verdicts[subject]
        is_right = found in {expected, *allowed}
        report.demand(is_right, f"{name}: {subject}: expected {expected}, got {found}")


def _verdicts(entry: Mapping[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in entry["findings"]}


def print_report(report: Report) -> None:
    """Prints the tables and the faults."""
    print()
    rows = [[figure, f"{report.ratio(figure):.2f}"] for figure in FIGURES]
    print_table(("latency of callers", "x without shadows"), rows)
    print()
    print_table(
        ("shadow", "mirrored", "ended", "skipped", "verdicts"),
        [
            [
                entry["name"],
                f"{entry['mirrored']:,}",
                _counts(entry["ended"]),
                _counts(entry["skipped"]),
                ", ".join(f"{name} {state}" for name, state in _verdicts(entry).items()),
            ]
            for entry in report.shadows
        ],
    )
    print()
    print_table(
        ("process", "figure", "first", "last", "gain of the line"),
        [
            [trend.role, trend.figure, *(f"{value:,.0f}" for value in (trend.first, trend.last, trend.gain))]
            for trend in report.trends
        ],
    )
    print()
    for fault in report.faults:
        print(f"FAULT  {fault}")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the soak; 0 nothing found, 1 something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.shadows")
    parser.add_argument("--requests", type=int, default=TWO_HOURS_OF_100_PER_S)
    parser.add_argument("--output", help="name of the file in benchmarks/results, without .json")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped all the same
    with tempfile.TemporaryDirectory(prefix="soak-shadows-", ignore_cleanup_errors=True) as folder:
        try:
            report = run(Path(folder), given.requests)
        except NotStarted as exc:
            print(f"soak.shadows: {exc}", file=sys.stderr)
            return 1
    print_report(report)
    if given.output:
        save(
            given.output,
            report.parts,
            command=f"python -m benchmarks.soak.shadows --requests {given.requests}",
            shadows=report.shadows,
            faults=report.faults,
            latency={figure: report.ratio(figure) for figure in FIGURES},
        )
    return int(bool(report.faults))


if __name__ == "__main__":
    sys.exit(main())
