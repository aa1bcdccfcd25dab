"""The measurements of bench_proxy, one row each: closed loops, open loops, streams, memory and start."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import harness
from benchmarks.arena import NOTHING, Arena, Standing, answers_post
from benchmarks.children import Child, free_port
from benchmarks.payloads import PAYLOADS, STREAM, Payload
from benchmarks.peers.registry import ROOT, SIDECAR, fill
from benchmarks.proxy_plan import Cell, Plan
from benchmarks.wrk_load import run_wrk

MAX_OPEN_RATE_PER_S = 8000.0  # what the generator in Python keeps up with, with the upstream on its core
WARM_UP_LIMIT_S = 10
RING_BYTES = 268_435_456  # tap.ring_bytes in peers/sidecar.yaml
STREAMS_PER_S = 32.0  # half of what 16 connections carry; 1,600 events a second
RATE_SETTERS = ("nginx", "haproxy", "envoy", "sidecar")  # the naive proxy would slow the rate down for all
OPEN_FIGURES = ("p50_us", "p90_us", "p99_us", "p99.9_us")
STREAM_FIGURES = tuple(f"{what}_{name}" for what in ("first", "event") for name in OPEN_FIGURES)


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


def measure(arena: Arena, plan: Plan) -> Iterator[dict[str, Any]]:
    """Runs the plan and gives a row for each measurement."""
    warm_up(arena)
    for turn in range(plan.rounds):
        alone_per_s: dict[tuple[str, str], float] = {}
        fewest = min((cell.connections for cell in plan.cells), default=1)
        for cell in plan.cells:
            for each in _in_turn(arena.standing, turn):
                row = {"round": turn, **closed_row(arena, each, cell, plan.seconds, plan.pausing)}
                if cell.connections == fewest and not cell.fresh_heads and row["cpu_us"]:
                    alone_per_s[cell.payload.name, each.name] = 1e6 / row["cpu_us"]
                yield row
        for payload in plan.open_payloads:
            yield from _open_rows(arena, payload, alone_per_s, turn, plan.seconds)
        if plan.streams:
            yield from _stream_rows(arena, turn, plan.seconds)
        yield from _memory_rows(arena, turn)
        if any(each.name == SIDECAR.name for each in arena.standing):
            yield start_row(arena, turn)


def warm_up(arena: Arena) -> None:
    """Some seconds of large bodies for everyone, before anything is measured.

    The sidecar's ring is memory that the system gives page by page when it is first written: its first round
    costs several times what all others do, and in a short run with large bodies nothing else would be seen.
    """
    payload, core = PAYLOADS["large-up"], arena.cores.load
    body = arena.body_file(payload)
    for each in arena.standing[1:]:
        n_bytes = 0
        for _ in range(WARM_UP_LIMIT_S):
            run = run_wrk(each.port, payload, body, connections=16, seconds=1.0, fresh_heads=False, core=core)
            each.settle()
            n_bytes += run.requests * len(payload.body)
            if n_bytes > RING_BYTES or not each.admin_port:
                break


def _in_turn(standing: list[Standing], turn: int) -> list[Standing]:
    """The contestants in another order each round, so that none always follows the same one."""
    shift = turn % len(standing) if standing else 0
    return standing[shift:] + standing[:shift]


# --- closed loops ----------------------------------------------------------------------------------


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
    per_request = {role: 1e6 * cpu_s / max(run.requests, 1) for role, cpu_s in spent.items()}
    cpu_us = per_request.get("worker", per_request.get("all", 0.0))
    return {
        **_named(each, cell.payload.name, cell.heads, cell.connections, "closed"),
        "requests": run.requests,
        "errors": run.errors,
        "per_s": run.per_s,
        "cpu_us": cpu_us,
        "monitor_us": per_request.get("monitor"),
        "total_us": sum(per_request.values()),
        "busy_cores": cpu_us * 1e-6 * run.per_s,  # below 1 the load was the bottleneck, not the proxy
        "others_cores": others_cores,
        **_taken(seen_before, each.accounting()),
    }


def _named(each: Standing, payload: str, heads: str, connections: int, kind: str) -> dict[str, Any]:
    named = {"peer": each.name, "payload": payload, "heads": heads, "connections": connections}
    return {**named, "kind": kind}


def _taken(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float | None]:
    """Shares of the exchanges seen in between that were analysed and dropped."""
    if not before or not after or after["seen"] <= before["seen"]:
        return {"analysed_ratio": None, "dropped_ratio": None}
    n_seen = after["seen"] - before["seen"]
    n_dropped = sum(after["dropped"].values()) - sum(before["dropped"].values())
    return {
        "analysed_ratio": (after["analysed"] - before["analysed"]) / n_seen,
        "dropped_ratio": n_dropped / n_seen,
    }


# --- open loops ------------------------------------------------------------------------------------


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
    for each in _upstream_first(arena, turn):
        own = alone_per_s.get((payload.name, each.name), common * 3) / 3
        seen = open_run(arena, each.port, payload, min(common, own), seconds)
        each.settle()
        direct = direct or seen
        named = _named(each, payload.name, "repeated", 16, "open")
        yield {"round": turn, **named, **seen, **_added(each, seen, direct, OPEN_FIGURES)}


def _upstream_first(arena: Arena, turn: int) -> list[Standing]:
    """The upstream itself, to which the others add, then these in another order each round."""
    return arena.standing[:1] + _in_turn(arena.standing[1:], turn)


def _added(
    each: Standing, seen: Mapping[str, float], direct: Mapping[str, float], figures: tuple[str, ...]
) -> dict[str, float]:
    return {f"added_{name}": seen[name] - direct[name] for name in figures if each.name != NOTHING}


def open_run(arena: Arena, port: int, payload: Payload, rate_per_s: float, seconds: float) -> dict[str, Any]:
    """One open-loop run in a process of its own.

    Raises:
        RuntimeError: "open loop: expected exit code 0, got ...".
    """
    arguments = ["--payload", payload.name, "--rate", f"{rate_per_s:.1f}", "--seconds", str(seconds)]
    return _generate(arena, "openloop", ["--port", str(port), *arguments], seconds)


def _generate(arena: Arena, module: str, arguments: list[str], seconds: float) -> dict[str, Any]:
    core = arena.cores.load
    prefix = [] if core is None else ["taskset", "--cpu-list", str(core)]
    done = subprocess.run(
        [*prefix, sys.executable, "-m", f"benchmarks.{module}", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        cwd=ROOT,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module}: expected exit code 0, got {done.stderr.strip()[-300:]!r}")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _stream_rows(arena: Arena, turn: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Streams: the first byte's and each event's delay beside the upstream's own, and CPU a stream."""
    direct: dict[str, Any] = {}
    for each in _upstream_first(arena, turn):
        before = each.account()
        arguments = ["--port", str(each.port), "--rate", str(STREAMS_PER_S), "--seconds", str(seconds)]
        seen = _generate(arena, "streamloop", arguments, seconds)
        each.settle()
        spent = each.account().since(before)
        n_asked = STREAMS_PER_S * (seconds + 0.5)  # with the generator's warm-up
        direct = direct or seen
        yield {
            "round": turn,
            **_named(each, STREAM, "repeated", 16, "stream"),
            **seen,
            **_added(each, seen, direct, STREAM_FIGURES),
            "cpu_us": 1e6 * spent.get("worker", spent.get("all", 0.0)) / n_asked,
        }


