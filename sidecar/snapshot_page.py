"""What `sidecar snapshot show` says beyond features one by one: what they do together, and data quality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sidecar.drift.difference import MIN_ROWS
from sidecar.drift.fleet import fleet_effects
from sidecar.profile.feature import Role
from sidecar.profile.reference import Reference
from sidecar.profile.snapshot import SubjectPart
from sidecar.profile.snapshot_window import joint_totals, quality_panes
from sidecar.quality.fleet import fleet_quality

SHOWN = 5  # unseen categories of a feature; all that are known are in the JSON
OF_ALARMS = ("state", "log_e", "log_e_threshold", "since_unix_s")  # evidence is not told


def joint_json(
    part: SubjectPart, layout: Reference, horizon_ns: int, end_unix_ns: int
) -> list[dict[str, Any]]:
    """What the features do together, compared with the reference.

    Args:
        part: a subject.
        layout: by which features was counted.
        horizon_ns: length of the window.
        end_unix_ns: its end.

    Returns:
        The field `multivariate`: one entry for each space that origins count by.
    """
    names = [feature.spec.name for feature in layout.features]
    return [
        {
            "origins": list(total.origins),
            **fleet_effects(total.space, names, total.pane, MIN_ROWS).to_json(),
        }
        for total in joint_totals(part, horizon_ns, end_unix_ns)
    ]


def quality_json(
    role: Role, part: SubjectPart, layout: Reference, horizon_ns: int, end_unix_ns: int
) -> dict[str, Any]:
    """Data quality of all origins.

    Args:
        role: of the subject.
        part, layout, horizon_ns, end_unix_ns: as for `joint_json`.

    Returns:
        The field `quality`: rows, different ones, rates of what has occurred, and unseen categories.
    """
    report = fleet_quality(role, layout.features, quality_panes(part, horizon_ns, end_unix_ns))
    return {
        "rows": report.rows,
        "distinct_rows": report.distinct_rows,
        "rates": [
            {name: value for name, value in entry.items() if name not in OF_ALARMS}
            for entry in report.quality_json()
        ],
        "unseen": {
            name: report.feature_json(name, 0) for name, found in report.unseen.items() if found.categories
        },
    }


def joint_lines(joint: dict[str, Any]) -> Iterator[str]:
    """An entry of `multivariate` as text.

    Args:
        joint: from `joint_json`.

    Yields:
        Lines; none for what there is too little of.
    """
    correlation, reconstruction = joint["correlation"], joint["reconstruction"]
    sizes = []
    if correlation is not None:
        names = ", ".join(correlation["pair"])
        was, now = correlation["reference"], correlation["current"]
        sizes.append((f"correlation of {names}: {was:.2f} -> {now:.2f}, z", correlation["z"], correlation))
    if reconstruction is not None:
        sizes.append(("reconstruction: z", reconstruction["z"], reconstruction))
    sizes += [
        (f"embedding {entry['name']}: mmd2", entry["mmd2"], entry)
        for entry in joint["embeddings"]
        if entry["mmd2"] is not None
    ]
    for name, size, entry in sizes:
        state = "beyond" if entry["beyond_limit"] else "within"
        yield f"{name} {size:.4f}, {state} the limit {entry['limit']:.4f}, {joint['rows']:,} rows"


def quality_lines(quality: dict[str, Any]) -> Iterator[str]:
    """Data quality as text.

    Args:
        quality: from `quality_json`.

    Yields:
        Lines; none without rows.
    """
    if not quality["rows"]:
        return
    yield f"about {quality['distinct_rows']:,.0f} different of {quality['rows']:,} rows"
    for entry in quality["rates"]:
        if entry["successes"]:
            name = entry["rate"] if entry["feature"] is None else f"{entry['rate']} {entry['feature']}"
            reference = entry["reference_share"]
            known = "" if reference is None else f", {reference:.2%} in the reference"
            yield f"{name}: {entry['successes']:,} of {entry['trials']:,} ({entry['share']:.2%}{known})"
    for name, found in quality["unseen"].items():
        shown = ", ".join(f"{entry['category']!r} {entry['count']:,}" for entry in found["unseen"][:SHOWN])
        yield f"about {found['distinct']:,.0f} unseen {name}: {shown}"
