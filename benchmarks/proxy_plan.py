"""What bench_proxy measures: the cells, how often and for how long."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from benchmarks.payloads import ONE_WAY, PAYLOADS, STREAM, Payload

FRESH = ("small",)  # payloads that are also sent with heads of which no two are alike


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
    """How much is measured.

    Attributes:
        cells: closed loops.
        open_payloads: open loops.
        streams: whether streams are measured.
        rounds: how often all of it.
        seconds: length of one measurement.
        pausing: whether the monitor stands still while a closed loop runs, and works off the ring afterwards.
    """

    cells: tuple[Cell, ...]
    open_payloads: tuple[Payload, ...]
    streams: bool
    rounds: int
    seconds: float
    pausing: bool


def plan_of(given: argparse.Namespace) -> Plan:
    """The plan that the command line asks for.

    The quick one holds what the budgets are about and no more.
    """
    quick = ["small", *ONE_WAY, STREAM]
    names = given.payloads.split(",") if given.payloads else (quick if given.quick else [*PAYLOADS, STREAM])
    payloads = [PAYLOADS[name] for name in names if name != STREAM]
    opened = [] if given.no_latency else [p for p in payloads if p.name == "small" or not given.quick]
    return Plan(
        cells=tuple(cell for payload in payloads for cell in _cells(payload, given.connections)),
        open_payloads=tuple(payload for payload in opened if payload.name not in ONE_WAY),
        streams=STREAM in names and not given.no_latency,
        rounds=given.rounds or (3 if given.quick else 5),
        seconds=given.seconds or (2.0 if given.quick else 5.0),
        pausing=given.pause_monitor,
    )


def _cells(payload: Payload, connections: list[int]) -> list[Cell]:
    if payload.name in ONE_WAY:  # throughput is the question, and one connection cannot give it
        return [Cell(payload, max(connections))]
    cells = [Cell(payload, n) for n in connections]
    if payload.name in FRESH:
        cells += [Cell(payload, n, fresh_heads=True) for n in connections]
    return cells
