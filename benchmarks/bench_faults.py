"""Does trouble in monitoring reach callers? Latency with each fault beside latency with monitoring off.

    python -m benchmarks.bench_faults            # 15 rounds: about ten minutes
    python -m benchmarks.bench_faults --quick    # 7 shorter rounds
    python -m benchmarks.bench_faults --assert   # exit 1 when a fault is felt

One sidecar a state (fault_states.py), all with the same upstream, one at a time under an open loop at one
rate, the others stopped meanwhile. Each measurement of a state has one with monitoring off right beside it,
before it or behind it by turns, and their ratio is what counts: a neighbour that disturbs the machine for
longer than that disturbs both. The state `off again` is monitoring off on a second sidecar: what its ratios
spread over is noise, and so is any effect within it. A ratio's interval is the one that holds the true median
in 19 of 20 cases, by the order of the rounds alone.

The 99th percentile of a run of seconds is decided by the one longest stall of the machine. Hence the one that
is judged is of half seconds, of which the median counts; that of whole runs stands beside it. A fault is felt
(MISS) when even the low end of an interval is above the limit; a ratio above the limit whose interval reaches
below is open: more rounds, or a quieter machine, would tell.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import harness
from benchmarks.arena import NOTHING, Arena, Cores, Standing, open_upstream, stand_up
from benchmarks.bad_shadows import IDLE, MANNERS
from benchmarks.children import Child, NotStarted, answers, free_ports
from benchmarks.fault_states import OFF, STATES, State, is_full, open_full_disk, status_of
from benchmarks.payloads import PAYLOADS
from benchmarks.peers.registry import ROOT, sidecar_here
from benchmarks.proxy_measure import open_run
from benchmarks.wrk_load import run_wrk

P99_LIMIT_RATIO = 1.1
MOST_RATE_PER_S = 3000.0
FIGURES = ("p50_us", "p99_us", "p99_half_s_us")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured beside what.

    Attributes:
        name: of the module, under `benchmarks`.
        about: its docstring.
        beside: the state that each of the others has right beside it.
        states: the others.
        output: name of the file in `benchmarks/results`, unless told otherwise.
    """

    name: str
    about: str
    beside: State
    states: tuple[State, ...]
    output: str


class FaultMissing(Exception):
    """A fault that was to be measured did not happen."""


# --- the sidecars -----------------------------------------------------------------------------------


@contextmanager
def open_sidecars(folder: Path, states: Sequence[State], cores: Cores) -> Iterator[tuple[Arena, Path | None]]:
    """Starts the upstream and a sidecar for each state; gives also the full disk, when one is needed."""
    children: list[Child] = []
    with ExitStack() as stack:
        disk = None
        if any(state.full_disk for state in states):
            disk = stack.enter_context(open_full_disk(folder))
        stack.callback(lambda: [child.stop() for child in reversed(children)])
        port, upstream = open_upstream(folder, cores, children)
        shadow_ports = start_shadows(folder, children)
        arena = Arena(folder, cores, port, [Standing(NOTHING, NOTHING, port, upstream)])
        for state in states:
            peer = replace(sidecar_here(), name=state.name, label=state.title, template="sidecar-state.yaml")
            settings = json.dumps(_settings(state, disk, shadow_ports))[1:-1]
            stand_up(arena, peer, peer.find() or "", children, SETTINGS=settings)
        if arena.missing:
            raise NotStarted("; ".join(arena.missing.values()))
        yield arena, disk


def start_shadows(folder: Path, children: list[Child]) -> dict[str, int]:
    """Starts a shadow of every manner; gives their ports.

    Raises:
        NotStarted: they did not start.
    """
    ports = dict(zip(MANNERS, free_ports(len(MANNERS)), strict=True))
    told = [f"{manner}={port}" for manner, port in ports.items()]
    command = [sys.executable, "-m", "benchmarks.bad_shadows", IDLE, *told]
    children.append(Child("shadows", command, folder, environment={"PYTHONPATH": str(ROOT)}))
    children[-1].wait_until(lambda: all(answers(port) for port in ports.values()))
    return ports


def _settings(state: State, disk: Path | None, shadow_ports: Mapping[str, int]) -> dict[str, Any]:
    settings: dict[str, Any] = {"hang_s": 86_400.0, "log_format": "json", **state.settings}
    if state.full_disk:
        settings["state"] = {**settings.get("state", {}), "path": str(disk and disk / "state")}
        settings["access_log"] = {"path": str(disk and disk / "access.log")}
    if state.manner:
        url = f"http://127.0.0.1:{shadow_ports[state.manner]}"
        settings["shadows"] = [{"name": state.manner, "url": url, **state.shadow}]
    return settings


