"""All statistics of one (model, version, role): rows in, verdicts out.

Rows go into the open pane. A pane closes at the next multiple of its length in unix time; it then moves the
detector on and joins the windows. Late rows count in the pane that is open when they come. Columns that the
reference knows are judged from the first row on; the others are learnt from the first rows of traffic and
judged after that.

Runs on one thread. Only the encoder is shared, with the thread that decodes; while categories are being
learnt it may still add codes when the vocabulary has just been frozen, and the counting takes those as
`other`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.binning import F64
from sidecar.config.model import Config, FeatureConfig
from sidecar.drift.detector import Detector, false_alarm_panes
from sidecar.drift.report import ModelReport
from sidecar.drift.univariate import Comparison
from sidecar.drift.verdict import judge
from sidecar.errors import ShapeMismatch, SidecarError
from sidecar.payload.columns import Schema, intern_schema
from sidecar.profile import codec
from sidecar.profile.encoding import RowEncoder
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import Learning, learn_reference
from sidecar.profile.naming import name_columns
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference, Reference
from sidecar.profile.vocabulary import Vocabulary
from sidecar.profile.window import SlidingWindow

STATE_FORMAT = 2
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class AnalysisSettings:
    """What the configuration says about the analysis of one model.

    Args:
        pane_s: length of a pane.
        horizons_s: lengths of the windows; the first is judged.
        min_rows: a window with fewer rows is `not_enough_data`.
        auto_rows: rows from which unknown columns are learnt.
        false_alarm_days: days between false alarms of the model, on average.
        tolerance: change of a share at the median that is never an alarm.
        features: names of the input columns in order, or objects that map them.
        prediction: name of the first output.
    """

    pane_s: float = 60.0
    horizons_s: tuple[float, ...] = (300.0, 3600.0, 86400.0)
    min_rows: int = 200
    auto_rows: int = 2000
    false_alarm_days: float = 90.0
    tolerance: float = 0.01
    features: tuple[str | FeatureConfig, ...] = ()
    prediction: str | None = None

    @classmethod
    def from_config(cls, config: Config, model: str) -> AnalysisSettings:
        """The settings of a model.

        Args:
            config: the whole configuration.
            model: the model's name, as in the request path.

        Returns:
            The settings.
        """
        known = next((entry for entry in config.models if entry.name == model), None)
        return cls(
            pane_s=config.window.pane_s,
            horizons_s=config.window.horizons_s,
            min_rows=config.window.min_rows,
            auto_rows=config.reference.auto_rows,
            false_alarm_days=config.alarm.false_alarm_days,
            tolerance=config.alarm.tolerance,
            features=known.features if known is not None else (),
            prediction=known.prediction if known is not None else None,
        )


class ModelAnalysis:
    """All statistics of one (model, version, role).

    Args:
        model: model's name.
        version: model's version, if the traffic tells it.
        role: input for requests, output for responses.
        schema: columns of the first message; later messages are matched to them by name.
        settings: of the configuration.
        reference: to compare with; without it, and for columns that it lacks, it is learnt.
    """

    def __init__(
        self,
        model: str,
        version: str | None,
        role: Role,
        schema: Schema,
        settings: AnalysisSettings,
        reference: Reference | None,
    ) -> None:
        self.model = model
        self.version = version
        self.role: Role = role
        self.schema = schema
        self._settings = settings
        self._reference = reference
        naming = name_columns(schema, role, settings.features, settings.prediction, reference)
        self.specs: tuple[FeatureSpec, ...] = naming.specs
        self.width = len(self.specs)
        self._vocabularies = [
            _vocabulary(spec, known) for spec, known in zip(self.specs, naming.known, strict=True)
        ]
        self.encoder = RowEncoder(self.specs, self._vocabularies, naming.names)
        unknown = [place for place, known in enumerate(naming.known) if known is None]
        self._learning = Learning(unknown, settings.auto_rows)
        self._learnt = codec.seal(0, (), created_unix_s=0.0, provenance={})
        self._pane_ns = max(1, round(settings.pane_s * NS))
        self._table = lane_table(self.specs, naming.known)
        self._open = Pane.empty(0, 0, self.width, self._table.lanes)
        self._windows = [
            SlidingWindow(round(horizon_s * NS), self._pane_ns, self.width, self._table.lanes)
            for horizon_s in settings.horizons_s
        ]
        self._use(naming.known)

    def add_rows(self, matrix: F64, now_unix_ns: int) -> None:
        """Counts rows; panes that are due are closed first.

        Args:
            matrix: from the encoder, shape (n, F), float64, C order; may be a read-only view; not kept.
            now_unix_ns: time.

        Raises:
            ShapeMismatch: "pane: expected rows of 20 float64 in C order, got (3, 19) float64".
        """
        self.advance(now_unix_ns)
        if self._learning.active and matrix.ndim == 2 and matrix.shape[1] == self.width:
            matrix = self._learn(matrix)
        self._open.fill(self._table, matrix)

    def advance(self, now_unix_ns: int) -> None:
        """Closes the open pane when its time is over.

        Args:
            now_unix_ns: time; one earlier than before changes nothing.
        """
        if now_unix_ns < self._open.end_unix_ns:
            return
        if self._open.rows:
            self._detector.advance(self._open.counts, self._open.start_unix_ns / NS)
            for window in self._windows:
                window.push(self._open)
        start = now_unix_ns // self._pane_ns * self._pane_ns
        self._open = Pane.empty(start, start + self._pane_ns, self.width, self._table.lanes)
        for window in self._windows:
            window.expire(start)

    def report(self, now_unix_ns: int) -> ModelReport:
        """What is to be said now, the open pane included.

        Args:
            now_unix_ns: time; panes that are due are closed first.

        Returns:
            A frozen report with copies of the sums.
        """
        self.advance(now_unix_ns)
        sums = [window.with_open(self._open) for window in self._windows]
        judged = sums[0]
        evidence = self._detector.evidence(self._open.counts, self._open.start_unix_ns / NS)
        reference_id, reference_rows = self._reference_identity()
        return ModelReport(
            model=self.model,
            version=self.version,
            role=self.role,
            reference_id=reference_id,
            reference_rows=reference_rows,
            start_unix_s=judged.start_unix_ns / NS,
            end_unix_s=now_unix_ns / NS,
            window=judged,
            horizons=tuple(zip(self._settings.horizons_s, sums, strict=True)),
            verdicts=judge(self.specs, self._comparisons, judged, evidence, self._settings.min_rows),
            features=self._features,
            comparisons=self._comparisons,
        )

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
            "settings": _fingerprint(self._settings, self._reference),
            "vocabularies": [list(v.texts) if v is not None else None for v in self._vocabularies],
            "learnt": codec.encode(self._learnt) if self._learnt.features else None,
            "learning": self._learning.gathered().astype("<f8").tobytes(),
            "open": self._open.to_state(),
            "windows": [[pane.to_state() for pane in window.granules] for window in self._windows],
            "detector": self._detector.to_state(),
        }

    @classmethod
    def from_state(
        cls, state: dict[str, Any], settings: AnalysisSettings, reference: Reference | None
    ) -> ModelAnalysis:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.
            settings: the present ones.
            reference: the present one.

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
        expected = _fingerprint(settings, reference)
        if state.get("settings") != expected:
            raise ShapeMismatch(
                f"analysis state: expected settings {expected}, got {state.get('settings')!r}"
            )
        try:
            schema = intern_schema(tuple(state["names"]), tuple(state["kinds"]))
            analysis = cls(state["model"], state["version"], state["role"], schema, settings, reference)
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
        else:
            gathered = np.frombuffer(state["learning"], dtype="<f8").astype(np.float64)
            self._learning.restore(gathered.reshape(-1, max(1, len(self._learning.columns))))
        shape = (self.width, self._table.lanes)
        self._open = Pane.from_state(state["open"], *shape)
        for window, panes in zip(self._windows, state["windows"], strict=True):
            window.restore(Pane.from_state(pane, *shape) for pane in panes)
        self._detector.restore(state["detector"])

    def _learn(self, matrix: F64) -> F64:
        """Takes the rows that are still wanted, counting what is known of them; gives the rest."""
        taken = self._learning.take(matrix)
        self._open.fill(self._table, matrix[:taken])
        if not self._learning.active:
            columns = self._learning.columns
            vocabularies = [self._vocabularies[place] for place in columns]
            texts = [() if vocabulary is None else vocabulary.freeze() for vocabulary in vocabularies]
            specs = [self.specs[place] for place in columns]
            features = learn_reference(specs, self._learning.gathered(), texts)
            older = self._detector
            self._take_learnt(codec.seal(self._learning.rows, features, created_unix_s=0.0, provenance={}))
            self._detector.take_over(older)
        return matrix[taken:]

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
        settings = self._settings
        self._features = features
        self._table = lane_table(self.specs, features)
        self._comparisons = tuple(
            None if feature is None else Comparison(feature, settings.min_rows) for feature in features
        )
        panes = false_alarm_panes(settings.false_alarm_days, settings.pane_s)
        self._detector = Detector(features, panes, settings.tolerance)

    def _reference_identity(self) -> tuple[str | None, int]:
        """Id and rows of the file; else of what was learnt; while learning the rows so far."""
        if self._reference is not None and any(feature is not None for feature in self._features):
            return self._reference.id, self._reference.rows
        if self._learnt.features:
            return self._learnt.id, self._learnt.rows
        return None, self._learning.rows


def _vocabulary(spec: FeatureSpec, known: FeatureReference | None) -> Vocabulary | None:
    if spec.kind == "numeric":
        return None
    return Vocabulary() if known is None else Vocabulary(known.categories, frozen=True)


def _fingerprint(settings: AnalysisSettings, reference: Reference | None) -> list[Any]:
    """What must be the same for a checkpoint to be gone on with."""
    columns = [[f.name, f.column, f.kind] if isinstance(f, FeatureConfig) else f for f in settings.features]
    return [
        settings.pane_s,
        list(settings.horizons_s),
        settings.auto_rows,
        settings.false_alarm_days,
        settings.tolerance,
        columns,
        settings.prediction,
        reference.id if reference is not None else None,
    ]
