"""From the rows of bench_proxy to medians, and to ratios to the peers of the same round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.harness import print_table
from benchmarks.payloads import TITLES

Row = Mapping[str, Any]
AGAINST = ("nginx", "envoy")
OPEN_FIGURES = ("p50_us", "p90_us", "p99_us", "p99.9_us")
EVENT_FIGURES = tuple(f"{what}_{name}" for what in ("first", "event") for name in OPEN_FIGURES)
FIGURES: Mapping[str, tuple[str, ...]] = {
    "closed": (
        *("per_s", "cpu_us", "monitor_us", "total_us", "busy_cores", "others_cores"),
        *("analysed_ratio", "dropped_ratio"),
    ),
    "open": ("rate_per_s", "late_p99_us", *OPEN_FIGURES, *(f"added_{name}" for name in OPEN_FIGURES)),
    "stream": ("rate_per_s", "cpu_us", *EVENT_FIGURES, *(f"added_{name}" for name in EVENT_FIGURES)),
    "memory": ("resident_mb", "monitor_mb"),
    "start": ("start_s",),
}


def cell_of(row: Row) -> tuple[str, str, int, str]:
    """What was measured: payload, heads, connections, kind of load."""
    return row["payload"], row["heads"], row["connections"], row["kind"]


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One line a cell and contestant, in the order of their first rows.

    Returns:
        Lines with medians over the rounds; `against` holds, for each named peer, the median of the ratios
        within each round of every figure of this kind of load, `ranges` the lowest and highest of these
        ratios, which say how noisy the run was, and `range` the lowest and highest figure itself.
    """
    order: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        order.setdefault((*cell_of(row), row["peer"]), []).append(row)
    by_round = {(*cell_of(row), row["peer"], row["round"]): row for row in rows}
    return [_line(group, by_round) for group in order.values()]


def _line(group: Sequence[Row], by_round: Mapping[tuple[Any, ...], Row]) -> dict[str, Any]:
    first = group[0]
    payload, heads, connections, kind = cell_of(first)
    line: dict[str, Any] = {
        "peer": first["peer"],
        "payload": payload,
        "heads": heads,
        "connections": connections,
        "kind": kind,
        "rounds": len(group),
        "errors": sum(row["errors"] for row in group),
    }
    names = FIGURES[kind]
    values = {name: [row[name] for row in group if row.get(name) is not None] for name in names}
    line |= {name: _median(values[name]) for name in names}
    line["range"] = {name: _range(values[name]) for name in names}
    ratios = {
        peer: {name: _ratios(group, by_round, peer, name) for name in names}
        for peer in AGAINST
        if peer != first["peer"]
    }
    for key, reduce in (("against", _median), ("ranges", _range)):
        line[key] = {peer: {name: reduce(found[name]) for name in names} for peer, found in ratios.items()}
    return line


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _range(values: Sequence[float]) -> list[float] | None:
    return [min(values), max(values)] if values else None


def _ratios(
    group: Sequence[Row], by_round: Mapping[tuple[Any, ...], Row], peer: str, name: str
) -> list[float]:
    """A round in which the peer's figure is not above 0 (an added latency within the noise) gives none."""
    ratios = []
    for row in group:
        other = by_round.get((*cell_of(row), peer, row["round"]))
        mine, theirs = row.get(name), other.get(name) if other else None
        if mine is not None and theirs is not None and theirs > 0:
            ratios.append(mine / theirs)
    return ratios


# --- for the eye -----------------------------------------------------------------------------------


def number(value: float | None, form: str = ",.0f") -> str:
    """A number, or a dash when there is none."""
    return "-" if value is None or value != value else format(value, form)


def print_summary(summary: Sequence[Row], label_of: Callable[[str], str]) -> None:
    """Prints a table a cell."""
    for cell in dict.fromkeys(cell_of(line) for line in summary):
        payload, heads, connections, kind = cell
        lines = [line for line in summary if cell_of(line) == cell]
        if kind in TABLES:
            header, cells_of = TABLES[kind]
            where = f"{heads} heads, {connections} connection(s), {kind} loop"
            print(f"\n{TITLE_OF_KIND.get(kind) or f'{TITLES[payload]}, {where}'}")
            print_table(header, [[label_of(line["peer"]), *cells_of(line)] for line in lines])


def _closed_cells(line: Row) -> list[str]:
    against = line["against"]
    return [
        number(line["per_s"]),
        number(line["cpu_us"], ".1f"),
        number(against.get("nginx", {}).get("cpu_us"), ".2f"),
        number(against.get("envoy", {}).get("cpu_us"), ".2f"),
        number(line["total_us"] if line["monitor_us"] is not None else None, ".1f"),
        number(line["busy_cores"], ".0%"),
        number(line["analysed_ratio"], ".0%"),
        str(line["errors"]),
    ]


def _open_cells(line: Row) -> list[str]:
    names = ("rate_per_s", "p50_us", "p90_us", "p99_us", "p99.9_us", "added_p50_us", "added_p99_us")
    ratio = line["against"].get("envoy", {}).get("added_p50_us")
    return [*(number(line[name]) for name in names), number(ratio, ".2f"), str(line["errors"])]


def _stream_cells(line: Row) -> list[str]:
    names = (
        *("first_p50_us", "first_p99_us", "added_first_p50_us", "added_first_p99_us"),
        *("event_p50_us", "event_p99_us", "added_event_p50_us", "added_event_p99_us", "cpu_us"),
    )
    return [*(number(line[name]) for name in names), str(line["errors"])]


def _memory_cells(line: Row) -> list[str]:
    return [number(line["resident_mb"], ".1f"), number(line["monitor_mb"], ".1f")]


TITLE_OF_KIND = {"memory": "resident memory after the load, MB", "start": "start"}
TABLES: Mapping[str, tuple[tuple[str, ...], Callable[[Row], list[str]]]] = {
    "closed": (
        (
            *("in the path", "req/s", "CPU us/req", "x nginx", "x Envoy"),
            *("with monitor", "core busy", "analysed", "errors"),
        ),
        _closed_cells,
    ),
    "open": (
        (
            *("in the path", "rate/s", "p50", "p90", "p99", "p99.9", "+p50", "+p99"),
            *("+p50 x Envoy", "errors"),
        ),
        _open_cells,
    ),
    "stream": (
        (
            *("in the path", "first p50", "first p99", "+p50", "+p99"),
            *("event p50", "event p99", "+p50", "+p99", "CPU us/stream", "errors"),
        ),
        _stream_cells,
    ),
    "memory": (("in the path", "in the path's process", "monitor"), _memory_cells),
    "start": (
        ("in the path", "s until it forwards"),
        lambda line: [number(line["start_s"], ".2f")],
    ),
}
