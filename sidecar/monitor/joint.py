"""How the features of one (model, version, role) move together: rows in, effect sizes out.

What to compare with comes from the parts of the reference file; for what it lacks from the first rows of
traffic, which are not counted then. Only the first horizon is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.binning import F64
from sidecar.drift.multivariate import JointComparison, JointEffects, joint_effects
from sidecar.errors import BadReference
from sidecar.profile import fourier, joint_reference
from sidecar.profile.directions import DIRECTIONS
from sidecar.profile.embedding import Group, Vectors
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.fourier import FourierReference
from sidecar.profile.joint import JointFill, JointSpace, JointSums
from sidecar.profile.joint_window import ClosedJoint, JointPane, JointWindow
from sidecar.profile.learning import LEARN_VALUES
from sidecar.profile.reference import FeatureReference, Reference
from sidecar.profile.space import Space

UNKNOWABLE = b""  # instead of a part: its rows were too few or did not vary


@dataclass(frozen=True, slots=True)
class JointSettings:
    """What the configuration says.

    Args:
        max_features: most features whose products are summed; 0 sums none.
        auto_rows: rows from which a missing reference is learnt.
        min_rows: a window with fewer says nothing.
        horizon_ns: length of the window.
        pane_ns: length of a pane.
    """

    max_features: int
    auto_rows: int
    min_rows: int
    horizon_ns: int
    pane_ns: int


@dataclass(slots=True)
class _Gathered:
    """The first rows, while something is to be learnt from them."""

    limit: int
    rows: int = 0
    features: list[F64] = field(default_factory=list)
    vectors: list[tuple[Vectors, ...]] = field(default_factory=list)


class JointAnalysis:
    """All joint statistics of one role.

    Args:
        specs: the F features.
        groups: the embeddings among the columns.
        role: of the features.
        settings: of the configuration.
        reference: to compare with.
    """

    def __init__(
        self,
        specs: Sequence[FeatureSpec],
        groups: Sequence[Group],
        role: Role,
        settings: JointSettings,
        reference: Reference | None,
    ) -> None:
        self._specs = tuple(specs)
        self._groups = tuple(groups)
        self._settings = settings
        self._joint_part = joint_reference.part_name(role)
        numeric = sum(spec.kind == "numeric" for spec in specs)
        self._wanted = [self._joint_part] if min(numeric, settings.max_features) >= 2 else []
        self._wanted += [fourier.part_name(group.name) for group in groups]
        parts = reference.parts if reference is not None else {}
        self._parts = {name: parts[name] for name in self._wanted if self._fits(name, parts.get(name))}
        self._learnt: dict[str, bytes] = {}
        width = len(specs) + DIRECTIONS * len(groups)
        limit = min(settings.auto_rows, LEARN_VALUES // max(1, width))
        self._gathered = _Gathered(limit if len(self._parts) < len(self._wanted) else 0)
        self._design_effects: dict[str, float] = {}
        self._measured: JointEffects | None = None  # until something changes: a quiet model costs nothing
        self._filling: JointSums | None = None
        self._open: dict[int, JointPane] = {}
        self._known: tuple[FeatureReference | None, ...] = ()
        self._window = JointWindow(settings.horizon_ns, settings.pane_ns)
        self._use_parts()

    @property
    def learning(self) -> bool:
        return len(self._parts) + len(self._learnt) < len(self._wanted)

    def use(self, known: Sequence[FeatureReference | None]) -> None:
        """What is known of the features by now; whole numbers need their pivots.

        Args:
            known: for each feature its reference; None while that is being learnt.
        """
        self._known = tuple(known)

    def fill(self, rows: F64, unix_ns: int, vectors: tuple[Vectors, ...] = ()) -> None:
        """Takes in rows.

        Args:
            rows: shape (n, F), float64, C order; may be a read-only view; not kept.
            unix_ns: begin of the pane that they belong to.
            vectors: of the same rows, for each embedding.
        """
        if not self._wanted:
            return
        if self.learning:
            taken = self._gather(rows, vectors)
            rows, vectors = rows[taken:], tuple(block.cut(taken, len(rows)) for block in vectors)
            if self._gathered.rows == self._gathered.limit:
                self._learn()
        if self.learning or not len(rows):
            return
        self._measured = None
        pane = self._open.get(unix_ns)
        if pane is None:
            pane = self._open[unix_ns] = self._empty(unix_ns)
        if pane.joint is not self._filling:
            self._flush()
            self._filling = pane.joint
        self._fill.add(rows, pane.joint)
        for block, sums, phases in zip(vectors, pane.vectors, self._phases, strict=True):
            if phases is not None:
                sums.add(block.products, block.states, phases)

    def close(self, start_unix_ns: int, end_unix_ns: int, number: int) -> None:
        """A pane has closed: no more rows of it will come.

        Args:
            start_unix_ns: its begin; of a pane kept by rows, the earliest that it had.
            end_unix_ns: its end.
            number: of its closing, from 1.
        """
        self._flush()
        found = [self._open.pop(at) for at in sorted(self._open) if start_unix_ns <= at < end_unix_ns]
        if not found:
            return
        closed, *begun_later = found
        for pane in begun_later:
            closed.merge(pane)
        closed.start_unix_ns, closed.end_unix_ns = start_unix_ns, end_unix_ns
        closed.first = closed.last = number
        self._window.push(closed)

    def closed(self) -> ClosedJoint:
        """What has closed and is still held, for snapshots.

        Returns:
            Frozen; nothing is copied.
        """
        return ClosedJoint(None if self.learning else self._space, self._window.granules)

    def expire(self, unix_ns: int) -> None:
        """Drops what is too old.

        Args:
            unix_ns: begin of the newest pane.
        """
        if unix_ns != self._window.open_start_unix_ns:
            self._measured = None
            self._window.expire(unix_ns)

    def measure(self, design_effects: Mapping[str, float] | None = None) -> JointEffects | None:
        """Effect sizes of the window, the open panes included.

        Args:
            design_effects: phi by feature; a feature that is not among them has 1. What belongs to several
                features has their mean, which is as near as one can come without the rows.

        Returns:
            None while a reference is being learnt, and when there is nothing to join.
        """
        if not self._wanted or self.learning:
            return None
        known = dict(design_effects or {})
        if self._measured is None or known != self._design_effects:
            self._design_effects = known
            self._measured = self._measure()
        return self._measured

    def _measure(self) -> JointEffects:
        self._flush()
        window = self._total()
        comparison = self._comparison
        space = self._fill.space
        embeddings = [
            (known, self._design_effect(group.features))
            for group, known in zip(self._groups, self._fourier, strict=True)
        ]
        phi = self._design_effect(space.names)
        return joint_effects(comparison, space.width, window, embeddings, self._settings.min_rows, phi)

    def to_state(self) -> dict[str, Any]:
        """For a checkpoint.

        Returns:
            Numbers, bytes, lists and dictionaries; `restore` goes on without changing a number.
        """
        self._flush()
        products = [
            [_packed(blocks[at].products), blocks[at].states.astype("<i8").tobytes()]
            for blocks in self._gathered.vectors
            for at in range(len(self._groups))
        ]
        return {
            "learnt": self._learnt,
            "rows": [_packed(block) for block in self._gathered.features],
            "vectors": products,
            "open": [self._open[start].to_state() for start in sorted(self._open)],
            "newest_unix_ns": self._window.open_start_unix_ns,
            "granules": [granule.to_state() for granule in self._window.granules],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError: arrays of another shape; BadReference: a learnt part that is damaged.
        """
        self._measured = None
        self._learnt = {str(name): bytes(part) for name, part in state["learnt"].items()}
        self._use_parts()
        blocks = [_unpacked(packed, len(self._specs)) for packed in state["rows"]]
        vectors = [
            Vectors(_unpacked(products, DIRECTIONS), np.frombuffer(states, dtype="<i8").astype(np.int64))
            for products, states in state["vectors"]
        ]
        n = len(self._groups)
        self._gathered.features = blocks
        self._gathered.vectors = [tuple(vectors[at * n : (at + 1) * n]) for at in range(len(blocks))]
        self._gathered.rows = sum(len(block) for block in blocks)
        width = self._fill.space.width
        opened = [JointPane.from_state(pane, width, n) for pane in state["open"]]
        self._open = {pane.start_unix_ns: pane for pane in opened}
        granules = [JointPane.from_state(pane, width, n) for pane in state["granules"]]
        self._window.restore(granules, int(state["newest_unix_ns"]))

    def _gather(self, features: F64, vectors: tuple[Vectors, ...]) -> int:
        gathered = self._gathered
        taken = min(gathered.limit - gathered.rows, len(features))
        if taken > 0:
            gathered.features.append(features[:taken].copy())
            gathered.vectors.append(tuple(block.cut(0, taken).copy() for block in vectors))
            gathered.rows += taken
        return taken

    def _learn(self) -> None:
        features = [feature for feature in self._known if feature is not None]
        if len(features) < len(self._specs):
            return
        gathered = self._gathered
        for name in self._wanted:
            if name not in self._parts:
                self._learnt[name] = UNKNOWABLE
        if self._learnt.get(self._joint_part) == UNKNOWABLE:
            rows = np.concatenate(gathered.features)
            joint = joint_reference.build_joint(features, rows, self._settings.max_features)
            if joint is not None:
                self._learnt[self._joint_part] = joint_reference.pack_joint(joint)
        for at, group in enumerate(self._groups):
            name = fourier.part_name(group.name)
            if name in self._learnt:
                products = np.concatenate([blocks[at].products for blocks in gathered.vectors])
                states = np.concatenate([blocks[at].states for blocks in gathered.vectors])
                made = fourier.build_fourier(group.name, group.dimension, products, states)
                if made is not None:
                    self._learnt[name] = fourier.pack_fourier(made)
        self._gathered = _Gathered(0)
        self._use_parts()

    def _use_parts(self) -> None:
        """What follows from the parts that are there."""
        parts = {**self._parts, **self._learnt}
        self._comparison: JointComparison | None = None
        space = JointSpace((), np.zeros(0, dtype=np.int64), np.zeros((0, 2)))
        if parts.get(self._joint_part):
            found = joint_reference.unpack_joint(parts[self._joint_part])
            joined, space = found.among([spec.name for spec in self._specs])
            self._comparison = JointComparison(joined, self._settings.min_rows) if space.width > 1 else None
        self._fill = JointFill(space)
        self._fourier = tuple(self._embedding(parts, group) for group in self._groups)
        self._phases = tuple(None if known is None else known.phases() for known in self._fourier)
        embeddings = [parts.get(fourier.part_name(group.name), UNKNOWABLE) for group in self._groups]
        self._space = Space.of(parts.get(self._joint_part, UNKNOWABLE), embeddings) if parts else None

    def _fits(self, name: str, part: bytes | None) -> bool:
        """Whether a part can be used; what cannot is learnt anew."""
        if part is None:
            return False
        try:
            if name == self._joint_part:
                return bool(joint_reference.unpack_joint(part).names)
            dimensions = {fourier.part_name(group.name): group.dimension for group in self._groups}
            return fourier.unpack_fourier(part).dimension == dimensions[name]
        except BadReference:
            return False

    def _embedding(self, parts: dict[str, bytes], group: Group) -> FourierReference | None:
        part = parts.get(fourier.part_name(group.name))
        if not part:
            return None
        return fourier.unpack_fourier(part)

    def _design_effect(self, names: Sequence[str]) -> float:
        effects = [self._design_effects.get(name, 1.0) for name in names]
        return sum(effects) / len(effects) if effects else 1.0

    def _flush(self) -> None:
        if self._filling is not None:
            self._fill.flush(self._filling)
            self._filling = None

    def _total(self) -> JointPane:
        """The window with all open panes; granules may be older or younger than an open pane that is late."""
        total = self._window.total()
        for pane in self._open.values():
            if not self._window.reaches(pane):
                continue
            if total is None:
                total = pane.copy()
            else:
                total.merge(pane)
        return self._empty(0) if total is None else total

    def _empty(self, start_unix_ns: int) -> JointPane:
        end = start_unix_ns + self._settings.pane_ns
        return JointPane.empty(start_unix_ns, end, self._fill.space.width, len(self._groups))


def _packed(block: F64) -> bytes:
    return block.astype("<f8").tobytes()


def _unpacked(packed: bytes, width: int) -> F64:
    return np.frombuffer(packed, dtype="<f8").astype(np.float64).reshape(-1, width)
