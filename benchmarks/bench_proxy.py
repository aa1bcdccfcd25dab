"""What a proxy in the path costs: CPU a request, requests a second, added latency.

    python -m benchmarks.bench_proxy            # every payload, five rounds: about half an hour
    python -m benchmarks.bench_proxy --quick    # three short rounds: a few minutes
    python -m benchmarks.bench_proxy --quick --payloads small --peers nginx,envoy,sidecar --assert

sidecar stands beside nginx, HAProxy, Envoy and a naive proxy. One upstream, one proxy at a time, closed loops
by wrk for CPU and throughput, open loops (openloop.py) for latency. The contestants take turns within each
cell of each round, so that what the machine's neighbours do hits all alike; ratios are taken within a round
and their median is what counts. With two cores or more a proxy has a core to itself and the load
shares another with the upstream; the sidecar's monitor, which is not in the path, may use either.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import harness, proxy_summary
from benchmarks.arena import NOTHING, Arena, Cores, Standing, assert_answers, open_arena
from benchmarks.children import NotStarted
from benchmarks.payloads import PAYLOADS, Payload
from benchmarks.peers.registry import PEERS, ROOT
from benchmarks.wrk_load import run_wrk

MAX_OPEN_RATE_PER_S = 8000.0  # what the generator in Python keeps up with, with the upstream on its core
QUIET_CORES = 0.1
RATE_SETTERS = ("nginx", "haproxy", "envoy", "sidecar")  # the naive proxy would slow the rate down for all


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that is measured for every contestant in turn."""

    payload: Payload
    connections: int
    fresh_heads: bool = False

    @property
    def heads(self) -> str:
        return "fresh" if self.fresh_heads else "repeated"


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    cells: tuple[Cell, ...]
    open_payloads: tuple[Payload, ...]
    rounds: int
    seconds: float
    pausing: bool  # whether the monitor stands still while load runs, and works off the ring afterwards


@dataclass(frozen=True, slots=True)
class Others:
    """What else runs on the machine: a proxy that must share its core batches less and looks dearer."""

    cpu_s: float
    time_s: float

    @staticmethod
    def now(arena: Arena) -> Others:
        """The account of the others up to now."""
        return Others(harness.machine_cpu_s() - arena.own_cpu_s(), time.monotonic())

    def cores_since(self, arena: Arena) -> float:
        """Cores that the others have used since then, on average."""
        now = Others.now(arena)
        return max(0.0, (now.cpu_s - self.cpu_s) / (now.time_s - self.time_s))


def plan_of(given: argparse.Namespace) -> Plan:
    """The plan that the command line asks for."""
    names = (
        given.payloads.split(",")
        if given.payloads
        else (["small", "image"] if given.quick else list(PAYLOADS))
    )
    payloads = [PAYLOADS[name] for name in names]
    cells = []
    for payload in payloads:
        cells += [Cell(payload, connections) for connections in given.connections]
        if payload.name == "small":
            cells += [Cell(payload, connections, fresh_heads=True) for connections in given.connections]
    rounds = given.rounds or (3 if given.quick else 5)
    opened = () if given.no_latency else tuple(p for p in payloads if not given.quick or p.name == "small")
    return Plan(
        tuple(cells), opened, rounds, given.seconds or (2.0 if given.quick else 5.0), given.pause_monitor
    )


def measure(arena: Arena, plan: Plan) -> Iterator[dict[str, Any]]:
    """Runs the plan and gives a row for each measurement."""
    for turn in range(plan.rounds):
        alone_per_s: dict[tuple[str, str], float] = {}
        fewest = min(cell.connections for cell in plan.cells)
        for cell in plan.cells:
            for each in _in_turn(arena, turn):
                row = {"round": turn, **closed_row(arena, each, cell, plan.seconds, plan.pausing)}
                if cell.connections == fewest and not cell.fresh_heads and row["cpu_us"]:
                    alone_per_s[cell.payload.name, each.name] = 1e6 / row["cpu_us"]
                yield row
        for payload in plan.open_payloads:
            yield from _open_rows(arena, payload, alone_per_s, turn, plan.seconds)


def _in_turn(arena: Arena, turn: int) -> list[Standing]:
    """The contestants in another order each round, so that none always follows the same one."""
    shift = turn % len(arena.standing)
    return arena.standing[shift:] + arena.standing[:shift]


def closed_row(arena: Arena, each: Standing, cell: Cell, seconds: float, pausing: bool) -> dict[str, Any]:
    """One closed-loop measurement: a second to warm up, then a run between two readings of the CPU."""
    body = arena.body_file(cell.payload)

    def load(seconds: float) -> Any:
        return run_wrk(
            each.port,
            cell.payload,
            body,
            connections=cell.connections,
            seconds=seconds,
            fresh_heads=cell.fresh_heads,
            core=arena.cores.load,
        )

    load(1.0)
    each.settle()
    seen_before, before = each.accounting(), each.account()
    if pausing:
        each.signal_monitor(signal.SIGSTOP)
    others = Others.now(arena)
    try:
        run = load(seconds)
        others_cores = others.cores_since(arena)
    finally:
        each.signal_monitor(signal.SIGCONT)
    each.settle()
    spent = each.account().since(before)
    taken = _delta(seen_before, each.accounting())
    per_request = {role: 1e6 * cpu_s / max(run.requests, 1) for role, cpu_s in spent.items()}
    return {
        **_named(each, cell, "closed"),
        "requests": run.requests,
        "errors": run.errors,
        "per_s": run.per_s,
        "cpu_us": per_request.get("worker", per_request.get("all")),
        "monitor_us": per_request.get("monitor"),
        "total_us": sum(per_request.values()),
        "others_cores": others_cores,
        **taken,
    }


