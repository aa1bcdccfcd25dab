"""The parts of a reference and its provenance, for people and for `--json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from sidecar.profile import calibration, design_effect, seasons, segments
from sidecar.profile.reference import Reference
from sidecar.profile.summaries import EMBEDDINGS, SCHEMA, TEXTS, unpack_summary


def part_lines(reference: Reference) -> list[str]:
    """What parts a reference has, and where its rows came from.

    Args:
        reference: any.

    Returns:
        One line for each part and each file.

    Raises:
        BadReference: a part is damaged or of another format.
    """
    told = {name: _told(name, part) for name, part in reference.parts.items()}
    lines = [f"part {name}: {_line(name, fields)}" for name, fields in told.items()]
    for source in sources_json(reference):
        known = ", ".join(f"{key} {value}" for key, value in source.items() if key != "name")
        lines.append(f"file {source.get('name', '?')}: {known}")
    return lines


def parts_json(reference: Reference) -> dict[str, Any]:
    """The parts as JSON.

    Args:
        reference: any.

    Returns:
        By name: what a part holds; the number of its bytes for a part of another room.

    Raises:
        BadReference: a part is damaged or of another format.
    """
    return {name: _told(name, part) for name, part in reference.parts.items()}


def sources_json(reference: Reference) -> list[dict[str, Any]]:
    """The files that a reference was made of.

    Args:
        reference: any.

    Returns:
        What is known of each; nothing when that cannot be read.
    """
    try:
        sources = json.loads(reference.provenance.get("sources", "[]"))
    except ValueError:
        return []
    return [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []


def _told(name: str, part: bytes) -> dict[str, Any]:
    reader = READERS.get(name)
    return {"bytes": len(part)} if reader is None else reader(part)


def _calibration(part: bytes) -> dict[str, Any]:
    made = calibration.unpack_calibration(part)
    return {
        "score": made.score,
        "label": made.label,
        "positive": made.positive,
        "rows": int(made.counts.sum()),
        "positives": int(made.positives.sum()),
        "error": made.error,
        "edges": made.edges.tolist(),
        "rates": made.rates.tolist(),
    }


def _segments(part: bytes) -> dict[str, Any]:
    made = segments.unpack_segments(part)
    return {"column": made.column, "rows": dict(zip(made.values, made.rows.tolist(), strict=True))}


def _design_effects(part: bytes) -> dict[str, Any]:
    made = design_effect.unpack(part)
    return {"panes": made.panes, "pane_s": made.pane_s, "effects": dict(made.effects)}


def _hours(part: bytes) -> dict[str, Any]:
    made = seasons.unpack(part)
    first = next(iter(made.widths), None)
    rows = [0 if first is None else int(made.lanes(hour)[first].sum()) for hour in range(seasons.HOURS)]
    return {"features": len(made.widths), "rows": rows}


def _summary(name: str) -> Callable[[bytes], dict[str, Any]]:
    return lambda part: unpack_summary(part, name)


READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    SCHEMA: _summary(SCHEMA),
    TEXTS: _summary(TEXTS),
    EMBEDDINGS: _summary(EMBEDDINGS),
    calibration.PART: _calibration,
    segments.PART: _segments,
    design_effect.PART: _design_effects,
    seasons.PART: _hours,
}


def _line(name: str, told: dict[str, Any]) -> str:
    if name == SCHEMA:
        return f"{len(told['columns'])} columns; {told['sample_rows']:,} of {told['rows']:,} rows sampled"
    if name in (TEXTS, EMBEDDINGS):
        return ", ".join(told["columns"])
    if name == calibration.PART:
        share = told["positives"] / max(1, told["rows"])
        error = "" if told["error"] is None else f", off by {told['error']:.3f} on average"
        compared = f"{told['score']} against {told['label']}={told['positive']}"
        return f"{compared}, {told['rows']:,} rows, {share:.2%}{error}"
    if name == segments.PART:
        return ", ".join(f"{told['column']}={value} {rows:,}" for value, rows in told["rows"].items())
    if name == design_effect.PART:
        effects = ", ".join(f"{feature} {phi:.3g}" for feature, phi in told["effects"].items())
        return f"{told['panes']:,} panes of {told['pane_s']:g} s: {effects}"
    if name == seasons.PART:
        return f"{int(np.count_nonzero(told['rows']))} of {seasons.HOURS} hours seen"
    return f"{told['bytes']:,} bytes"
