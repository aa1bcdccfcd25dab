"""The admin server's answers, from what the other threads have published; never waits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

from sidecar import __version__
from sidecar.board import MONITOR, Board
from sidecar.clock import Clock
from sidecar.compiled import worker_code
from sidecar.drift.report import ModelReport
from sidecar.mirror.shadow import Shadow
from sidecar.mirror.thread import Mirror
from sidecar.monitor.level import LevelControl
from sidecar.monitor.subjects import Subjects
from sidecar.profile.beside import Beside
from sidecar.profile.snapshot import Snapshot, SubjectKey, SubjectPart, subject_part
from sidecar.profile.snapshot_codec import encode
from sidecar.quality.report import QualityReport
from sidecar.ring.counters import accounting
from sidecar.ring.segment import Segment
from sidecar.telemetry.points import Family
from sidecar.telemetry.prometheus import render

Document = dict[str, Any]
Role = Literal["input", "output"]

NO_MODEL: Document = {
    "model": None,
    "version": None,
    "reference": None,
    "window": None,
    "features": [],
    "multivariate": {},
    "quality": [],
}


class Views:
    """The monitor as the admin server sees it.

    Args:
        rings: one a worker.
        subjects: what is watched.
        control: level and share in force.
        board: what the supervisor knows.
        collect: all metric families.
        lag_ns: age of the oldest record not analysed.
        clock: wall time.
        started_unix_ns: when the sidecar began.
        origin: names this monitor in snapshots.
        mirror: the shadows, if there are any.
    """

    def __init__(
        self,
        *,
        rings: Sequence[Segment],
        subjects: Subjects,
        control: LevelControl,
        board: Board,
        collect: Callable[[], Sequence[Family]],
        lag_ns: Callable[[], int],
        clock: Clock,
        started_unix_ns: int,
        origin: str,
        mirror: Mirror | None = None,
    ) -> None:
        self._mirror = mirror
        self._rings = rings
        self._subjects = subjects
        self._control = control
        self._board = board
        self._collect = collect
        self._lag_ns = lag_ns
        self._clock = clock
        self._started_unix_ns = started_unix_ns
        self._origin = origin

    def status(self) -> Document:
        """`GET /api/v1/status`."""
        board = self._board
        return {
            "version": __version__,
            "worker_code": worker_code(),
            "uptime_s": (self._clock.unix_ns() - self._started_unix_ns) * 1e-9,
            "workers": [
                {"worker": index, "pid": board.pid(1 + index), "restarts": board.n_restarts(1 + index)}
                for index in range(board.n_workers)
            ],
            "monitor": {
                "pid": board.pid(MONITOR),
                "restarts": board.n_restarts(MONITOR),
                "lag_s": self._lag_ns() * 1e-9,
            },
            "level": self._control.level,
            "tap_ratio": self._control.ratio,
            "models": [
                {"model": model, "version": version, "memory_most_bytes": self._most_bytes(model, version)}
                for model, version in self._models()
            ],
            "shadows": {shadow.config.name: shadow.mirrored for shadow in self._shadows()},
            "accounting": accounting(self._rings),
        }

    def drift(self, model: str | None, version: str | None) -> Document | None:
        """`GET /api/v1/drift`: inputs and outputs of one model, the first one when none is named."""
        models = [key for key in self._models() if model in (None, key[0]) and version in (None, key[1])]
        if not models:
            return NO_MODEL if model is None and version is None else None
        judged = [pair for pair in self._judged() if (pair[0].model, pair[0].version) == models[0]]
        documents = [report.drift_json() for report, _ in judged]
        return {
            **documents[0],
            "features": [entry for document in documents for entry in document["features"]],
            "multivariate": {
                role: effects for document in documents for role, effects in document["multivariate"].items()
            },
            "quality": [entry for _, quality in judged if quality for entry in quality.quality_json()],
        }

    def feature(
        self, name: str, model: str | None, version: str | None, role: Role | None
    ) -> Document | None:
        """`GET /api/v1/features/{name}`."""
        for report, quality in self._judged():
            if model not in (None, report.model) or version not in (None, report.version):
                continue
            if role in (None, report.role):
                document = report.feature_json(name)
                if document is not None:
                    return {
                        **document,
                        "histogram": _histogram(document),
                        "quantiles": _quantiles(document),
                        **_unseen(document, quality),
                    }
        return None

    def shadow(self) -> Document:
        """`GET /api/v1/shadow`."""
        return {"shadows": [shadow.to_json() for shadow in self._shadows()]}

    def _shadows(self) -> Sequence[Shadow]:
        return () if self._mirror is None else self._mirror.shadows

    def switch_shadow(self, name: str, enabled: bool) -> Document | None:
        """`POST /api/v1/shadow/{name}`: holds until the monitor starts again."""
        shadow = None if self._mirror is None else self._mirror.find(name)
        if shadow is None:
            return None
        shadow.enabled = enabled
        return shadow.to_json()

    def performance(self) -> Document:
        """`GET /api/v1/performance`."""
        return {"models": []}

    def alerts(self) -> Document:
        """`GET /api/v1/alerts`: what is in the state `drift` or `violated` now."""
        judged = self._judged()
        return {
            "alerts": [
                {"model": report.model, "version": report.version, **verdict.to_json()}
                for report, _ in judged
                for verdict in report.verdicts
                if verdict.state == "drift"
            ],
            "quality": [
                {"model": report.model, "version": report.version, **entry}
                for report, quality in judged
                if quality is not None
                for entry in quality.quality_json()
                if entry["state"] == "violated"
            ],
        }

    def metrics_text(self, openmetrics: bool) -> str:
        """`GET /metrics`."""
        return render(self._collect(), openmetrics=openmetrics)

    def snapshot(self) -> bytes:
        """`GET /api/v1/snapshot`: what all known subjects have closed (docs/snapshot-format.md)."""
        parts: dict[SubjectKey, SubjectPart] = {
            (report.model, report.version, report.role): subject_part(
                report.reference_id,
                report.layout,
                self._origin,
                report.closed,
                Beside.of(report.closed_joint, quality.told, quality.evidence)
                if quality is not None
                else Beside.of(report.closed_joint, ()),
                report.account,
            )
            for report, quality in self._judged()
            if report.layout is not None and report.reference_id is not None
        }
        return encode(Snapshot(parts))

    def versions(self, model: str | None) -> Document | None:
        """`GET /api/v1/versions`: the versions of one model side by side, by default of the first."""
        models = [name for name, _ in self._models() if model in (None, name)]
        if not models:
            return {"model": None, "versions": []} if model is None else None
        return {
            "model": models[0],
            "versions": [
                {
                    "version": version,
                    "roles": [
                        report.drift_json()
                        for report in sorted(self._reports(), key=lambda report: report.role)
                        if (report.model, report.version) == (models[0], version)
                    ],
                }
                for name, version in self._models()
                if name == models[0]
            ],
        }

    def _most_bytes(self, model: str, version: str | None) -> int:
        """Memory that the statistics of a model's inputs and outputs take at most."""
        found = (
            s for s in self._subjects.all() if (s.analysis.model, s.analysis.version) == (model, version)
        )
        return sum(sum(subject.most_bytes.values()) for subject in found)

    def _reports(self) -> list[ModelReport]:
        return [subject.report for subject in self._subjects.all() if subject.report is not None]

    def _judged(self) -> list[tuple[ModelReport, QualityReport | None]]:
        """What is said of drift and of quality, inputs first."""
        found = [(s.report, s.quality_report) for s in self._subjects.all() if s.report is not None]
        return sorted(found, key=lambda pair: pair[0].role)

    def _models(self) -> list[tuple[str, str | None]]:
        return list(dict.fromkeys((report.model, report.version) for report in self._reports()))


