"""All statistics of one (model, version, role): rows in, verdicts out.

Rows go into open panes by the time of their exchange (`sidecar.profile.cutting`). A pane that closes moves
the detector on and joins the windows (`sidecar.profile.history`). Columns that the reference knows are
judged from the first row on; the others are learnt from the first rows of traffic and judged after that.

Runs on one thread. Only the encoder is shared, with the thread that decodes; while categories are being
learnt it may still add codes when the vocabulary has just been frozen, and the counting takes those as
`other`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from sidecar.drift.quantiles import reach_of
from sidecar.drift.report import ModelReport
from sidecar.drift.river_detectors import RiverDetectors
from sidecar.drift.univariate import Comparison
from sidecar.drift.verdict import judge
from sidecar.errors import ShapeMismatch, SidecarError
from sidecar.monitor.alarm import Alarm
from sidecar.monitor.joint import JointAnalysis
from sidecar.monitor.settings import AnalysisSettings, fingerprint
from sidecar.payload.columns import Schema, intern_schema
from sidecar.profile import codec
from sidecar.profile.accumulator import Accumulator
from sidecar.profile.embedding import Vectors
from sidecar.profile.encoding import RowEncoder
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.history import NS, History
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import Learning, learn_reference
from sidecar.profile.naming import name_columns
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference, Reference
from sidecar.profile.snapshot import Layout
from sidecar.profile.units import Chosen
from sidecar.profile.unseen import UnseenTexts, generation_of
from sidecar.profile.vocabulary import Vocabulary

STATE_FORMAT = 5


class ModelAnalysis:
    """All statistics of one (model, version, role).

    Args:
        model: model's name.
        version: model's version, if the traffic tells it.
        role: input for requests, output for responses.
        schema: columns of the first message; later messages are matched to them by name.
        settings: of the configuration.
        reference: to compare with; without it, and for columns that it lacks, it is learnt.
        epoch: start of this monitor, in nanoseconds of unix time.

    Attributes:
        accumulators: what else follows the rows, by name; may be added to before the first row.
    """

    def __init__(
        self,
        model: str,
        version: str | None,
        role: Role,
        schema: Schema,
        settings: AnalysisSettings,
        reference: Reference | None,
        epoch: int = 0,
    ) -> None:
        self.model = model
        self.version = version
        self.role: Role = role
        self.schema = schema
        self._settings = settings
        self._reference = reference
        naming = name_columns(
            schema, role, settings.features, settings.prediction, reference, settings.embedding_columns
        )
        self.specs: tuple[FeatureSpec, ...] = naming.specs
        self.width = len(self.specs)
        self._vocabularies = _vocabularies(self.specs, naming.known)
        self.layout = naming.layout
        by_column = naming.layout.by_column(self._vocabularies)
        self.encoder = RowEncoder(naming.columns, by_column, naming.names)
        unknown = [place for place, known in enumerate(naming.known) if known is None]
        self._learning = Learning(unknown, settings.auto_rows)
        self._learnt = codec.seal(0, (), created_unix_s=0.0, provenance={})
        self._joint = JointAnalysis(self.specs, self.layout.groups, role, settings.joint(), reference)
        self._table = lane_table(self.specs, naming.known)
        self._history = History(settings.plan(), self.width, self._table.lanes, epoch)
        self.accumulators: dict[str, Accumulator] = {}
        self._river = RiverDetectors(settings.river, self.specs)
        self._alarm = Alarm(settings, reference, self._table.lanes, naming.known, epoch)
        self._use(naming.known)

    @property
    def features(self) -> tuple[FeatureReference | None, ...]:
        """For each feature its reference, None while that is being learnt."""
        return self._features

    @property
    def effects(self) -> dict[str, tuple[float, float]]:
        """How many rows count as one by feature name: of traffic, and of the reference."""
        return self._alarm.effects

    @property
    def settings(self) -> AnalysisSettings:
        return self._settings

    @property
    def now_unix_ns(self) -> int:
        """Latest time seen, of a row or told."""
        return self._history.now_unix_ns

    @property
    def n_closed(self) -> int:
        """Number of the last pane that has closed."""
        return self._history.n_closed

    @property
    def late(self) -> dict[str, int]:
        """Rows that came too late, or from the future, by reason."""
        return self._history.late

    def add_rows(self, matrix: F64, unix_ns: int) -> None:
        """Counts rows of one time.

        Args:
            matrix: as in `add_block`.
            unix_ns: time of their exchange.

        Raises:
            ShapeMismatch: as `add_block`.
        """
        self.add_block(matrix, np.full(len(matrix), unix_ns, dtype=np.int64), unix_ns)

    def add_block(
        self,
        matrix: F64,
        stamps: I64,
        now_unix_ns: int,
        chosen: Chosen | None = None,
        vectors: tuple[Vectors, ...] = (),
    ) -> None:
        """Counts rows in the panes of their time; panes that are complete then are closed.

        Args:
            matrix: from the encoder by way of `layout`, shape (n, F), float64, C order; may be a read-only
                view; not kept.
            stamps: time of each row's exchange in nanoseconds of unix time, shape (n,), int64.
            now_unix_ns: the clock, read after the rows had come.
            chosen: the rows that stand for their request (sidecar.profile.units), shape (n,), bool; all when
                left out.
            vectors: of the same rows, for each embedding, from `layout`.

        Raises:
            ShapeMismatch: "pane: expected rows of 20 float64 in C order, got (3, 19) float64".
        """
        for start, stop, pane in self._history.runs(self._history.bounded(stamps, now_unix_ns)):
            self._fill(matrix[start:stop], None if chosen is None else chosen[start:stop], pane)
            cut = tuple(block.cut(start, stop) for block in vectors)
            self._joint.fill(matrix[start:stop], pane.start_unix_ns, cut)
            self._close_due()

    def advance(self, now_unix_ns: int) -> None:
        """Closes the panes whose time is over.

        Args:
            now_unix_ns: time up to which no row is missing; one earlier than before changes nothing.
        """
        self._history.advance(now_unix_ns)
        self._close_due()

    def report(self, now_unix_ns: int) -> ModelReport:
        """What is to be said now, the open panes included.

        Args:
            now_unix_ns: time up to which no row is missing; panes that are due are closed first.

        Returns:
            A frozen report with copies of the sums.
        """
        self.advance(now_unix_ns)
        sums = self._history.sums()
        judged = sums[0]
        reach = reach_of(judged, self._features)
        evidence = self._alarm.evidence(self._history.open_panes() or [self._no_rows()], reach)
        reference_id, reference_rows = self._reference_identity()
        return ModelReport(
            model=self.model,
            version=self.version,
            role=self.role,
            reference_id=reference_id,
            reference_rows=reference_rows,
            start_unix_s=judged.start_unix_ns / NS,
            end_unix_s=self._history.now_unix_ns / NS,
            window=judged,
            horizons=tuple(zip(self._settings.horizons_s, sums, strict=True)),
            verdicts=judge(self.specs, self._comparisons, judged, evidence, self._settings.min_rows),
            features=self._features,
            comparisons=self._comparisons,
            joint=self._joint.measure(self._alarm.design_effects),
            decayed=tuple(self._history.decayed_sums()),
            closed=self._history.closed(),
            closed_joint=self._joint.closed(),
            account=self._alarm.account(),
            layout=self._layout,
            river=tuple(self._river.to_json()),
        )

    def _fill(self, matrix: F64, chosen: Chosen | None, pane: Pane) -> None:
        wanted = self._learning.active and matrix.ndim == 2 and matrix.shape[1] == self.width
        taken = self._learn(matrix, chosen, pane) if wanted else 0  # may change the table
        self._count(matrix[taken:], None if chosen is None else chosen[taken:], pane)
        self._river.fill(matrix, pane.start_unix_ns / NS)
        for accumulator in self.accumulators.values():
            accumulator.fill(matrix, pane.start_unix_ns)

    def _count(self, rows: F64, chosen: Chosen | None, pane: Pane) -> None:
        self._alarm.fill(self._table, rows, chosen, pane)
        pane.fill(self._table, rows)

    def _close_due(self) -> None:
        for pane in self._history.close_due():
            if self._alarm.close(pane, self._history.n_closed):
                self._compare()
            self._joint.close(pane.start_unix_ns, pane.end_unix_ns, self._history.n_closed)
            for accumulator in self.accumulators.values():
                accumulator.close(pane.start_unix_ns, pane.end_unix_ns)
        self._joint.expire(self._history.newest_start_unix_ns)
        for accumulator in self.accumulators.values():
            accumulator.expire(self._history.newest_start_unix_ns)

    def _no_rows(self) -> tuple[I64, int]:
        return np.zeros((self.width, self._table.lanes), dtype=np.int64), self._history.newest_start_unix_ns

    def to_state(self) -> dict[str, Any]:
        """The analysis for a checkpoint.

        Returns:
            Texts, numbers, bytes, lists and dictionaries; `from_state` goes on without changing a number.
        """
        return {
            "format": STATE_FORMAT,
            "model": self.model,
            "version": self.version,
            "role": self.role,
            "names": list(self.schema.names),
            "kinds": list(self.schema.kinds),
            "settings": fingerprint(self._settings, self._reference),
            "vocabularies": [list(v.texts) if v is not None else None for v in self._vocabularies],
            "learnt": codec.encode(self._learnt) if self._learnt.features else None,
            "learning": self._learning.gathered().astype("<f8").tobytes(),
            "history": self._history.to_state(),
            "accumulators": {name: one.to_state() for name, one in self.accumulators.items()},
            "joint": self._joint.to_state(),
            "alarm": self._alarm.to_state(),
        }

    @classmethod
    def from_state(
        cls,
        state: dict[str, Any],
        settings: AnalysisSettings,
        reference: Reference | None,
        epoch: int = 0,
        accumulators: Mapping[str, Accumulator] | None = None,
    ) -> ModelAnalysis:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.
            settings: the present ones.
            reference: the present one.
            epoch: start of this monitor.
            accumulators: empty ones, that go on too.

        Returns:
            The analysis, as it was.

        Raises:
            ShapeMismatch: "analysis state: expected ..., got ..." when the checkpoint is of another format,
                of other settings, of another reference, or damaged.
        """
        if state.get("format") != STATE_FORMAT:
            raise ShapeMismatch(
                f"analysis state: expected format {STATE_FORMAT}, got {state.get('format')!r}"
            )
        expected = fingerprint(settings, reference)
        if state.get("settings") != expected:
            raise ShapeMismatch(
                f"analysis state: expected settings {expected}, got {state.get('settings')!r}"
            )
        try:
            schema = intern_schema(tuple(state["names"]), tuple(state["kinds"]))
            analysis = cls(
                state["model"], state["version"], state["role"], schema, settings, reference, epoch
            )
            analysis.accumulators.update(accumulators or {})
            analysis._restore(state)
        except (KeyError, TypeError, ValueError, IndexError, SidecarError) as exc:
            raise ShapeMismatch(f"analysis state: expected a whole checkpoint, got {exc!r}") from exc
        return analysis

    def _restore(self, state: dict[str, Any]) -> None:
        for vocabulary, texts in zip(self._vocabularies, state["vocabularies"], strict=True):
            if vocabulary is not None and not vocabulary.frozen:
                for text in texts:
                    vocabulary.code(text)
        if state["learnt"] is not None:
            self._take_learnt(codec.decode(state["learnt"], "learnt reference"))
        elif self._learning.columns:
            gathered = np.frombuffer(state["learning"], dtype="<f8").astype(np.float64)
            self._learning.restore(gathered.reshape(-1, len(self._learning.columns)))
        self._history.restore(state["history"])
        for name, accumulator in self.accumulators.items():
            accumulator.restore(state["accumulators"][name])
        self._alarm.restore(state["alarm"])
        self._joint.restore(state["joint"])
        self._compare()

    def _learn(self, matrix: F64, chosen: Chosen | None, pane: Pane) -> int:
        """Takes the rows that are still wanted, counting what is known of them; gives their number."""
        taken = self._learning.take(matrix)
        of_taken = None if chosen is None else chosen[:taken]
        self._alarm.note_learnt(taken, of_taken)
        self._count(matrix[:taken], of_taken, pane)
        if not self._learning.active:
            columns = self._learning.columns
            vocabularies = [self._vocabularies[place] for place in columns]
            texts = [() if vocabulary is None else vocabulary.freeze() for vocabulary in vocabularies]
            specs = [self.specs[place] for place in columns]
            features = learn_reference(specs, self._learning.gathered(), texts)
            self._take_learnt(codec.seal(self._learning.rows, features, created_unix_s=0.0, provenance={}))
        return taken

    def _take_learnt(self, learnt: Reference) -> None:
        """Counts and judges the learnt columns from now on; what was counted of the others stays."""
        features = list(self._features)
        for place, feature in zip(self._learning.columns, learnt.features, strict=True):
            features[place] = feature
            vocabulary = self._vocabularies[place]
            if vocabulary is not None:
                vocabulary.freeze()
        self._learnt = learnt
        self._learning.finish()
        self._use(tuple(features))

    def _use(self, features: tuple[FeatureReference | None, ...]) -> None:
        self._features = features
        self._joint.use(features)
        self._table = lane_table(self.specs, features)
        self._alarm.use(features, self._learning.columns)
        self._compare()
        known = [feature for feature in features if feature is not None]
        rows = max((feature.rows for feature in known), default=0)
        self._layout = Layout.of(rows, known) if len(known) == len(features) else None

    def _compare(self) -> None:
        """Effect sizes take the alarm's design effects for their noise."""
        phi = self._alarm.design_effects
        self._comparisons = tuple(
            None
            if feature is None
            else Comparison(feature, self._settings.min_rows, phi.get(feature.spec.name, 1.0))
            for feature in self._features
        )

    def _reference_identity(self) -> tuple[str | None, int]:
        """Id and rows of the file; else of what was learnt; while learning the rows so far."""
        if self._reference is not None and any(feature is not None for feature in self._features):
            return self._reference.id, self._reference.rows
        if self._learnt.features:
            return self._learnt.id, self._learnt.rows
        return None, self._learning.rows


def _vocabularies(
    specs: Sequence[FeatureSpec], known: Sequence[FeatureReference | None]
) -> list[Vocabulary | None]:
    generation = generation_of(max(1, sum(spec.kind == "categorical" for spec in specs)))
    made: list[Vocabulary | None] = []
    for spec, reference in zip(specs, known, strict=True):
        if spec.kind == "numeric":
            made.append(None)
        elif reference is None:
            made.append(Vocabulary(unseen=UnseenTexts(generation)))
        else:
            made.append(Vocabulary(reference.categories, frozen=True, unseen=UnseenTexts(generation)))
    return made
