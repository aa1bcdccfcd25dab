"""How the features of one (model, version, role) move together: rows in, effect sizes out.

What to compare with comes from the parts of the reference file; for what it lacks from the first rows of traffic,
which are not counted then. Only the first horizon is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.binning import F64
from sidecar.drift.multivariate import JointComparison, JointEffects, embedding_shift
from sidecar.profile import fourier, joint_reference
from sidecar.profile.directions import FOURIER
from sidecar.profile.embedding import Group, Vectors
from sidecar.profile.feature import FeatureSpec, Role
from sidecar.profile.fourier import FourierReference
from sidecar.profile.joint import JointFill, JointSpace
from sidecar.profile.joint_window import JointPane, JointWindow
from sidecar.profile.learning import LEARN_VALUES
from sidecar.profile.reference import FeatureReference, Reference

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
        self._parts = {name: parts[name] for name in self._wanted if name in parts}
        self._learnt: dict[str, bytes] = {}
        width = len(specs) + (FOURIER + 16) * len(groups)
        limit = min(settings.auto_rows, LEARN_VALUES // max(1, width))
        self._gathered = _Gathered(limit if len(self._parts) < len(self._wanted) else 0)
        self._window = JointWindow(settings.horizon_ns, settings.pane_ns)
        self._use_parts()

    @property
    def learning(self) -> bool:
        return len(self._parts) + len(self._learnt) < len(self._wanted)

    def add(
        self, features: F64, vectors: tuple[Vectors, ...], known: Sequence[FeatureReference | None]
    ) -> None:
        """Counts rows.

        Args:
            features: shape (n, F), float64, C order; not kept.
            vectors: of each embedding.
            known: for each feature its reference, as far as it is known by now.
        """
        if not self._wanted:
            return
        if self.learning:
            taken = self._gather(features, vectors)
            features = features[taken:]
            vectors = tuple(Vectors(v.products[taken:], v.states[taken:]) for v in vectors)
            if self._gathered.rows == self._gathered.limit:
                self._learn(known)
        if self.learning or not len(features):
            return
        self._fill.add(features, self._open.joint)
        for group, sums, phases in zip(vectors, self._open.vectors, self._phases, strict=True):
            if phases is not None:
                sums.add(group.products, group.states, phases)

    def close(self, start_unix_ns: int) -> None:
        """Closes the open pane and opens one.

        Args:
            start_unix_ns: begin of the new one.
        """
        self._fill.flush(self._open.joint)
        self._window.push(self._open)
        self._window.expire(start_unix_ns)
        self._open = self._empty(start_unix_ns)

    def measure(self) -> JointEffects | None:
        """Effect sizes of the window, the open pane included.

        Returns:
            None while a reference is being learnt, and when there is nothing to join.
        """
        if not self._wanted or self.learning:
            return None
        self._fill.flush(self._open.joint)
        window = self._window.with_open(self._open)
        comparison, min_rows = self._comparison, self._settings.min_rows
        return JointEffects(
            features=self._fill.space.width,
            rows=window.rows,
            reference_rows=comparison.reference_rows if comparison is not None else 0,
            correlation=comparison.correlation_shift(window.joint) if comparison is not None else None,
            reconstruction=comparison.reconstruction(window.joint) if comparison is not None else None,
            embeddings=tuple(
                embedding_shift(known, sums, min_rows)
                for known, sums in zip(self._fourier, window.vectors, strict=True)
                if known is not None
            ),
        )

    def to_state(self) -> dict[str, Any]:
        """For a checkpoint.

        Returns:
            Numbers, bytes, lists and dictionaries; `restore` goes on without changing a number.
        """
        self._fill.flush(self._open.joint)
        products = [
            [_packed(blocks[at].products), blocks[at].states.astype("<i8").tobytes()]
            for blocks in self._gathered.vectors
            for at in range(len(self._groups))
        ]
        return {
            "learnt": self._learnt,
            "rows": [_packed(block) for block in self._gathered.features],
            "vectors": products,
            "open": self._open.to_state(),
            "granules": [granule.to_state() for granule in self._window.granules],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            ValueError: arrays of another shape; BadReference: a learnt part that is damaged.
        """
        self._learnt = {str(name): bytes(part) for name, part in state["learnt"].items()}
        self._use_parts()
        blocks = [_unpacked(packed, len(self._specs)) for packed in state["rows"]]
        vectors = [
            Vectors(_unpacked(products, FOURIER + 16), np.frombuffer(states, dtype="<i8").astype(np.int64))
            for products, states in state["vectors"]
        ]
        n = len(self._groups)
        self._gathered.features = blocks
        self._gathered.vectors = [tuple(vectors[at * n : (at + 1) * n]) for at in range(len(blocks))]
        self._gathered.rows = sum(len(block) for block in blocks)
        width = self._fill.space.width
        self._open = JointPane.from_state(state["open"], width, n)
        self._window.restore([JointPane.from_state(pane, width, n) for pane in state["granules"]])

    def _gather(self, features: F64, vectors: tuple[Vectors, ...]) -> int:
        gathered = self._gathered
        taken = min(gathered.limit - gathered.rows, len(features))
        if taken > 0:
            gathered.features.append(features[:taken].copy())
            gathered.vectors.append(
                tuple(Vectors(v.products[:taken].copy(), v.states[:taken].copy()) for v in vectors)
            )
            gathered.rows += taken
        return taken

    def _learn(self, known: Sequence[FeatureReference | None]) -> None:
        features = [feature for feature in known if feature is not None]
        if len(features) < len(known):
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
        start = self._open.start_unix_ns
        self._use_parts()
        self._open = self._empty(start)

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
        self._open = self._empty(0)

    def _embedding(self, parts: dict[str, bytes], group: Group) -> FourierReference | None:
        part = parts.get(fourier.part_name(group.name))
        if not part:
            return None
        found = fourier.unpack_fourier(part)
        return found if found.dimension == group.dimension else None

    def _empty(self, start_unix_ns: int) -> JointPane:
        end = start_unix_ns + self._settings.pane_ns
        return JointPane.empty(start_unix_ns, end, self._fill.space.width, len(self._groups))


def _packed(block: F64) -> bytes:
    return block.astype("<f8").tobytes()


def _unpacked(packed: bytes, width: int) -> F64:
    return np.frombuffer(packed, dtype="<f8").astype(np.float64).reshape(-1, width)