def freeze(standing: Standing, number: signal.Signals) -> None:
    """Stops or resumes a whole sidecar, so that those that wait for their turn cost nothing."""
    pids = harness.process_tree(standing.child.pid)
    for pid in pids if number == signal.SIGSTOP else reversed(pids):  # the supervisor stops first
        with suppress(ProcessLookupError):
            os.kill(pid, number)


# --- measuring --------------------------------------------------------------------------------------


def run_state(arena: Arena, standing: Standing, state: State, rate_per_s: float, seconds: float) -> Any:
    """One open-loop run in a state.

    Raises:
        FaultMissing: the fault did not happen meanwhile.
    """
    freeze(standing, signal.SIGCONT)
    standing.child.wait_until(lambda: bool(status_of(standing)))
    before, account = status_of(standing), standing.account()
    with state.disturb(standing):
        seen = open_run(arena, standing.port, PAYLOADS["small"], rate_per_s, seconds)
        spent = standing.account().since(account)
    standing.child.wait_until(lambda: bool(status_of(standing)))
    standing.settle()
    after = status_of(standing)
    if state.grows(after) <= state.grows(before):
        raise FaultMissing(f"{state.name}: expected its figure to grow, got {state.grows(after)} as before")
    freeze(standing, signal.SIGSTOP)
    n_asked = rate_per_s * (seconds + 0.5)  # with the generator's warm-up
    return {**seen, "cpu_us": 1e6 * spent.get("worker", 0.0) / n_asked}


def rate_of(arena: Arena, standing: Standing) -> float:
    """A third of what one core carries when requests come singly."""
    freeze(standing, signal.SIGCONT)
    before = standing.account()
    payload = PAYLOADS["small"]
    body = arena.body_file(payload)
    run = run_wrk(
        standing.port, payload, body, connections=1, seconds=1.0, fresh_heads=False, core=arena.cores.load
    )
    spent_s = standing.account().since(before)["worker"]
    standing.settle()
    return min(MOST_RATE_PER_S, run.requests / spent_s / 3)


def measure(
    arena: Arena, plan: Plan, disk: Path | None, rounds: int, seconds: float, rate_per_s: float
) -> Iterator[dict[str, Any]]:
    """Rows: in each round, each state and the plan's own beside it, as `off`.

    Raises:
        FaultMissing: a fault did not happen.
    """
    standing = {each.name: each for each in arena.standing}
    for turn in range(rounds):
        for place, state in enumerate(plan.states):
            pair = [plan.beside, state] if (turn + place) % 2 == 0 else [state, plan.beside]
            found = {
                each.name: run_state(arena, standing[each.name], each, rate_per_s, seconds) for each in pair
            }
            if state.full_disk and disk is not None and not is_full(disk):
                raise FaultMissing(f"{state.name}: expected a disk without room, got some")
            row = {"round": turn, "state": state.name, **found[state.name], "off": found[plan.beside.name]}
            yield row


