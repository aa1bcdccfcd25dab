"""The detector of one subject, and what it needs beside the panes: units, design effects, seasons."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from sidecar.drift.detector import Detector, Evidence, false_alarm_panes
from sidecar.monitor.ledger import Ledger, panes_told
from sidecar.monitor.settings import AnalysisSettings
from sidecar.profile import design_effect, seasons
from sidecar.profile.account import Account, Terms
from sidecar.profile.history import NS
from sidecar.profile.lanes import LaneTable
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference, Reference
from sidecar.profile.seasons import SeasonTally
from sidecar.profile.units import Chosen, UnitTally

SEASON_WEEKS = 4
WEEK_NS = 168 * 3600 * NS
OpenPanes = Sequence[tuple[I64, int]]


class Alarm:
    """Evidence against each feature of one subject.

    Args:
        settings: of the configuration.
        reference: the file's, whose parts may tell design effects and seasons.
        lanes: L.
        features: F references; None for a feature whose reference is still being learnt.
        epoch: start of this monitor, in nanoseconds of unix time.
    """

    def __init__(
        self,
        settings: AnalysisSettings,
        reference: Reference | None,
        lanes: int,
        features: Sequence[FeatureReference | None],
        epoch: int = 0,
    ) -> None:
        self._settings = settings
        self._lanes = lanes
        parts = {} if reference is None else reference.parts
        self._phi: dict[str, float] = {}
        self._estimating = settings.design_effect == "auto"
        if settings.design_effect != "none" and design_effect.PART in parts:
            self._phi = dict(design_effect.unpack(parts[design_effect.PART]).effects)
            self._estimating = False
        seasonal = settings.season != "none" and seasons.PART in parts
        self._seasons = seasons.unpack(parts[seasons.PART]) if seasonal else None
        self._tally: SeasonTally | None = None
        self._tally_began_ns = -1  # begin of the first pane in it
        self._units = UnitTally(len(features), lanes)
        self._panes: list[I64] = []  # of which the design effects will be estimated
        self._learnt: frozenset[int] = frozenset()
        self._learnt_rows, self._learnt_units = 0, 0
        self._features = tuple(features)
        self._detector = self._made()
        self._terms = self._weighing()
        most_panes = panes_told(settings.plan(), len(features), lanes)
        self._ledger = Ledger(self._detector, most_panes, epoch)

    @property
    def design_effects(self) -> dict[str, float]:
        """Phi in use by feature name; a feature that is not in it has 1."""
        return dict(self._phi)

    @property
    def effects(self) -> dict[str, tuple[float, float]]:
        """How many rows count as one by feature name: of traffic, and of the reference.

        Rows that a reference was learnt from are worth less when requests have several.
        """
        by_request = self._settings.unit == "request"
        clumps = self._learnt_rows / max(1, self._learnt_units) if by_request else 1.0
        found = {}
        for place, feature in enumerate(self._features):
            if feature is not None:
                phi = self._phi.get(feature.spec.name, 1.0)
                found[feature.spec.name] = phi, max(phi, clumps) if place in self._learnt else phi
        return found

    def use(self, features: Sequence[FeatureReference | None], learnt: Collection[int]) -> None:
        """Watches features whose references have become known, and goes on with the others.

        Args:
            features: F references.
            learnt: places of those that were learnt from traffic.
        """
        older = self._detector
        self._features, self._learnt = tuple(features), frozenset(learnt)
        self._make_anew()
        self._detector.take_over(older)
        self._ledger.begin_anew(self._detector)

    def note_learnt(self, rows: int, chosen: Chosen | None) -> None:
        """Some rows were kept to learn references from; rows of one request make them worth less.

        Args:
            rows: how many.
            chosen: which of them stand for their request, shape (rows,); all when left out.
        """
        self._learnt_rows += rows
        self._learnt_units += rows if chosen is None else int(np.count_nonzero(chosen))

    def fill(self, table: LaneTable, rows: F64, chosen: Chosen | None, pane: Pane) -> None:
        """Takes in rows before the pane counts them.

        Args:
            table: how to count.
            rows: shape (n, F), float64.
            chosen: which of them stand for their request, shape (n,), bool; all when left out.
            pane: where all of them will be counted.
        """
        if self._settings.unit == "request":
            self._units.fill(self._key(pane.start_unix_ns), table, rows, chosen, pane.counts)

    def close(self, pane: Pane, number: int) -> bool:
        """Moves on by a closed pane.

        Args:
            pane: with all its rows.
            number: of its closing, from 1.

        Returns:
            Whether the design effects have become others.
        """
        counts = self._units.close(self._key(pane.start_unix_ns), pane.counts)
        self._detector.advance(counts, pane.start_unix_ns / NS)
        self._ledger.add(number, pane.start_unix_ns, counts)
        known = [feature for feature in self._features if feature is not None]
        if len(known) < len(self._features):
            return False
        if self._settings.season == "learn" and self._seasons is None:
            self._learn_season(known, counts, pane)
        if self._estimating:
            self._panes.append(counts.copy())
            if len(self._panes) >= design_effect.LEAST_PANES:
                self._estimate()
                return True
        return False

    def evidence(self, open_panes: OpenPanes, extremes: F64) -> Evidence:
        """With the open panes in their order; nothing changes.

        Args:
            open_panes: counts of shape (F, L) and begin of each, the oldest first; at least one.
            extremes: smallest and largest value of each feature lately, shape (F, 2).

        Returns:
            The evidence.
        """
        *older, (counts, start_unix_ns) = open_panes
        detector = self._detector.fork() if older else self._detector
        for closed_next, began_unix_ns in older:
            detector.advance(self._units.counts(self._key(began_unix_ns), closed_next), began_unix_ns / NS)
        latest = self._units.counts(self._key(start_unix_ns), counts)
        return detector.evidence(latest, start_unix_ns / NS, extremes=extremes)

    def account(self) -> Account:
        """What is told of it in snapshots.

        Returns:
            Frozen; nothing of the open panes.
        """
        return self._ledger.account(self._terms)

    def to_state(self) -> dict[str, Any]:
        """All of it for a checkpoint.

        Returns:
            Numbers, texts, bytes, lists and dictionaries; `restore` goes on without changing a number.
        """
        return {
            "detector": self._detector.to_state(),
            "ledger": self._ledger.to_state(),
            "phi": self._phi,
            "estimating": self._estimating,
            "panes": [counts.astype("<i8").tobytes() for counts in self._panes],
            "units": self._units.to_state(),
            "learnt": [self._learnt_rows, self._learnt_units],
            **self._season_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint; the references must be in use already.

        Args:
            state: from `to_state`.

        Raises:
            KeyError, TypeError, ValueError: it is damaged or of another shape.
        """
        self._phi = {str(name): float(phi) for name, phi in state["phi"].items()}
        self._estimating = bool(state["estimating"])
        width = len(self._features)
        self._panes = [
            np.frombuffer(pane, dtype="<i8").astype(np.int64).reshape(width, -1) for pane in state["panes"]
        ]
        self._units.restore(state["units"])
        self._learnt_rows, self._learnt_units = map(int, state["learnt"])
        self._restore_season(state)
        self._make_anew()
        self._detector.restore(state["detector"])
        self._ledger.restore(state["ledger"], (width, self._lanes))

    def _season_state(self) -> dict[str, Any]:
        """Hours that were learnt, or are being so; those of the reference's file are not repeated."""
        if self._settings.season != "learn":
            return {}
        return {
            "season": None if self._seasons is None else seasons.pack(self._seasons),
            "tally": None if self._tally is None else seasons.pack(self._tally.seasons()),
            "tally_began_ns": self._tally_began_ns,
        }

    def _restore_season(self, state: dict[str, Any]) -> None:
        if self._settings.season != "learn":
            return
        self._seasons = None if state["season"] is None else seasons.unpack(state["season"])
        self._tally = None if state["tally"] is None else SeasonTally.of(seasons.unpack(state["tally"]))
        self._tally_began_ns = int(state["tally_began_ns"])

    def _key(self, start_unix_ns: int) -> int:
        """Of a pane; one that is cut by rows may come to begin earlier, but is the only one open."""
        return start_unix_ns if self._settings.pane_rows is None else 0

    def _make_anew(self) -> None:
        self._detector = self._made()
        self._terms = self._weighing()
        self._ledger.begin_anew(self._detector)

    def _weighing(self) -> Terms:
        settings, effects = self._settings, self.effects
        worth = [(1.0, 1.0) if feature is None else effects[feature.spec.name] for feature in self._features]
        return Terms.of(
            false_alarm_panes(settings.false_alarm_days, settings.pane_s),
            settings.tolerance,
            np.array(worth, dtype=np.float64).reshape(-1, 2),
            None if self._seasons is None else seasons.pack(self._seasons),
        )

    def _made(self) -> Detector:
        settings, effects = self._settings, self.effects
        worth = [(1.0, 1.0) if feature is None else effects[feature.spec.name] for feature in self._features]
        return Detector(
            self._features,
            false_alarm_panes(settings.false_alarm_days, settings.pane_s),
            settings.tolerance,
            phi=[of_traffic for of_traffic, _ in worth],
            reference_phi=[of_reference for _, of_reference in worth],
            seasons=self._seasons,
        )

    def _learn_season(self, features: Sequence[FeatureReference], counts: I64, pane: Pane) -> None:
        if self._tally is None:
            self._tally = SeasonTally({feature.spec.name: feature.counts.size for feature in features})
            self._tally_began_ns = pane.start_unix_ns
        self._tally.add(pane.start_unix_ns / NS, list(counts))
        if pane.end_unix_ns - self._tally_began_ns >= SEASON_WEEKS * WEEK_NS:
            self._seasons, self._tally = self._tally.seasons(), None
            self._make_anew()

    def _estimate(self) -> None:
        """Design effects from the first panes; the evidence so far took rows for more than they are worth."""
        panes = np.stack(self._panes)
        for place, feature in enumerate(self._features):
            if feature is not None:
                lanes = np.ascontiguousarray(panes[:, place, : feature.counts.size])
                self._phi[feature.spec.name] = design_effect.design_effect(feature.spec, lanes)
        self._estimating, self._panes = False, []
        self._make_anew()
