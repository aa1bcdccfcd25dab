"""The report of a replay as one page of HTML: no script, nothing loaded, everything from outside escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Any, Final

WIDTH: Final = 260.0  # of an interval's plot, in its own units
SPAN: Final = 3.0  # margins that it shows on either side of no difference
MOST_ROWS: Final = 50  # of a table


def to_html(report: Mapping[str, Any]) -> str:
    """The page.

    Args:
        report: of `make_report`.

    Returns:
        A whole document, the same for the same report.
    """
    template = Template(files("sidecar.replay").joinpath("report.html").read_text(encoding="utf-8"))
    sections = (
        _section("Findings", _findings(report["findings"])),
        _section("What became of the exchanges", _counts(report)),
        _section("Outputs", _fields(report["fields"])),
        _section("Status codes", _statuses(report["statuses"])),
        _section("Where it differs", _segments(report["segments"])),
        _section("Pairs that differ", _exemplars(report["exemplars"])),
    )
    return template.substitute(
        name=escape(report["name"]),
        verdict=escape(report["verdict"]),
        summary=escape(_summary(report)),
        sections="\n".join(section for section in sections if section),
    )


def _summary(report: Mapping[str, Any]) -> str:
    recording, disagreement = report["recording"], report["disagreement"]
    words = [f"{report['compared']:,} of {recording['exchanges']:,} recorded exchanges compared"]
    if recording["first_unix_ns"] is not None:
        begin, end = (_time(recording[name]) for name in ("first_unix_ns", "last_unix_ns"))
        words.append(f"recorded {begin} to {end} UTC")
    if disagreement["rate"] is not None:
        words.append(f"{disagreement['rate']:.3%} disagree")
    if disagreement["noise"] is not None:
        words.append(f"the primary disagrees with itself on {disagreement['noise']:.3%}")
    if recording["damages"]:
        words.append(f"{len(recording['damages'])} segments are damaged and were read only in part")
    return "; ".join(words) + "."


def _time(unix_ns: int) -> str:
    return datetime.fromtimestamp(unix_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            escape(finding["name"]),
            f'<span class="{escape(finding["state"])}">{escape(finding["state"])}</span>',
            _number(finding["estimate"]),
            f"{_number(finding['low'])} to {_number(finding['high'])}",
            _number(finding["margin"]),
            _plot(finding),
        )
        for finding in findings
    ]
    return _table(("", "state", "estimate", "interval, valid at all times", "margin", ""), rows)


def _plot(finding: Mapping[str, Any]) -> str:
    """The interval against the margin around no difference; ratios have theirs around 1."""
    centre = 1.0 if finding["name"].startswith("latency") else 0.0
    reach = SPAN * finding["margin"] or 1.0

    def place(value: float | None, unknown: float) -> float:
        at = unknown if value is None else (value - centre) / reach
        return round(WIDTH / 2.0 * (1.0 + max(-1.0, min(1.0, at))), 2)

    low, high = place(finding["low"], -1.0), place(finding["high"], 1.0)
    half = WIDTH / 2.0 / SPAN
    shapes = [
        f'<rect class="margin" x="{WIDTH / 2.0 - half:.2f}" y="1" width="{2.0 * half:.2f}" height="16"/>',
        f'<line class="zero" x1="{WIDTH / 2.0}" x2="{WIDTH / 2.0}" y1="0" y2="18"/>',
        f'<line class="interval" x1="{low}" x2="{max(high, low + 1.0)}" y1="9" y2="9"/>',
    ]
    if finding["estimate"] is not None:
        shapes.append(f'<circle class="estimate" cx="{place(finding["estimate"], 0.0)}" cy="9" r="4"/>')
    label = f"{finding['name']}: {_number(finding['low'])} to {_number(finding['high'])}"
    return f'<svg viewBox="0 0 {WIDTH:g} 18" role="img" aria-label="{escape(label)}">{"".join(shapes)}</svg>'


def _counts(report: Mapping[str, Any]) -> str:
    rows = [("compared", "", f"{report['compared']:,}"), ("not decoded", "", f"{report['undecoded']:,}")]
    rows += [("ended", escape(reason), f"{n:,}") for reason, n in sorted(report["ended"].items())]
    rows += [("skipped", escape(reason), f"{n:,}") for reason, n in sorted(report["skipped"].items())]
    if report["unmatched"]:
        rows.append(("answers without their exchange", "", f"{report['unmatched']:,}"))
    rows += [
        ("damaged", escape(f"{damage['segment']}: {damage['reason']}"), f"{damage['records']:,} read")
        for damage in report["recording"]["damages"]
    ]
    return _table(("", "", "exchanges"), rows)


def _fields(fields: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (escape(field["name"]), escape(field["kind"]), _json_cell({**field, "name": None, "kind": None}))
        for field in fields
    ]
    return _table(("output", "compared as", "figures"), rows)


def _statuses(statuses: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (str(entry["primary"] or "none"), str(entry["shadow"] or "none"), f"{entry['count']:,}")
        for entry in statuses
    ]
    return _table(("primary", "candidate", "exchanges"), rows)


def _segments(segments: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            escape(" and ".join(f"{part['feature']} {part['cell']}" for part in segment["where"])),
            f"{segment['requests']:,}",
            f"{segment['rate']:.2%}",
            f"{segment['rate_elsewhere']:.2%}",
            _number(segment["p_value"]),
        )
        for segment in segments
    ]
    return _table(("inputs", "requests", "disagree", "elsewhere", "p value, all segments tried"), rows)


def _exemplars(exemplars: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        tuple(_json_cell(exemplar[side]) for side in ("inputs", "primary", "shadow"))
        for exemplar in exemplars
    ]
    return _table(("inputs", "primary", "candidate"), rows)


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>" if body else ""


def _table(head: Sequence[str], rows: Sequence[Iterable[str]]) -> str:
    """A table of cells that are HTML already; nothing without rows."""
    if not rows:
        return ""
    lines = ["<table><tr>", *(f"<th>{escape(title)}</th>" for title in head), "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows[:MOST_ROWS]]
    return "".join(lines) + "</table>"


def _json_cell(value: Mapping[str, Any]) -> str:
    shown = {name: item for name, item in value.items() if item is not None}
    return f"<code>{escape(json.dumps(shown, ensure_ascii=False))}</code>"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