# --- judging ----------------------------------------------------------------------------------------


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Lowest and highest of the ordered values that hold the true median in 19 of 20 cases.

    By the binomial distribution of how many of n values lie below the median; all values below six.
    """
    ordered, n = sorted(values), len(values)
    below, total = 0, 0.0
    while total + math.comb(n, below) / 2**n <= 0.025:
        total += math.comb(n, below) / 2**n
        below += 1
    place = max(0, below - 1)
    return ordered[place], ordered[n - 1 - place]


def summarise(rows: Sequence[Mapping[str, Any]], states: Sequence[State]) -> list[dict[str, Any]]:
    """One line a state: medians, ratios to monitoring off beside it, their interval, and the verdict."""
    lines = []
    for state in states:
        mine = [row for row in rows if row["state"] == state.name]
        if not mine:
            continue
        line: dict[str, Any] = {"state": state.name, "title": state.title, "rounds": len(mine)}
        line["errors"] = sum(row["errors"] + row["off"]["errors"] for row in mine)
        for figure in (*FIGURES, "cpu_us"):
            ratios = [row[figure] / row["off"][figure] for row in mine]
            line[figure] = median(row[figure] for row in mine)
            line[f"{figure}_off"] = median(row["off"][figure] for row in mine)
            line[f"{figure}_ratio"] = median(ratios)
            line[f"{figure}_interval"] = interval(ratios)
        line["verdict"] = _verdict(line) if state.judged else "-"
        lines.append(line)
    return lines


def _verdict(line: Mapping[str, Any]) -> str:
    intervals = [line[f"{figure}_interval"] for figure in ("p99_half_s_us", "p99_us")]
    if line["errors"] or any(low > P99_LIMIT_RATIO for low, _high in intervals):
        return "MISS"
    return "PASS" if line["p99_half_s_us_ratio"] <= P99_LIMIT_RATIO else "open"


def print_summary(summary: Sequence[Mapping[str, Any]]) -> None:
    """Prints the table and the noise."""
    header = (
        "state",
        "p50",
        "x off",
        "p99 of 0.5 s",
        "x off",
        "19 of 20",
        "p99",
        "x off",
        "19 of 20",
        "CPU x off",
        "errors",
        f"<= {P99_LIMIT_RATIO}",
    )
    rows = [
        [
            line["title"],
            f"{line['p50_us']:,.0f}",
            f"{line['p50_us_ratio']:.2f}",
            *_cells(line, "p99_half_s_us"),
            *_cells(line, "p99_us"),
            f"{line['cpu_us_ratio']:.2f}",
            str(line["errors"]),
            line["verdict"],
        ]
        for line in summary
    ]
    print()
    harness.print_table(header, rows)
    for line in summary:
        if line["state"] == "off again":
            for what, figure in (("p99 of half seconds", "p99_half_s_us"), ("p99", "p99_us")):
                _, ratio, within = _cells(line, figure)
                print(f"noise: off against off {ratio} x {what}, {within}")


def _cells(line: Mapping[str, Any], figure: str) -> tuple[str, str, str]:
    low, high = line[f"{figure}_interval"]
    return f"{line[figure]:,.0f}", f"{line[f'{figure}_ratio']:.2f}", f"{low:.2f} - {high:.2f}"


# --- the command ------------------------------------------------------------------------------------


def parse(plan: Plan, arguments: Sequence[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{plan.name}", description=plan.about.partition("\n")[0]
    )
    names = ",".join(state.name.replace(" ", "-") for state in plan.states)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rounds", type=int, help="rounds (7 when quick, else 15)")
    parser.add_argument("--seconds", type=float, help="length of a measurement (1.5 when quick, else 3)")
    parser.add_argument("--rate", type=float, help="requests a second (a third of saturation)")
    parser.add_argument("--states", default=names, help=f"comma-separated, of {names}")
    parser.add_argument("--unpinned", action="store_true", help="let the kernel choose cores")
    parser.add_argument("--assert", dest="asserting", action="store_true", help="exit 1 when a fault is felt")
    parser.add_argument("--output", default=plan.output, help="name of the file in benchmarks/results")
    given = parser.parse_args(arguments)
    wanted = given.states.replace("-", " ").split(",")
    unknown = {*wanted} - {state.name for state in plan.states}
    if unknown:
        parser.error(f"expected states of {names}, got {sorted(unknown)}")
    given.plan = replace(plan, states=tuple(state for state in plan.states if state.name in wanted))
    return given


def run_plan(plan: Plan, arguments: Sequence[str] | None = None) -> int:
    """Runs a benchmark; 0 done, 1 a fault is felt, did not happen, or a tool is missing."""
    given = parse(plan, arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped all the same
    folder = Path(tempfile.mkdtemp(prefix=f"{plan.name}-"))
    try:
        return _run(given, folder)
    except (FileNotFoundError, NotStarted, FaultMissing, RuntimeError) as exc:
        print(f"{plan.name}: {exc}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(given: argparse.Namespace, folder: Path) -> int:
    rounds, seconds = (
        given.rounds or (7 if given.quick else 15),
        given.seconds or (1.5 if given.quick else 3.0),
    )
    plan: Plan = given.plan
    rows: list[dict[str, Any]] = []
    with open_sidecars(folder, [plan.beside, *plan.states], Cores.split(not given.unpinned)) as (arena, disk):
        off = next(each for each in arena.standing if each.name == plan.beside.name)
        rate_per_s = given.rate or rate_of(arena, off)
        for each in arena.standing[1:]:
            freeze(each, signal.SIGSTOP)
        try:
            for row in measure(arena, plan, disk, rounds, seconds, rate_per_s):
                rows.append(row)
                _say(row)
        finally:
            for each in arena.standing[1:]:
                freeze(each, signal.SIGCONT)
    summary = summarise(rows, plan.states)
    print_summary(summary)
    path = harness.save(
        given.output,
        rows,
        command=f"python -m benchmarks.{plan.name}" + (" --quick" if given.quick else ""),
        rate_per_s=rate_per_s,
        summary=summary,
    )
    print(f"\nstored in {path.relative_to(ROOT)}")
    return int(given.asserting and any(line["verdict"] == "MISS" for line in summary))


def _say(row: Mapping[str, Any]) -> None:
    """One line a pair on standard error: a run takes minutes."""
    mine, off = (
        " ".join(f"{figure.removesuffix('_us')} {of[figure]:.0f} us" for figure in FIGURES)
        for of in (row, row["off"])
    )
    who = f"round {row['round'] + 1} {row['state']:<10}"
    print(f"{who} {mine}  off: {off}  {row['rate_per_s']:,.0f}/s", file=sys.stderr, flush=True)


FAULTS = Plan("bench_faults", __doc__ or "", OFF, STATES, "faults")


if __name__ == "__main__":
    sys.exit(run_plan(FAULTS))
