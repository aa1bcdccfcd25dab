"""What a proxy in the path costs: CPU a request, requests a second, added latency.

    python -m benchmarks.bench_proxy            # every payload, five rounds: about an hour
    python -m benchmarks.bench_proxy --quick    # three short rounds: about ten minutes
    python -m benchmarks.bench_proxy --quick --payloads small --peers nginx,envoy,sidecar --assert

sidecar stands beside nginx, HAProxy, Envoy and a naive proxy. One upstream, one proxy at a time, closed loops
by wrk for CPU and throughput, open loops (openloop.py) for latency. The contestants take turns within each
cell of each round, so that what the machine's neighbours do hits all alike; ratios are taken within a round
and their median is what counts; budgets.py says which of them are promises. With two cores or more a proxy
has a core to itself and the load shares another with the upstream; the sidecar's monitor, which is not in the
path, may use either.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import budgets, harness, proxy_summary
from benchmarks.arena import NOTHING, Cores, assert_answers, open_arena
from benchmarks.children import NotStarted
from benchmarks.payloads import TITLES
from benchmarks.peers.registry import PEERS, ROOT
from benchmarks.proxy_measure import measure
from benchmarks.proxy_plan import plan_of

QUIET_CORES = 0.1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_proxy", description=(__doc__ or "").partition("\n")[0]
    )
    every = ",".join(peer.name for peer in PEERS)
    parser.add_argument(
        "--quick", action="store_true", help="three short rounds of what the budgets are about"
    )
    parser.add_argument("--rounds", type=int, help="rounds (3 when quick, else 5)")
    parser.add_argument("--seconds", type=float, help="length of a measurement (2 when quick, else 5)")
    parser.add_argument("--peers", default=every, help=f"comma-separated, of {every}")
    parser.add_argument("--payloads", help=f"comma-separated, of {','.join(TITLES)}")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--no-latency", action="store_true", help="leave the open loops out")
    parser.add_argument("--unpinned", action="store_true", help="let the kernel choose cores")
    parser.add_argument(
        "--pause-monitor",
        action="store_true",
        help="the monitor stands still during closed loops, and catches up",
    )
    parser.add_argument(
        "--assert", dest="asserting", action="store_true", help="exit 1 when a budget is missed"
    )
    parser.add_argument(
        "--output", default="proxy", help="name of the file in benchmarks/results, without .json"
    )
    given = parser.parse_args(arguments)
    unknown = {*given.peers.split(",")} - {peer.name for peer in PEERS}
    unknown |= {*(given.payloads or "small").split(",")} - set(TITLES)
    if unknown:
        parser.error(f"expected peers of {every} and payloads of {','.join(TITLES)}, got {sorted(unknown)}")
    return given


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 done, 1 a budget is exceeded or a tool is missing."""
    given = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped all the same
    folder = Path(tempfile.mkdtemp(prefix="bench_proxy-"))
    try:
        return _run(given, folder)
    except (FileNotFoundError, NotStarted, AssertionError, RuntimeError) as exc:
        print(f"bench_proxy: {exc}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(given: argparse.Namespace, folder: Path) -> int:
    plan = plan_of(given)
    labels = {NOTHING: "nothing (the upstream itself)", **{peer.name: peer.label for peer in PEERS}}
    rows: list[dict[str, Any]] = []
    with open_arena(folder, given.peers.split(","), Cores.split(not given.unpinned)) as arena:
        for name, reason in arena.missing.items():
            print(f"missing: {labels[name]}: {reason}")
        assert_answers(arena, list(dict.fromkeys(cell.payload for cell in plan.cells)))
        for row in measure(arena, plan):
            rows.append(row)
            _say(row)
    summary = proxy_summary.summarise(rows)
    proxy_summary.print_summary(summary, lambda name: labels[name])
    busiest = max((row["others_cores"] for row in rows if row["kind"] == "closed"), default=0.0)
    if busiest > QUIET_CORES:
        print(f"\nnot alone: other processes used up to {busiest:.2f} cores during a measurement")
    for name, reason in arena.missing.items():
        print(f"\nmissing: {labels[name]}: {reason}")
    path = harness.save(
        given.output,
        rows,
        command=" ".join(["python -m benchmarks.bench_proxy", *_words(given)]),
        pinned=arena.cores.proxy is not None,
        labels=labels,
        versions=arena.versions,
        missing=arena.missing,
        summary=summary,
        budgets=[verdict.to_json() for verdict in budgets.judge(summary)],
    )
    print(f"\nstored in {path.relative_to(ROOT)}")
    verdicts = budgets.judge(summary)
    budgets.print_verdicts(verdicts)
    return int(given.asserting and bool(budgets.missed(verdicts)))


def _words(given: argparse.Namespace) -> list[str]:
    """The command line again, as far as it says what was measured."""
    words = ["--quick"] if given.quick else []
    for name in ("rounds", "seconds", "payloads"):
        if getattr(given, name):
            words += [f"--{name}", str(getattr(given, name))]
    return words + [
        f"--{name}" for name in ("unpinned", "pause-monitor") if getattr(given, name.replace("-", "_"))
    ]


def _say(row: Mapping[str, Any]) -> None:
    """One line a measurement on standard error: a run takes minutes."""
    who = f"round {row['round'] + 1} {row['peer']:<8}"
    what = f"{row['payload']:<10} {row['heads']:<8} {row['connections']:>2}"
    match row["kind"]:
        case "closed":
            figures = (
                f"{row['per_s']:>9,.0f}/s {row['cpu_us']:>8.1f} us  others {row['others_cores']:.2f} cores"
            )
        case "open":
            figures = f"{row['rate_per_s']:>9,.0f}/s p50 {row['p50_us']:.0f} us p99 {row['p99_us']:.0f} us"
        case "stream":
            figures = (
                f"first byte p50 {row['first_p50_us']:.0f} us p99 {row['first_p99_us']:.0f} us, "
                f"event p50 {row['event_p50_us']:.0f} us p99 {row['event_p99_us']:.0f} us"
            )
        case "memory":
            figures = f"resident {row['resident_mb']:.1f} MB"
        case _:
            figures = f"start {row['start_s']:.2f} s"
    errors = f"  {row['errors']} errors" if row["errors"] else ""
    print(who, what, figures + errors, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