# --- memory and start ------------------------------------------------------------------------------


def _memory_rows(arena: Arena, turn: int) -> Iterator[dict[str, Any]]:
    """Resident memory after all the load of a round."""
    for each in arena.standing[1:]:
        found = each.resident_bytes()
        resident = found.get("worker", max(found.values()))
        yield {
            "round": turn,
            **_named(each, "-", "-", 0, "memory"),
            "errors": 0,
            "resident_mb": resident / 1e6,
            "monitor_mb": found["monitor"] / 1e6 if "monitor" in found else None,
        }


def start_row(arena: Arena, turn: int) -> dict[str, Any]:
    """How long a sidecar takes from its command line until the port forwards traffic."""
    names = ("PORT", "HEALTH_PORT", "ADMIN_PORT")
    values = {name: str(free_port()) for name in names} | {"UPSTREAM_PORT": str(arena.upstream_port)}
    config = fill("sidecar.yaml", arena.folder, values, "start")
    command = SIDECAR.command(SIDECAR.find() or "", config, values)
    begin_s = time.monotonic()
    child = Child(
        "start", command, arena.folder, core=arena.cores.proxy, environment={"PYTHONPATH": str(ROOT)}
    )
    try:
        child.wait_until(lambda: answers_post(int(values["PORT"])), pause_s=0.002)
        taken_s = time.monotonic() - begin_s
    finally:
        child.stop()
    named = {"peer": SIDECAR.name, "payload": "-", "heads": "-", "connections": 0, "kind": "start"}
    return {"round": turn, **named, "errors": 0, "start_s": taken_s}
