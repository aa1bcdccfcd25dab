"""From the rows of bench_statistics to medians and ranges over the rounds, and to the tables of the
documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.harness import print_table
from benchmarks.proxy_summary import number
from benchmarks.statistics_peers.frame import MOST_WINDOWS

MB = 1e6
WIDTHS = ("20", "100")
FIGURES = ("fill_ns", "drift_ms", "peak_bytes", "state_bytes")
ODD = (
    ("current 1e6", "one 1e6 in the window"),
    ("reference 1e6", "in the reference"),
    ("current NaN", "one NaN"),
)
CHANGES = (("mean + 0.5 sd", "mean + 0.5 sd"), ("sd x 1.3", "sd × 1.3"))
BLINDED = 0.5  # a drift number that one row halves or doubles says nothing


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line a contestant: medians and ranges over the rounds, and what was found of its correctness."""
    lines = []
    for name in dict.fromkeys(row["peer"] for row in rows):
        mine = [row for row in rows if row["peer"] == name]
        line: dict[str, Any] = {
            "peer": name,
            "rounds": len(mine),
            "versions": mine[0]["versions"],
            "method": mine[0]["method"],
            "keeps_rows": mine[0]["keeps_rows"],
            "import_s": _middle([row["import_s"] for row in mine]),
            "import_bytes": _middle([row["import_bytes"] for row in mine]),
        }
        for width in WIDTHS:
            speeds = [row["speed"][width] for row in mine if width in row["speed"]]
            if speeds:
                line[width] = {figure: _middle([speed[figure] for speed in speeds]) for figure in FIGURES}
                line[width]["rows_per_s"] = _rate(line[width]["fill_ns"], int(width))
        for what in ("outlier", "false_alarms", "windows_to_alarm"):
            line[what] = next((row[what] for row in mine if what in row), None)
        lines.append(line)
    return lines


