"""The data quality of one subject: what the decoding thread notes of messages, and the statistics thread of
rows.

Rows are taken in the order in which they come, each block with the time of the pane that it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernels.binning import F64
from sidecar.monitor.quality_alarm import NO_EFFECTS, AlarmSettings, QualityAlarm
from sidecar.payload.columns import Schema
from sidecar.profile.embedding import RowLayout
from sidecar.profile.encoding import RowEncoder
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.quality_evidence import QualityEvidence
from sidecar.profile.quality_pane import QualityPane, version_of
from sidecar.profile.reference import FeatureReference
from sidecar.profile.units import Chosen
from sidecar.profile.unseen import UnseenWindow
from sidecar.quality.report import QualityReport, UnseenReport
from sidecar.quality.shape import ShapeCounter
from sidecar.quality.watch import QualityWatch

REPORT_NS = 1_000_000_000


class DataQuality:
    """Data quality of one (model, version, role).

    Args:
        role: input or output.
        schema: columns of the first message.
        encoder: of the rows.
        layout: by which its columns become features.
        features: for each its reference, None while that is being learnt.
        horizon_ns: length of the window that is shown.
        alarm: settings of the alarm.
        effects: as `use` takes them.
    """

    def __init__(
        self,
        role: Role,
        schema: Schema,
        encoder: RowEncoder,
        layout: RowLayout,
        features: Sequence[FeatureReference | None],
        horizon_ns: int,
        alarm: AlarmSettings,
        effects: Mapping[str, tuple[float, float]] = NO_EFFECTS,
    ) -> None:
        self._role: Role = role
        self._specs: tuple[FeatureSpec, ...] = layout.name_features(encoder.specs)
        self._features = tuple(features)
        self._shape = ShapeCounter(schema, encoder.specs, encoder.names)
        self._watch = QualityWatch(self._specs, features, horizon_ns)
        by_feature = zip(layout.targets.tolist(), layout.sources.tolist(), strict=True)
        found = {target: encoder.unseen_texts[source] for target, source in by_feature}
        texts = {place: texts for place, texts in found.items() if texts is not None}
        self._unseen: UnseenWindow = UnseenWindow(list(texts), list(texts.values()), horizon_ns)
        self._categorical = tuple(texts)
        self._alarm = QualityAlarm(alarm)
        self._effects = dict(effects)
        self._alarm.use(self._watch.rates, self._effects)
        self._pane_ns = alarm.pane_ns
        self._start_unix_ns = 0  # of the open pane
        self._latest: QualityReport | None = None
        self._told: dict[int, QualityPane] = {}
        self._reported_unix_ns = 0

    def note(self, schema: Schema) -> None:
        """Counts a message; called by the decoding thread only.

        Args:
            schema: its columns.
        """
        self._shape.note(schema)

    def use(
        self,
        features: Sequence[FeatureReference | None],
        effects: Mapping[str, tuple[float, float]] = NO_EFFECTS,
    ) -> None:
        """Judges by these references from now on.

        Args:
            features: one for each feature; None while it is being learnt.
            effects: by feature, how many rows count as one: of traffic, and of the reference.
        """
        if effects != self._effects:
            self._effects = dict(effects)
            self._latest = None
        if any(new is not old for new, old in zip(features, self._features, strict=True)):
            self._features = tuple(features)
            self._watch.use(features)
            self._told = {}
            self._latest = None

    def fill(self, rows: F64, unix_ns: int, chosen: Chosen | None = None) -> None:
        """Takes in rows.

        Args:
            rows: shape (n, F), float64, C order; may be a read-only view; not kept.
            unix_ns: their time.
            chosen: which rows stand for their message, shape (n,), bool; all when left out.
        """
        self._close_due(unix_ns)
        self._watch.fill(rows, unix_ns, chosen)
        self._unseen.fill(rows, unix_ns)

    def report(self, unix_ns: int) -> QualityReport:
        """What is to be said now.

        Args:
            unix_ns: now; what lies wholly before the horizon is dropped.

        Returns:
            A frozen report; the last one when that is less than a second old and no reference has been learnt
            since: merging what is kept of unseen categories takes half a millisecond a feature.
        """
        if self._latest is None or not 0 <= unix_ns - self._reported_unix_ns < REPORT_NS:
            self._latest = self._report(unix_ns)
            self._reported_unix_ns = unix_ns
        return self._latest

    def _close_due(self, unix_ns: int) -> None:
        """Moves the alarm on when its pane is over; an earlier time changes nothing."""
        if unix_ns < self._start_unix_ns + self._pane_ns:
            return
        if self._start_unix_ns:
            self._watch.take_messages(self._shape.counts, self._start_unix_ns)
            self._alarm.use(self._watch.rates, self._effects)
            tallies = self._watch.take()
            if tallies.any():
                self._alarm.advance(tallies, self._start_unix_ns)
        self._start_unix_ns = unix_ns // self._pane_ns * self._pane_ns

    def _report(self, unix_ns: int) -> QualityReport:
        self._close_due(unix_ns)
        self._watch.take_messages(self._shape.counts, self._start_unix_ns)
        self._alarm.use(self._watch.rates, self._effects)
        self._watch.expire(unix_ns)
        self._unseen.expire(unix_ns)
        distinct_rows, rows = self._watch.distinct_rows()
        verdicts = self._alarm.verdicts(self._watch.pending(), self._start_unix_ns)
        return QualityReport(
            role=self._role,
            counts=self._watch.counts(),
            verdicts=tuple(verdicts.get(place) for place, rate in enumerate(self._watch.rates) if rate),
            rows=rows,
            distinct_rows=distinct_rows,
            unseen={
                self._specs[place].name: UnseenReport(
                    self._unseen.most_frequent(place), self._unseen.distinct(place)
                )
                for place in self._categorical
            },
            told=self._tell(),
            evidence=self._evidence(),
        )

    def _tell(self) -> tuple[QualityPane, ...]:
        """The stretches of the window; what has not changed since it was told last is not copied again."""
        if any(feature is None for feature in self._features):
            return ()
        told = {}
        for start, end, sums, registers in self._watch.stretches():
            pane = self._told.get(start)
            if pane is None or pane.version != version_of(sums.rows, sums.others):
                pane = QualityPane(
                    start,
                    end,
                    sums.rows,
                    sums.tallies.copy(),
                    sums.passed_over.copy(),
                    sums.blocks.copy(),
                    sums.others.copy(),
                    registers.copy(),
                    self._unseen.told(start),
                )
            told[start] = pane
        self._told = told
        return tuple(told.values())

    def _evidence(self) -> QualityEvidence | None:
        if any(feature is None for feature in self._features):
            return None
        learnt, learnt_blocks = (counts.copy() for counts in self._watch.learnt)
        panes, log_e = self._alarm.evidence(len(self._watch.rates))
        return QualityEvidence(self._start_unix_ns, panes, log_e, learnt, learnt_blocks)

    def to_state(self) -> dict[str, Any]:
        """The quality for a checkpoint.

        Returns:
            Numbers, texts, bytes, lists and dictionaries; `restore` goes on without changing a number.
        """
        self._watch.take_messages(self._shape.counts, self._start_unix_ns)
        return {
            "watch": self._watch.to_state(),
            "unseen": self._unseen.to_state(),
            "alarm": self._alarm.to_state(),
            "start_unix_ns": self._start_unix_ns,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        self._watch.restore(state["watch"])
        self._unseen.restore(state["unseen"])
        self._alarm.use(self._watch.rates, self._effects)
        self._alarm.restore(state["alarm"])
        self._start_unix_ns = int(state["start_unix_ns"])
