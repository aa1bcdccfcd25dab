"""Renders the documents' tables from the files in `results/`, each between its two markers.

python -m benchmarks.table README.md            # writes the tables
python -m benchmarks.table --check README.md    # exit 1 when the file does not hold them

A table is written where its markers are, and nowhere when there are none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import RESULTS, load
from benchmarks.proxy_summary import number
from benchmarks.simulation_tables import SIMULATION_TABLES
from benchmarks.statistics_summary import render_budgets, render_speed, render_trust

ANY_BEGIN = "<!-- benchmark:"
BEGIN = f"{ANY_BEGIN}proxy -->"
BEGIN_FAULTS = f"{ANY_BEGIN}faults -->"
END = "<!-- /benchmark -->"


def replace_between_markers(text: str, table: str, begin: str = BEGIN) -> str:
    """Puts the table between the markers.

    Args:
        text: the whole file.
        table: what to put there.
        begin: the marker that it begins at; it ends at the next `END`.

    Raises:
        ValueError: "markers: expected ... once each, in this order, got ..."
    """
    before, found, rest = text.partition(begin)
    old, end, after = rest.partition(END)
    if not found or not end or begin in after or ANY_BEGIN in old:
        got = f"{text.count(begin)} and {text.count(END)}"
        raise ValueError(f"markers: expected {begin} and {END} once each, in this order, got {got}")
    return f"{before}{begin}\n{table}\n{END}{after}"


def render_faults(document: Mapping[str, Any]) -> str:
    """The table of faults in Markdown, with a line that says how it was measured."""
    return _render_pairs(document, "state of monitoring", "off", "a sidecar with monitoring off")


def render_shadows(document: Mapping[str, Any]) -> str:
    """The table of shadows that misbehave in Markdown, with a line that says how it was measured."""
    return _render_pairs(document, "shadow", "none", "the same sidecar without a shadow")


def render_mirror(document: Mapping[str, Any]) -> str:
    """The table of proxies that mirror everything in Markdown, with a line that says how it was measured."""
    rows = [
        "| mirrors every request | CPU µs a request | x Envoy | p50, µs | p99, µs |",
        "|---|--:|--:|--:|--:|",
    ]
    for line in document["summary"]:
        cells = [
            document["labels"][line["peer"]],
            number(line["cpu_us"], ".0f"),
            number(line["against"].get("envoy"), ".2f"),
            number(line["p50_us"]),
            number(line["p99_us"]),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    rows += [f"| {name} | not measured: {reason} ||||" for name, reason in _missing(document)]
    return _with_note(
        rows, document, f"all processes of each, medians of {_rounds(document)} interleaved rounds"
    )


def _render_pairs(document: Mapping[str, Any], what: str, beside: str, beside_in_full: str) -> str:
    within = f"x {beside} (19 of 20)"
    rows = [
        f"| {what} | p50, µs | x {beside} | p99 of ½ s, µs | {within} | p99, µs | {within} | budget 1.1 |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for line in document["summary"]:
        cells = [line["title"], number(line["p50_us"]), number(line["p50_us_ratio"], ".2f")]
        for figure in ("p99_half_s_us", "p99_us"):
            low, high = line[f"{figure}_interval"]
            cells += [number(line[figure]), f"{line[f'{figure}_ratio']:.2f} ({low:.2f}-{high:.2f})"]
        rows.append(f"| {' | '.join([*cells, line['verdict'].lower()])} |")
    compared = (
        f"right beside {beside_in_full}, median of {_rounds(document)} pairs (p99 of half seconds: "
        "of each run the median, which one stall of the machine does not decide; judged)"
    )
    return _with_note(rows, document, f"{compared}; the first row is {beside} beside {beside}")


def _rounds(document: Mapping[str, Any]) -> int:
    return min((line["rounds"] for line in document["summary"]), default=0)


def _with_note(rows: Sequence[str], document: Mapping[str, Any], how: str) -> str:
    """A table, and a line that says where and how its open loop was measured."""
    machine = document["machine"]
    rate = number(document["rate_per_s"])
    said = (
        f"POST of 200 B of JSON in an open loop at {rate} requests/s, {how}. {machine['cpu']}, "
        f"{machine['cores']} cores; `{document['command']}`."
    )
    return "\n".join([*rows, "", said])


def render(document: Mapping[str, Any]) -> str:
    """The table in Markdown, with a line that says where and how it was measured."""
    lines = {(line["peer"], line["kind"], line["connections"]): line for line in _small(document["summary"])}
    names = list(dict.fromkeys(peer for peer, _kind, _connections in lines))
    header = (
        "| in the path | CPU µs a request | x nginx | x Envoy | requests/s | p50 added, µs | p99 added, µs |"
    )
    rows = [header, "|---|--:|--:|--:|--:|--:|--:|"]
    rows += [_row(document, name, lines) for name in names]
    rows += [
        f"| {document['labels'][name]} | not measured: {reason} ||||||" for name, reason in _missing(document)
    ]
    return "\n".join([*rows, "", _where(document)])


def _small(summary: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [line for line in summary if line["payload"] == "small" and line["heads"] == "repeated"]


def _missing(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, reason.partition(":")[0]) for name, reason in document["missing"].items()]


def _row(
    document: Mapping[str, Any], name: str, lines: Mapping[tuple[str, str, int], Mapping[str, Any]]
) -> str:
    closed, opened = lines.get((name, "closed", 16), {}), lines.get((name, "open", 16), {})
    against = closed.get("against", {})
    cells = [
        document["labels"][name],
        number(closed.get("cpu_us"), ".1f"),
        *(number(against.get(peer, {}).get("cpu_us"), ".2f") for peer in ("nginx", "envoy")),
        number(closed.get("per_s")),
        number(opened.get("added_p50_us")),
        number(opened.get("added_p99_us")),
    ]
    return f"| {' | '.join(cells)} |"


def _where(document: Mapping[str, Any]) -> str:
    machine = document["machine"]
    closed = [line for line in _small(document["summary"]) if line["kind"] == "closed"]
    opened = [line for line in _small(document["summary"]) if line["kind"] == "open"]
    rounds = max((line["rounds"] for line in closed), default=0)
    rate = number(min((line["rate_per_s"] for line in opened[:2]), default=None))
    where = f"{machine['cpu']}, {machine['cores']} cores shared with load and upstream"
    software = f"Linux {machine['kernel'].partition('-')[0]}, Python {machine['python']}"
    return (
        f"POST of 200 B of JSON, 123 B back, 16 keep-alive connections, medians of {rounds} interleaved "
        f"rounds; the sidecar's CPU is its worker's; latency in an open loop at {rate} requests/s. "
        f"{where}, {software}; `{document['command']}`."
    )


TABLES: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "proxy": ("proxy.json", render),
    "faults": ("faults.json", render_faults),
    "shadows": ("shadows.json", render_shadows),
    "mirror": ("mirror.json", render_mirror),
    "statistics": ("statistics.json", render_speed),
    "statistics-trust": ("statistics.json", render_trust),
    "statistics-budgets": ("statistics.json", render_budgets),
    **{f"simulation-{name}": ("simulations.json", draw) for name, draw in SIMULATION_TABLES.items()},
}


def write_tables(text: str, folder: Path) -> str:
    """Fills every table that the text has markers for.

    Raises:
        ValueError: it has none, or not once each.
        OSError: the results are not there.
    """
    wanted = [name for name in TABLES if f"{ANY_BEGIN}{name} -->" in text]
    if not wanted:
        raise ValueError(f"markers: expected {BEGIN} or another, got none")
    for name in wanted:
        file, draw = TABLES[name]
        text = replace_between_markers(text, draw(load(folder / file)), f"{ANY_BEGIN}{name} -->")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or checks the tables; 0 done or the same, 1 different, 2 no markers or no results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table")
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 when a table is another one"
    )
    parser.add_argument("--results", type=Path, default=RESULTS / "proxy.json")
    given = parser.parse_args(arguments)
    try:
        old = given.file.read_text(encoding="utf-8")
        new = write_tables(old, given.results.parent)
    except (OSError, ValueError) as exc:
        print(f"{given.file}: {exc}", file=sys.stderr)
        return 2
    if given.check:
        if new != old:
            print(f"{given.file}: expected the tables of {given.results.parent}, got others", file=sys.stderr)
        return int(new != old)
    given.file.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
