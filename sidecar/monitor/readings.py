"""Metric families of what the monitor knows, for /metrics and OTLP alike."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.board import MONITOR, Board
from sidecar.drift.report import ModelReport
from sidecar.drift.verdict import FeatureVerdict
from sidecar.monitor.level import LEVELS, LevelControl
from sidecar.monitor.subjects import Subject
from sidecar.telemetry.names import (
    FEATURE_DRIFT,
    FEATURE_DRIFT_THRESHOLD,
    FEATURE_DRIFTED,
    FEATURE_MISSING,
    FEATURE_OBSERVATIONS,
    LEVEL,
    MONITOR_FAULTS,
    MONITOR_LAG,
    PROCESS_RESTARTS,
    QUALITY_VIOLATIONS,
    REFERENCE_ROWS,
    ROWS_LATE,
    TAP_SHARE,
    WINDOW_ROWS,
)
from sidecar.telemetry.points import Attributes, Family, Point, single
from sidecar.telemetry.reasons import STATISTICS

MOST_FEATURES = 1000  # series of features a subject; the rest is in the admin API only


def process_families(
    board: Board, faults: dict[str, int], lag_ns: int, control: LevelControl
) -> list[Family]:
    """How the monitor itself is doing.

    Args:
        board: what the supervisor knows.
        faults: contained faults by place.
        lag_ns: age of the oldest record not analysed.
        control: level and share in force.
    """
    restarts = {
        "monitor": board.n_restarts(MONITOR),
        "worker": sum(board.n_restarts(1 + index) for index in range(board.n_workers)),
    }
    return [
        Family(PROCESS_RESTARTS, [Point((("role", role),), n) for role, n in restarts.items()]),
        Family(MONITOR_FAULTS, [Point((("place", place),), n) for place, n in faults.items()]),
        single(MONITOR_LAG, lag_ns * 1e-9),
        single(LEVEL, LEVELS.index(control.level)),
        single(TAP_SHARE, control.ratio),
    ]


def model_families(subjects: Sequence[Subject]) -> list[Family]:
    """Drift by feature, and the rows that it rests on."""
    drift: list[Point] = []
    thresholds: list[Point] = []
    drifted: list[Point] = []
    observations: list[Point] = []
    missing: list[Point] = []
    violations: list[Point] = []
    late: list[Point] = []
    window_rows: list[Point] = []
    reference_rows: list[Point] = []
    for subject in subjects:
        report = subject.report
        if report is None:
            continue
        subject_attributes = _subject_attributes(report)
        late += [
            Point((*subject_attributes, ("reason", reason)), n) for reason, n in subject.analysis.late.items()
        ]
        window_rows.append(Point(subject_attributes, report.window.rows))
        reference_rows.append(Point(subject_attributes, report.reference_rows))
        violations += _violations(subject, subject_attributes)
        for place, verdict in enumerate(report.verdicts[:MOST_FEATURES]):
            attributes = (*subject_attributes, ("feature", verdict.spec.name))
            drift += _scores(verdict, attributes)
            thresholds += _thresholds(verdict, attributes)
            drifted.append(Point(attributes, 1 if verdict.state == "drift" else 0))
            observations.append(Point(attributes, subject.rows))
            missing.append(Point(attributes, int(subject.missing[place])))
    return [
        Family(FEATURE_DRIFT, drift),
        Family(FEATURE_DRIFT_THRESHOLD, thresholds),
        Family(FEATURE_DRIFTED, drifted),
        Family(FEATURE_OBSERVATIONS, observations),
        Family(FEATURE_MISSING, missing),
        Family(QUALITY_VIOLATIONS, violations),
        Family(ROWS_LATE, late),
        Family(WINDOW_ROWS, window_rows),
        Family(REFERENCE_ROWS, reference_rows),
    ]


def _violations(subject: Subject, attributes: Attributes) -> list[Point]:
    """Totals since this monitor began; `feature` is empty where the fault is a row's or a message's."""
    if subject.quality_report is None:
        return []
    named = {spec.name for spec in subject.analysis.specs[:MOST_FEATURES]}
    return [
        Point((*attributes, ("feature", count.rate.feature or ""), ("kind", count.rate.name)), count.total)
        for count in subject.quality_report.counts
        if count.rate.feature is None or count.rate.feature in named
    ]


def _subject_attributes(report: ModelReport) -> Attributes:
    return (("model", report.model), ("version", report.version or ""), ("role", report.role))


def _scores(verdict: FeatureVerdict, attributes: Attributes) -> list[Point]:
    """A statistic that is not known yet has no point: absent is not zero."""
    numbers = [(reason.value, verdict.number(reason.value)) for reason in STATISTICS]
    return [
        Point((*attributes, ("statistic", statistic)), number)
        for statistic, number in numbers
        if number is not None
    ]


def _thresholds(verdict: FeatureVerdict, attributes: Attributes) -> list[Point]:
    limits = {"psi": verdict.effects.psi_critical, "log_e": verdict.log_e_threshold}
    return [
        Point((*attributes, ("statistic", name)), limit)
        for name, limit in limits.items()
        if limit is not None
    ]
