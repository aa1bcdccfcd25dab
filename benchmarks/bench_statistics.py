"""Drift statistics side by side: speed, memory, import time, state, and what of it can be trusted.

    python -m benchmarks.bench_statistics [--quick] [--rounds N] [--assert]

Every contestant runs in a process and an environment of its own (`make bench` makes them), on the same data,
one after the other within each round, the rounds interleaved; `statistics_peers/frame.py` says what is
measured. Our own budgets are measured beside it in this process (`statistics_budgets.py`). Everything is
stored in `results/statistics.json`, from which `benchmarks.table` makes the tables of the documents.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.statistics_budgets import judge, measure_budgets, missed, print_verdicts
from benchmarks.statistics_peers.registry import ROOT, STATISTICS_PEERS, StatisticsPeer
from benchmarks.statistics_summary import print_summary, summarise

LIMIT_S = 1200.0  # the slowest contestant takes some minutes for 100 features
FORGET = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


class Failed(Exception):
    """A contestant did not give its line; the message is its last words."""


def environment() -> dict[str, str]:
    """Ours without what would lead another interpreter astray; every library on one thread."""
    kept = {name: value for name, value in os.environ.items() if name not in FORGET}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **threads, "MPLBACKEND": "Agg", "PYTHONWARNINGS": "ignore"}


def run_line(python: Path, arguments: Sequence[str]) -> dict[str, Any]:
    """The last line that a Python process prints, as JSON.

    Raises:
        Failed: it ended otherwise; the message is the last line of its errors.
    """
    command = [str(python), *arguments]
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise Failed(f"took more than {LIMIT_S:.0f} s") from exc
    lines = run.stdout.strip().splitlines()
    if run.returncode or not lines:
        raise Failed((run.stderr.strip().splitlines() or ["no output"])[-1][:200])
    return dict(json.loads(lines[-1]))


def import_costs(peer: StatisticsPeer, python: Path) -> dict[str, float]:
    """Seconds and resident bytes of importing the contestant in a fresh process."""
    code = (
        "import json, time\nstart = time.perf_counter()\n"
        f"{peer.imports}\n"
        "spent = time.perf_counter() - start\n"
        "held = [line for line in open('/proc/self/status') if line.startswith('VmRSS:')][0].split()[1]\n"
        "print(json.dumps({'import_s': spent, 'import_bytes': int(held) * 1024}))"
    )
    return run_line(python, ["-c", code])


def measure(
    peers: Mapping[str, Path], rounds: int, quick: bool
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """All rows, and the contestants that failed with their last words."""
    rows: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    chosen = [peer for peer in STATISTICS_PEERS if peer.name in peers]
    for number in range(rounds):
        for peer in chosen:
            if peer.name in failed:
                continue
            start = time.perf_counter()
            flags = [*(["--quick"] if quick else []), *(["--correctness"] if number == 0 else [])]
            module = f"benchmarks.statistics_peers.with_{peer.name}"
            try:
                costs = import_costs(peer, peers[peer.name])
                line = run_line(peers[peer.name], ["-m", module, *flags])
            except Failed as exc:
                failed[peer.name] = str(exc)
            else:
                rows.append({"peer": peer.name, "round": number, **costs, **line})
            spent = time.perf_counter() - start
            print(
                f"round {number + 1} {peer.name:<16} {spent:6.1f} s {failed.get(peer.name, '')}",
                file=sys.stderr,
            )
    assert_same_data(rows)
    return rows, failed


def assert_same_data(rows: Sequence[Mapping[str, Any]]) -> None:
    """All contestants have seen the same bytes.

    Raises:
        AssertionError: they have not.
    """
    seen: dict[str, set[str]] = {}
    for row in rows:
        for width, figures in row["speed"].items():
            seen.setdefault(width, set()).add(figures["data"])
    for width, digests in seen.items():
        assert len(digests) == 1, f"data of {width} features: expected one hash, got {sorted(digests)}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_statistics")
    names = ",".join(peer.name for peer in STATISTICS_PEERS)
    parser.add_argument("--quick", action="store_true", help="one round, 20 features only, fewer windows")
    parser.add_argument("--rounds", type=int, help="rounds (1 when quick, else 3)")
    parser.add_argument("--peers", default=names, help=f"comma-separated, of {names}")
    parser.add_argument("--environments", type=Path, default=ROOT, help="folder of .venv-bench-peers-*")
    parser.add_argument(
        "--assert", dest="asserting", action="store_true", help="exit 1 when a budget is missed"
    )
    parser.add_argument("--results", type=Path, default=harness.RESULTS, help="folder for statistics.json")
    given = parser.parse_args(arguments)
    given.wanted = given.peers.split(",")
    unknown = {*given.wanted} - {*names.split(",")}
    if unknown:
        parser.error(f"expected peers of {names}, got {sorted(unknown)}")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 done, 1 with `--assert` when a budget is missed or a contestant is missing."""
    given = parse(arguments)
    present, missing = {}, {}
    for peer in STATISTICS_PEERS:
        if peer.name in given.wanted:
            python = peer.python(given.environments)
            if python.exists():
                present[peer.name] = python
            else:
                missing[peer.name] = f"{python.parent.parent.name} is not there: make bench makes it"
    verdicts = judge(measure_budgets(quick=given.quick))
    print_verdicts(verdicts)
    rows, failed = measure(present, given.rounds or (1 if given.quick else 3), given.quick)
    missing.update(failed)
    summary = summarise(rows)
    print_summary(summary)
    for name, reason in missing.items():
        print(f"missing: {name}: {reason}")
    path = harness.save(
        "statistics",
        rows,
        folder=given.results,
        command="python -m benchmarks.bench_statistics" + (" --quick" if given.quick else ""),
        labels={peer.name: peer.label for peer in STATISTICS_PEERS},
        missing=missing,
        budgets=[verdict.to_json() for verdict in verdicts],
        summary=summary,
    )
    print(f"stored in {path}")
    return int(given.asserting and bool(missed(verdicts) or missing))


if __name__ == "__main__":
    sys.exit(main())