def _unseen(document: Document, quality: QualityReport | None) -> Document:
    if quality is None:
        return {}
    counts = document["current"]["counts"] if document["categories"] is not None else []
    return quality.feature_json(document["name"], sum(count > 0 for count in counts[1:]))


def _histogram(document: Document) -> Document | None:
    """Reference and current counts by cell, with a label each."""
    reference, current = document["reference"], document["current"]
    if reference is None or current is None:
        return None
    counts = zip(reference["counts"], current["counts"], strict=True)
    if document["categories"] is not None:
        cells: list[Document] = [
            {"label": text, "low": None, "high": None} for text in document["categories"]
        ]
    else:
        edges = [None, *document["edges"], None]
        cells = [{"label": _cell_label(low, high), "low": low, "high": high} for low, high in pairwise(edges)]
    bins = [
        {**cell, "reference": was, "current": now} for cell, (was, now) in zip(cells, counts, strict=True)
    ]
    missing = {"label": "missing", "low": None, "high": None}
    return {"bins": [*bins, {**missing, "reference": reference["missing"], "current": current["missing"]}]}


def _cell_label(low: float | None, high: float | None) -> str:
    if low is None:
        return f"< {high:.4g}"
    return f">= {low:.4g}" if high is None else f"{low:.4g} to {high:.4g}"


def _quantiles(document: Document) -> Document | None:
    if document["reference"] is None or "quantiles" not in document["reference"]:
        return None
    return {
        side: {f"q{share}": value for share, value in document[side]["quantiles"].items()}
        for side in ("reference", "current")
    }