def _named(each: Standing, cell: Cell, kind: str) -> dict[str, Any]:
    return {
        "peer": each.name,
        "payload": cell.payload.name,
        "heads": cell.heads,
        "connections": cell.connections,
        "kind": kind,
    }


def _delta(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float | None]:
    """Shares of the exchanges seen in between that were analysed and dropped."""
    if not before or not after or after["seen"] <= before["seen"]:
        return {"analysed_ratio": None, "dropped_ratio": None}
    n_seen = after["seen"] - before["seen"]
    n_dropped = sum(after["dropped"].values()) - sum(before["dropped"].values())
    return {
        "analysed_ratio": (after["analysed"] - before["analysed"]) / n_seen,
        "dropped_ratio": n_dropped / n_seen,
    }


def _open_rows(
    arena: Arena, payload: Payload, alone_per_s: Mapping[tuple[str, str], float], turn: int, seconds: float
) -> Iterator[dict[str, Any]]:
    """Open-loop rows at a third of saturation: the slowest serious one's, or its own for the naive one.

    Saturation is what one core carries when requests come singly (CPU a request at 1 connection), as they do
    in an open loop. The rate of a closed loop with many connections is no measure of it: there each turn of
    the event loop handles several requests, which a proxy that keeps up never sees.
    """
    known = [alone_per_s[payload.name, name] for name in RATE_SETTERS if (payload.name, name) in alone_per_s]
    common = min([MAX_OPEN_RATE_PER_S, *(per_s / 3 for per_s in known)])
    direct: dict[str, Any] = {}
    for each in arena.standing:  # the upstream itself comes first
        own = alone_per_s.get((payload.name, each.name), common * 3) / 3
        seen = open_run(arena, each, payload, min(common, own), seconds)
        each.settle()
        direct = direct or seen
        added = {
            f"added_{name}": seen[name] - direct[name]
            for name in ("p50_us", "p90_us", "p99_us", "p99.9_us")
            if each.name != NOTHING
        }
        yield {"round": turn, **_named(each, Cell(payload, 16), "open"), **seen, **added}


def open_run(
    arena: Arena, each: Standing, payload: Payload, rate_per_s: float, seconds: float
) -> dict[str, Any]:
    """One open-loop run in a process of its own."""
    core = arena.cores.load
    command = [
        *([] if core is None else ["taskset", "--cpu-list", str(core)]),
        *[sys.executable, "-m", "benchmarks.openloop", "--port", str(each.port), "--payload", payload.name],
        *["--rate", f"{rate_per_s:.1f}", "--seconds", str(seconds)],
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 60, cwd=ROOT, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(
            f"open loop, {each.name}: expected exit code 0, got {done.stderr.strip()[-300:]!r}"
        )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench_proxy", description=(__doc__ or "").partition("\n")[0]
    )
    every = ",".join(peer.name for peer in PEERS)
    parser.add_argument("--quick", action="store_true", help="three short rounds of 200 B and 150 KB")
    parser.add_argument("--rounds", type=int, help="rounds (3 when quick, else 5)")
    parser.add_argument("--seconds", type=float, help="length of a measurement (2 when quick, else 5)")
    parser.add_argument("--peers", default=every, help=f"comma-separated, of {every}")
    parser.add_argument("--payloads", help=f"comma-separated, of {','.join(PAYLOADS)}")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--no-latency", action="store_true", help="leave the open loops out")
    parser.add_argument("--unpinned", action="store_true", help="let the kernel choose cores")
    parser.add_argument(
        "--pause-monitor",
        action="store_true",
        help="the monitor stands still during closed loops, and catches up",
    )
    parser.add_argument(
        "--assert", dest="asserting", action="store_true", help="exit 1 when the budget is exceeded"
    )
    parser.add_argument(
        "--output", default="proxy", help="name of the file in benchmarks/results, without .json"
    )
    given = parser.parse_args(arguments)
    unknown = {*given.peers.split(",")} - {peer.name for peer in PEERS}
    unknown |= {*(given.payloads or "small").split(",")} - set(PAYLOADS)
    if unknown:
        parser.error(f"expected peers of {every} and payloads of {','.join(PAYLOADS)}, got {sorted(unknown)}")
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
    )
    print(f"\nstored in {path.relative_to(ROOT)}")
    faults = proxy_summary.over_budget(summary) if given.asserting else []
    for fault in faults:
        print(f"over budget: {fault}", file=sys.stderr)
    return 1 if faults else 0


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
    what = f"{row['payload']:<5} {row['heads']:<8} {row['connections']:>2}"
    if row["kind"] == "closed":
        figures = f"{row['per_s']:>9,.0f}/s {row['cpu_us']:>8.1f} us  others {row['others_cores']:.2f} cores"
    else:
        figures = f"{row['rate_per_s']:>9,.0f}/s p50 {row['p50_us']:.0f} us p99 {row['p99_us']:.0f} us"
    errors = f"  {row['errors']} errors" if row["errors"] else ""
    print(who, what, figures + errors, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