def _middle(values: Sequence[float | None]) -> dict[str, float] | None:
    """Median and ends of what was measured; None when nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {"median": median(known), "lowest": min(known), "highest": max(known)}


def _rate(fill_ns: Mapping[str, float] | None, width: int) -> dict[str, float] | None:
    if fill_ns is None:
        return None
    turned = {"median": "median", "lowest": "highest", "highest": "lowest"}
    return {name: 1e9 / (fill_ns[other] * width) for name, other in turned.items()}


def verdict_on(clean: float | None, odd: float | None) -> str:
    """What an odd value has done to a drift number, in a word or two."""
    if clean is None:
        return "-"
    if odd is None:
        return "no number"
    ratio = odd / clean if clean else float("inf")
    shown = f"{clean:.2g} → {odd:.2g}"
    return f"**{shown}**" if ratio < BLINDED or ratio > 1 / BLINDED else shown


def print_summary(summary: Sequence[Mapping[str, Any]]) -> None:
    """Prints everything as one table."""
    header = ("", "rows/s F=20", "F=100", "ns/value", "drift ms", "peak MB", "B/feature", "import s", "MB")
    rows = [[line["peer"], *_speed_cells(line)] for line in summary]
    print()
    print_table(header, rows)
    header = (
        "",
        *(title for _key, title in ODD),
        "false: features",
        "windows",
        *(name for name, _ in CHANGES),
    )
    print()
    print_table(header, [[line["peer"], *_trust_cells(line)] for line in summary])


def render_speed(document: Mapping[str, Any]) -> str:
    """Speed, memory and import time in Markdown, with a line that says where and how."""
    header = (
        "| tool | rows/s, 20 features | rows/s, 100 | ns a value | drift of 20 features, ms "
        "| peak above the data, MB | state, B a feature | import, s | import, MB |"
    )
    rows = [header, "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    rows += [
        f"| {_title(document, line)} | {' | '.join(_speed_cells(line))} |" for line in document["summary"]
    ]
    rows += [
        f"| {document['labels'][name]} | not measured: {reason.partition(':')[0]} ||||||||"
        for name, reason in document["missing"].items()
    ]
    return "\n".join([*rows, "", _where(document)])


def render_trust(document: Mapping[str, Any]) -> str:
    """What one odd value does, and false alarms, in Markdown."""
    odd = " | ".join(f"{title}" for _key, title in ODD)
    header = (
        f"| tool | its alarm | {odd} | features called drifted without drift | windows of 20 features | "
        f"windows until {CHANGES[0][1]} is seen | until {CHANGES[1][1]} |"
    )
    rows = [header, "|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    rows += [
        f"| {_title(document, line)} | {line['method']} | {' | '.join(_trust_cells(line))} |"
        for line in document["summary"]
        if line["false_alarms"] is not None
    ]
    windows = {line["false_alarms"]["windows"] for line in document["summary"] if line["false_alarms"]}
    said = (
        "The drift number of one feature that has moved by 1 sd (20,000 against 5,000 rows), before and "
        "after one value is replaced; bold where one row halves or doubles it. False alarms at default "
        f"thresholds over {min(windows, default=0)} to {max(windows, default=0)} windows of 200 rows against "
        "a reference of 10,000. The last columns are the price of being quiet."
    )
    return "\n".join([*rows, "", said])


def render_budgets(document: Mapping[str, Any]) -> str:
    """Our own promises in Markdown."""
    rows = ["| promise | limit | measured | lowest - highest | |", "|---|--:|--:|--:|---|"]
    for budget in document["budgets"]:
        ends = f"{number(budget['lowest'], '.3g')} - {number(budget['highest'], '.3g')}"
        cells = (
            budget["what"],
            budget["rule"],
            number(budget["measured"], ".3g"),
            ends,
            budget["verdict"].lower(),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _title(document: Mapping[str, Any], line: Mapping[str, Any]) -> str:
    label = document["labels"][line["peer"]]
    version = next(iter(line["versions"].values()))
    return f"**{label}**" if line["peer"] == "sidecar" else f"{label} {version}"


def _speed_cells(line: Mapping[str, Any]) -> list[str]:
    narrow, wide = line["20"], line.get("100", {})
    return [
        number(_median(narrow["rows_per_s"])),
        number(_median(wide.get("rows_per_s"))),
        number(_median(narrow["fill_ns"]), ".1f"),
        number(_median(narrow["drift_ms"]), ".3g"),
        number(_scaled(narrow["peak_bytes"]), ".1f"),
        number(_median(narrow["state_bytes"])) if not line["keeps_rows"] else "the rows",
        number(_median(line["import_s"]), ".2f"),
        number(_scaled(line["import_bytes"])),
    ]


def _trust_cells(line: Mapping[str, Any]) -> list[str]:
    odd = line["outlier"] or {}
    alarms = line["false_alarms"]
    cells = [verdict_on(odd.get("clean"), odd.get(key)) for key, _title in ODD]
    if alarms is None:
        return [*cells, "-", "-", "-", "-"]
    rates = [f"{100 * alarms[key]:.3g} %" for key in ("features_ratio", "windows_ratio")]
    return [*cells, *rates, *(_delay(line["windows_to_alarm"][name]) for name, _title in CHANGES)]


def _delay(windows: float | None) -> str:
    """Windows until the alarm; beyond `MOST_WINDOWS` of the frame nobody has waited."""
    if windows is None:
        return "-"
    return f"{windows:g}" if windows <= MOST_WINDOWS else f"not in {MOST_WINDOWS}"


def _median(figure: Mapping[str, float] | None) -> float | None:
    return None if figure is None else figure["median"]


def _scaled(figure: Mapping[str, float] | None) -> float | None:
    return None if figure is None else figure["median"] / MB


def _where(document: Mapping[str, Any]) -> str:
    machine = document["machine"]
    rounds = max((line["rounds"] for line in document["summary"]), default=0)
    software = f"Linux {machine['kernel'].partition('-')[0]}, Python {machine['python']}"
    return (
        "100,000 rows of normal float64 against a reference of 10,000, medians of "
        f"{rounds} interleaved rounds, each in a process of its own, one thread. Tools that keep the rows go "
        "from rows to drift numbers; the others count first and compute drift from what they have counted. "
        f"{machine['cpu']}, {machine['cores']} cores, {software}; `{document['command']}`."
    )
