"""`python -m benchmarks.soak --minutes 10` prints what callers got while everything broke; 1 on a fault."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.children import NotStarted
from benchmarks.harness import print_table, save
from benchmarks.soak.run import Report, Settings, run_soak


def print_report(report: Report) -> None:
    """Prints the tables and the verdict."""
    print()
    print_table(("kind of caller", "requests", "what they got"), report.tally.table())
    print()
    print_table(("fault", "times"), [[name, str(n)] for name, n in sorted(report.faults_injected.items())])
    if report.trends:
        print()
        rows = [
            [
                trend.role,
                trend.figure,
                *(f"{value:,.0f}" for value in (trend.first, trend.last, trend.gain)),
                "too short to say" if trend.climbs is None else "CLIMBS" if trend.climbs else "level",
            ]
            for trend in report.trends
        ]
        print_table(("process", "figure", "first", "last", "gain of the line", "verdict"), rows)
    print()
    for note in report.notes:
        print(f"ok     {note}")
    for fault in report.faults:
        print(f"FAULT  {fault}")


def _to_json(report: Report, settings: Settings) -> dict[str, object]:
    begin_s = report.samples[0].time_s if report.samples else 0.0
    series = [
        [round(each.time_s - begin_s, 1), each.role, each.pid, *map(int, each.values.values())]
        for each in report.samples
    ]
    return {
        "seconds": settings.seconds,
        "seed": settings.seed,
        "callers": settings.n_callers,
        "outcomes": [[*key, n] for key, n in sorted(report.tally.outcomes.items())],
        "faults_injected": dict(report.faults_injected),
        "notes": report.notes,
        "faults": report.faults,
        "series": series,  # seconds, role, pid, descriptors, threads, memory of its own, resident
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a soak; 0 nothing found, 1 something."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--callers", type=int, default=24)
    parser.add_argument("--sabotage", choices=("none", "flip"), default="none", help="to see it fail")
    parser.add_argument("--output", help="name of the file in benchmarks/results, without .json")
    parser.add_argument("--keep", type=Path, help="folder that keeps logs and journal")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped all the same
    settings = Settings(given.minutes * 60, given.seed, given.callers, given.sabotage)
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            report = run_soak(settings, folder, lambda line: print(line, file=sys.stderr, flush=True))
        except NotStarted as exc:
            print(f"soak: {exc}", file=sys.stderr)
            return 1
    print_report(report)
    if given.output:
        save(given.output, [], **_to_json(report, settings))
    return int(bool(report.faults))


if __name__ == "__main__":
    sys.exit(main())
