"""What is watched: one subject for each model, version and role seen in traffic, bounded in number.

A subject joins three things: the encoder (intake thread), the feature ring between the threads, and the
analysis (statistics thread). The intake thread makes subjects; the statistics thread only reads the list.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from kernels.binning import F64, I64
from kernels.lanes import type_errors
from sidecar.config.model import Config
from sidecar.drift.detector import false_alarm_panes
from sidecar.drift.report import ModelReport
from sidecar.errors import SidecarError
from sidecar.monitor.analysis import ModelAnalysis
from sidecar.monitor.data_quality import DataQuality
from sidecar.monitor.memory import Shape, learning_bytes, most_bytes, shape_of
from sidecar.monitor.quality_alarm import AlarmSettings
from sidecar.monitor.row_stage import RowStage
from sidecar.monitor.settings import AnalysisSettings
from sidecar.payload.columns import Columns, Schema
from sidecar.profile.feature import Role
from sidecar.profile.naming import name_columns
from sidecar.profile.reference import Reference
from sidecar.profile.units import chosen_of, stamps_of
from sidecar.quality.report import QualityReport
from sidecar.ring.feature_ring import FeatureRing

MOST_SUBJECTS = 64  # models x versions x 2; a caller must not be able to make us hold more
# Rows x (features + time) of a feature ring: 256 KiB. Every place of a ring is written before the first one
# is written again, however few rows wait, so all of it becomes resident: what is larger grows for hours on a
# quiet model. The slack for a busy statistics thread is the worker's ring.
RING_CELLS = 1 << 15
LEAST_RING_ROWS = 1024
WAKE_ROWS = (
    256  # a kernel call costs a microsecond whatever it does; fewer rows wait for the thread's own tick
)
STAGED_CELLS = 8192  # of one subject, 64 KiB; beyond that rows do not wait for the end of the batch
WAIT_S = 0.05  # longest sleep while a feature ring is full: meanwhile records wait in the worker's ring
NS = 1_000_000_000
UNNAMED = "default"  # a model that neither path nor body names

Key = tuple[str, str | None, Role]


@dataclass(slots=True)
class Subject:
    """One (model, version, role).

    Attributes:
        analysis: its statistics; only the statistics thread adds rows to it.
        quality: its data quality; rows as with the analysis.
        ring: rows on their way there.
        stage: rows on their way to the ring.
        quality_report: as `report`.
        report: the latest one; replaced whole by the statistics thread, read by anyone.
        rows: rows analysed since this monitor began.
        missing: of these, missing values by feature; those of a wrong type are none.
        due_with_news_mono_ns: when the reports are to be made anew if there is news.
        due_mono_ns: the same if there is none.
    """

    analysis: ModelAnalysis
    quality: DataQuality
    ring: FeatureRing
    stage: RowStage
    report: ModelReport | None = None
    quality_report: QualityReport | None = None
    rows: int = 0
    missing: I64 = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    due_with_news_mono_ns: int = 0
    due_mono_ns: int = 0
    _judged: tuple[int, int] = (-1, -1)

    @property
    def has_news(self) -> bool:
        """Whether there are rows or closed panes that the reports do not tell of."""
        return (self.rows, self.analysis.n_closed) != self._judged

    @property
    def most_bytes(self) -> dict[str, int]:
        """Memory that it takes at most once its references are known, by part (sidecar.monitor.memory)."""
        return most_bytes(self.analysis.settings, self._shape, self.ring.capacity_rows)

    @property
    def learning_bytes(self) -> int:
        """Memory that it takes instead of windows while it learns references."""
        return learning_bytes(self.analysis.settings, self._shape)

    @property
    def _shape(self) -> Shape:
        layout = self.analysis.layout
        return shape_of(self.analysis.specs, layout.columns, len(layout.groups))

    def add(self, block: F64, stamps: I64, now_unix_ns: int) -> None:
        """Takes rows from the ring; called by the statistics thread only.

        Args:
            block: as encoded, shape (n, columns), float64; not kept.
            stamps: time of each row's exchange, and whether it stands for it (sidecar.profile.units), shape
                (n,), int64.
            now_unix_ns: the clock, read after the rows had come.
        """
        chosen = chosen_of(stamps)
        rows, vectors = self.analysis.layout.reduce(block)
        self.analysis.add_block(rows, stamps, now_unix_ns, chosen, vectors)
        self.quality.fill(rows, min(int(stamps[-1]), now_unix_ns), chosen)
        self.rows += len(rows)
        self.missing += (np.isnan(rows) & ~type_errors(rows)).sum(axis=0)

    def judge(self, now_unix_ns: int) -> None:
        """Replaces the reports; called by the statistics thread only.

        Args:
            now_unix_ns: time.
        """
        report = self.report = self.analysis.report(now_unix_ns)
        self.quality.use(report.features, self.analysis.effects)
        self.quality_report = self.quality.report(now_unix_ns)
        self._judged = self.rows, self.analysis.n_closed


def ring_rows(columns: int) -> int:
    """Places of a feature ring.

    Args:
        columns: of its rows.
    """
    return max(LEAST_RING_ROWS, 1 << (RING_CELLS // (columns + 1)).bit_length() - 1)


class Subjects:
    """All that is watched.

    Args:
        config: the settings.
        reference: the reference file's content, if there is one.
        wake: called when enough rows were pushed, or one finds no room.
        epoch: start of this monitor, in nanoseconds of unix time.
    """

    def __init__(
        self, config: Config, reference: Reference | None, wake: Callable[[], None], epoch: int = 0
    ) -> None:
        self._config = config
        self._reference = reference
        self._by_request = config.alarm.unit == "request"
        self._wake = wake
        self._epoch = epoch
        self._by_key: dict[Key, Subject] = {}
        self._held_bytes = 0  # by all of them at most; never less than before
        self._refused: WeakKeyDictionary[Schema, set[Key]] = WeakKeyDictionary()  # for whom there is no room
        self._staged: list[Subject] = []  # with rows in their stages
        self._pushed = 0  # rows since the statistics thread was last woken
        self.room = threading.Event()  # set by the statistics thread after it has taken rows

    def all(self) -> list[Subject]:
        """Every subject, in the order in which they came; a copy."""
        return list(self._by_key.values())

    def stage(
        self,
        columns: Columns,
        role: Role,
        model: str | None,
        version: str | None,
        unix_ns: int,
        exchange_id: int,
    ) -> bool:
        """Takes the rows of one message for their subject, to which `flush` sends them.

        Args:
            columns: decoded.
            role: input for a request, output for a response.
            model, version: of the exchange, as either side tells them.
            unix_ns: time at which the exchange ended.
            exchange_id: says which of several rows stands for the exchange.

        Returns:
            False when there are too many subjects for a new one, when it would take more memory than all may
            have, or when there is nothing to watch in these columns.
        """
        if not columns.schema.names:
            return False
        subject = self._find(columns, (model or UNNAMED, version, role))
        if subject is None:
            return False
        subject.quality.note(columns.schema)
        matrix, stage = subject.analysis.encoder.encode(columns), subject.stage
        if not len(matrix):
            return True
        if not stage.n_cells:
            self._staged.append(subject)
        stage.add(matrix, stamps_of(len(matrix), unix_ns, exchange_id if self._by_request else None))
        if stage.n_cells >= STAGED_CELLS:
            self.flush()
        return True

    def flush(self) -> None:
        """Sends what was staged; once a batch."""
        staged, self._staged = self._staged, []
        for subject in staged:
            self._send(subject.ring, *subject.stage.take())
        if self._pushed >= WAKE_ROWS:
            self._pushed = 0
            self._wake()

    def _send(self, ring: FeatureRing, rows: F64, stamps: I64) -> None:
        while len(rows):
            taken = ring.push(rows, stamps)
            self._pushed += taken
            if taken == len(rows):
                break
            self._wake()
            rows, stamps = rows[taken:], stamps[taken:]
            self.room.wait(WAIT_S)
            self.room.clear()

    def _find(self, columns: Columns, key: Key) -> Subject | None:
        subject = self._by_key.get(key)
        if subject is not None:
            return subject
        if len(self._by_key) >= MOST_SUBJECTS:
            return None
        refused = self._refused.setdefault(columns.schema, set())
        if key in refused:
            return None
        model, version, role = key
        settings = AnalysisSettings.from_config(self._config, model)
        if not self._has_room(settings, columns.schema, role):
            if len(refused) >= MOST_SUBJECTS:
                refused.clear()
            refused.add(key)
            return None
        return self._adopt(
            key, ModelAnalysis(model, version, role, columns.schema, settings, self._reference, self._epoch)
        )

    def _has_room(self, settings: AnalysisSettings, schema: Schema, role: Role) -> bool:
        """Whether a subject of these columns fits into what all may take; before anything is made for it."""
        naming = name_columns(
            schema, role, settings.features, settings.prediction, self._reference, settings.embedding_columns
        )
        shape = shape_of(naming.specs, len(naming.columns), len(naming.layout.groups))
        wanted = sum(most_bytes(settings, shape, ring_rows(shape.columns)).values())
        return self._held_bytes + wanted <= self._config.window.memory_bytes

    def _adopt(self, key: Key, analysis: ModelAnalysis) -> Subject:
        columns = analysis.encoder.width
        settings = analysis.settings
        quality = DataQuality(
            analysis.role,
            analysis.schema,
            analysis.encoder,
            analysis.layout,
            analysis.features,
            round(settings.horizons_s[0] * NS),
            AlarmSettings(
                max(1, round(settings.pane_s * NS)),
                false_alarm_panes(settings.false_alarm_days, settings.pane_s),
                settings.tolerance,
            ),
            analysis.effects,
        )
        subject = Subject(
            analysis,
            quality,
            FeatureRing(columns, ring_rows(columns)),
            RowStage(columns),
            missing=np.zeros(analysis.width, dtype=np.int64),
        )
        # Replaced whole: readers never see it change under them
        self._by_key = {**self._by_key, key: subject}
        self._held_bytes = sum(sum(held.most_bytes.values()) for held in self.all())
        return subject

    # --- checkpoint

    def to_state(self) -> list[dict[str, Any]]:
        """All analyses, for the checkpoint; called by the statistics thread."""
        return [
            {**subject.analysis.to_state(), "quality": subject.quality.to_state()} for subject in self.all()
        ]

    def restore(self, states: list[dict[str, Any]]) -> list[str]:
        """Goes on with the analyses of a checkpoint.

        Returns:
            Why some could not be gone on with; those start anew.
        """
        faults = []
        for state in states:
            settings = AnalysisSettings.from_config(self._config, str(state.get("model")))
            try:
                analysis = ModelAnalysis.from_state(state, settings, self._reference, self._epoch)
            except SidecarError as exc:
                faults.append(str(exc))
                continue
            if not self._has_room(analysis.settings, analysis.schema, analysis.role):
                faults.append(f"window.memory_bytes: expected room for {analysis.model!r}, got too little")
                continue
            key = (analysis.model, analysis.version, analysis.role)
            try:
                self._adopt(key, analysis).quality.restore(state["quality"])
            except (KeyError, TypeError, ValueError) as exc:
                faults.append(f"quality state: expected a whole checkpoint, got {exc!r}")
                self._adopt(key, analysis)  # with nothing of what was half restored
        return faults
