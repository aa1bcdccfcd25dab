"""What `sidecar snapshot show` says beyond sizes of features one by one: the alarm, what they do together,
and data quality."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sidecar.drift.detector import Evidence
from sidecar.drift.difference import MIN_ROWS
from sidecar.drift.fleet import fleet_effects
from sidecar.drift.fleet_alarm import NS, fleet_alarms
from sidecar.drift.quantiles import reach_of
from sidecar.monitor.quality_alarm import fleet_verdicts
from sidecar.profile.feature import Role
from sidecar.profile.pane import Pane
from sidecar.profile.reference import Reference
from sidecar.profile.snapshot import SubjectPart
from sidecar.profile.snapshot_window import joint_totals, quality_evidence, quality_panes
from sidecar.profile.table import finite
from sidecar.quality.fleet import fleet_quality

SHOWN = 5  # unseen categories of a feature; all that are known are in the JSON
UNTOLD = ("since_unix_s",)  # of the mean of several monitors' evidence


def alarm_json(part: SubjectPart, layout: Reference, pane: Pane | None) -> list[dict[str, Any]]:
    """What the alarm says of all monitors' panes.

    Args:
        part: a subject.
        layout: by which features was counted.
        pane: the newest window, whose extremes are those of values lately.

    Returns:
        The field `alarms`: one entry for each terms by which monitors weigh.

    Raises:
        BadSnapshot: what a monitor tells of its alarm is damaged.
    """
    told = {name: origin.accounts for name, origin in part.origins.items()}
    reach = None if pane is None else reach_of(pane, layout.features)
    return [
        {
            "origins": list(alarm.origins),
            "added_after_unix_s": alarm.start_unix_ns / NS if alarm.start_unix_ns else None,
            "log_e_threshold": alarm.evidence.log_e_threshold,
            "features": [
                _feature_alarm(feature.spec.name, place, alarm.evidence)
                for place, feature in enumerate(layout.features)
            ],
        }
        for alarm in fleet_alarms(layout.features, told, reach)
    ]


def _feature_alarm(name: str, place: int, evidence: Evidence) -> dict[str, Any]:
    moved = evidence.moved[place]
    return {
        "name": name,
        "state": "drift" if evidence.drifted(place) else "ok",
        "log_e": finite(float(evidence.log_e[place])),
        "moved": None if moved is None else moved.to_json(),
        "since_unix_s": None if moved is None else finite(float(evidence.since_unix_s[place])),
    }


def alarm_lines(alarm: dict[str, Any]) -> Iterator[str]:
    """An entry of `alarms` as text.

    Args:
        alarm: from `alarm_json`.

    Yields:
        A line for each feature that has drifted; one that says so when none has.
    """
    limit, monitors = alarm["log_e_threshold"], len(alarm["origins"])
    drifted = [entry for entry in alarm["features"] if entry["state"] == "drift"]
    for entry in drifted:
        since = datetime.fromtimestamp(entry["since_unix_s"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        where = f"{entry['moved']['at']} {entry['moved']['direction']}"
        yield f"alarm: {entry['name']} {where} since {since}, ln e {entry['log_e']:.1f} of {limit:.1f}"
    if not drifted:
        most = max((e for e in alarm["features"] if e["log_e"] is not None), key=_log_e, default=None)
        if most is not None:
            yield (
                f"alarm: none, most against {most['name']}, ln e {most['log_e']:.1f} of {limit:.1f}, "
                f"{monitors} monitors"
            )


def _log_e(entry: dict[str, Any]) -> float:
    return float(entry["log_e"])


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
    panes = quality_panes(part, horizon_ns, end_unix_ns)
    evidence = quality_evidence(part, horizon_ns, end_unix_ns)
    report = fleet_quality(role, layout.features, panes, evidence, fleet_verdicts(evidence))
    return {
        "rows": report.rows,
        "distinct_rows": report.distinct_rows,
        "rates": [
            {name: value for name, value in entry.items() if name not in UNTOLD}
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
            state = ", violated" if entry["state"] == "violated" else ""
            counts = f"{entry['successes']:,} of {entry['trials']:,} ({entry['share']:.2%}{known})"
            yield f"{name}: {counts}{state}"
    for name, found in quality["unseen"].items():
        shown = ", ".join(f"{entry['category']!r} {entry['count']:,}" for entry in found["unseen"][:SHOWN])
        yield f"about {found['distinct']:,.0f} unseen {name}: {shown}"
