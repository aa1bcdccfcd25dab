"""From the rows of bench_proxy to medians, ratios to the peers of the same round, and the budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.harness import print_table
from benchmarks.payloads import PAYLOADS

Row = Mapping[str, Any]
AGAINST = ("nginx", "envoy")
NGINX_LIMIT_RATIO = 1.5
ENVOY_LIMIT_RATIO = 0.5


def cell_of(row: Row) -> tuple[str, str, int, str]:
    """What was measured: payload, heads, connections, kind of load."""
    return row["payload"], row["heads"], row["connections"], row["kind"]


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One line a cell and contestant, in the order of their first rows.

    Returns:
        Lines with medians over the rounds; `against` holds, for each named peer, the median of the ratios
        within each round (CPU a request and requests/s for closed loops, added latencies for open ones).
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
    names = CLOSED if kind == "closed" else OPEN
    line |= {name: _median(row.get(name) for row in group) for name in names}
    line["against"] = {
        peer: {name: _ratio(group, by_round, peer, name) for name in names}
        for peer in AGAINST
        if peer != first["peer"]
    }
    return line


CLOSED = ("per_s", "cpu_us", "monitor_us", "total_us", "others_cores", "analysed_ratio", "dropped_ratio")
OPEN = (
    *("rate_per_s", "p50_us", "p90_us", "p99_us", "p99.9_us", "late_p99_us"),
    *("added_p50_us", "added_p90_us", "added_p99_us", "added_p99.9_us"),
)


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _ratio(
    group: Sequence[Row], by_round: Mapping[tuple[Any, ...], Row], peer: str, name: str
) -> float | None:
    ratios = []
    for row in group:
        other = by_round.get((*cell_of(row), peer, row["round"]))
        mine, theirs = row.get(name), other.get(name) if other else None
        if mine is not None and theirs is not None and theirs > 0:
            ratios.append(mine / theirs)
    return median(ratios) if ratios else None


def over_budget(summary: Sequence[Row]) -> list[str]:
    """What the sidecar exceeds (worker CPU a request, 200 B JSON, 16 connections), or what lacks."""
    wanted = ("small", "repeated", 16, "closed")
    line = next((each for each in summary if cell_of(each) == wanted and each["peer"] == "sidecar"), None)
    if line is None:
        return ["sidecar: expected to be measured with 200 B JSON at 16 connections, got no such row"]
    faults = [] if not line["errors"] else [f"sidecar: expected no failed request, got {line['errors']}"]
    for peer, limit in (("nginx", NGINX_LIMIT_RATIO), ("envoy", ENVOY_LIMIT_RATIO)):
        ratio = line["against"].get(peer, {}).get("cpu_us")
        if ratio is None:
            faults.append(f"worker CPU a request: expected a ratio to {peer}, got no measurement of {peer}")
        elif ratio > limit:
            faults.append(f"worker CPU a request: expected at most {limit:g} x {peer}, got {ratio:.2f} x")
    return faults


# --- for the eye -----------------------------------------------------------------------------------


def number(value: float | None, form: str = ",.0f") -> str:
    """A number, or a dash when there is none."""
    return "-" if value is None or value != value else format(value, form)


def print_summary(summary: Sequence[Row], label_of: Callable[[str], str]) -> None:
    """Prints a table a cell."""
    for cell in dict.fromkeys(cell_of(line) for line in summary):
        payload, heads, connections, kind = cell
        lines = [line for line in summary if cell_of(line) == cell]
        print(f"\n{PAYLOADS[payload].title}, {heads} heads, {connections} connection(s), {kind} loop")
        header: tuple[str, ...]
        if kind == "closed":
            header = (
                "in the path",
                "req/s",
                "CPU us/req",
                "x nginx",
                "x Envoy",
                "with monitor",
                "analysed",
                "errors",
            )
            print_table(header, [_closed_cells(line, label_of) for line in lines])
        else:
            header = (
                "in the path",
                "rate/s",
                "p50",
                "p90",
                "p99",
                "p99.9",
                "+p50",
                "+p99",
                "+p50 x Envoy",
                "errors",
            )
            print_table(header, [_open_cells(line, label_of) for line in lines])


def _closed_cells(line: Row, label_of: Callable[[str], str]) -> list[str]:
    against = line["against"]
    return [
        label_of(line["peer"]),
        number(line["per_s"]),
        number(line["cpu_us"], ".1f"),
        number(against.get("nginx", {}).get("cpu_us"), ".2f"),
        number(against.get("envoy", {}).get("cpu_us"), ".2f"),
        number(line["total_us"] if line["monitor_us"] is not None else None, ".1f"),
        number(line["analysed_ratio"], ".0%"),
        str(line["errors"]),
    ]


def _open_cells(line: Row, label_of: Callable[[str], str]) -> list[str]:
    names = ("rate_per_s", "p50_us", "p90_us", "p99_us", "p99.9_us", "added_p50_us", "added_p99_us")
    ratio = line["against"].get("envoy", {}).get("added_p50_us")
    return [
        label_of(line["peer"]),
        *(number(line[name]) for name in names),
        number(ratio, ".2f"),
        str(line["errors"]),
    ]
