"""A sliding window of joint sums. A pane of them is large (J^2 numbers), so the window slides by few
granules.

With J features a granule takes 8 J^2 bytes, four times as many once values are missing: 80 or 320 KB for a
hundred. A window holds at most twelve, their sum and the open pane: 1.1 or 4.5 MB.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.profile.fourier import FourierSums
from sidecar.profile.joint import JointSums
from sidecar.profile.space import Space

GRANULE_LIMIT = 12


@dataclass(slots=True, eq=False)
class JointPane:
    """Joint sums over [start, end); any order and any grouping of merges give the same bytes.

    Args:
        start_unix_ns: begin.
        end_unix_ns: end.
        joint: of the numeric features.
        vectors: of each embedding.
        first: number of the first closing that it covers, from 1; 0 while it is open.
        last: number of the last one.
    """

    start_unix_ns: int
    end_unix_ns: int
    joint: JointSums
    vectors: tuple[FourierSums, ...]
    first: int = 0
    last: int = 0

    @classmethod
    def empty(cls, start_unix_ns: int, end_unix_ns: int, width: int, groups: int) -> JointPane:
        """A pane without rows.

        Args:
            start_unix_ns: begin.
            end_unix_ns: end.
            width: J.
            groups: number of embeddings.

        Returns:
            The pane.
        """
        vectors = tuple(FourierSums.empty() for _ in range(groups))
        return cls(start_unix_ns, end_unix_ns, JointSums.empty(width), vectors)

    @property
    def rows(self) -> int:
        return max(self.joint.rows, *(sums.rows for sums in self.vectors), 0)

    def merge(self, other: JointPane) -> None:
        """Adds another pane of the same features; the stretch grows to hold both.

        Args:
            other: any time.
        """
        self.start_unix_ns = min(self.start_unix_ns, other.start_unix_ns)
        self.end_unix_ns = max(self.end_unix_ns, other.end_unix_ns)
        self.first = min(self.first or other.first, other.first or self.first)
        self.last = max(self.last, other.last)
        self.joint.merge(other.joint)
        for sums, others in zip(self.vectors, other.vectors, strict=True):
            sums.merge(others)

    def copy(self) -> JointPane:
        vectors = tuple(sums.copy() for sums in self.vectors)
        joint = self.joint.copy()
        return JointPane(self.start_unix_ns, self.end_unix_ns, joint, vectors, self.first, self.last)

    def to_state(self) -> dict[str, Any]:
        """The pane for a checkpoint or a snapshot.

        Returns:
            Numbers and bytes; `from_state` gives the same pane, bit by bit.
        """
        return {
            "start_unix_ns": self.start_unix_ns,
            "end_unix_ns": self.end_unix_ns,
            "first": self.first,
            "last": self.last,
            "joint": self.joint.to_state(),
            "vectors": [sums.to_state() for sums in self.vectors],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], width: int, groups: int) -> JointPane:
        """A pane of a checkpoint or a snapshot.

        Args:
            state: from `to_state`.
            width: J.
            groups: number of embeddings.

        Returns:
            The pane.

        Raises:
            ValueError: the arrays have another shape.
        """
        vectors = tuple(FourierSums.from_state(sums) for sums in state["vectors"])
        if len(vectors) != groups:
            raise ValueError(f"sums of {groups} embeddings, got {len(vectors)}")
        joint = JointSums.from_state(state["joint"], width)
        times = int(state["start_unix_ns"]), int(state["end_unix_ns"])
        return cls(*times, joint, vectors, int(state["first"]), int(state["last"]))


@dataclass(frozen=True, slots=True, eq=False)
class ClosedJoint:
    """What has closed, for snapshots.

    Args:
        space: by what was counted; None while that is being learnt, or when nothing is joined.
        granules: the oldest first; not to be changed.
    """

    space: Space | None
    granules: tuple[JointPane, ...]


class JointWindow:
    """The closed panes of the last horizon.

    Args:
        horizon_ns: length; at least one pane is kept.
        pane_ns: length of a pane.
    """

    def __init__(self, horizon_ns: int, pane_ns: int) -> None:
        panes = max(1, -(-horizon_ns // pane_ns))
        self.horizon_ns = horizon_ns
        self.granule_ns = -(-panes // GRANULE_LIMIT) * pane_ns
        self.open_start_unix_ns = 0
        self._granules: deque[JointPane] = deque()
        self._sum: JointPane | None = None

    @property
    def granules(self) -> tuple[JointPane, ...]:
        """What is held, the oldest first; none of them is ever changed."""
        return tuple(self._granules)

    def push(self, pane: JointPane) -> None:
        """Takes in a closed pane; one without rows or before the window is left out.

        Args:
            pane: later than those before; not changed by the window.
        """
        if pane.rows == 0 or not self.reaches(pane):
            return
        last = self._granules[-1] if self._granules else None
        if (
            last is not None
            and last.start_unix_ns // self.granule_ns == pane.start_unix_ns // self.granule_ns
        ):
            grown = last.copy()
            grown.merge(pane)
            self._granules[-1] = grown
        else:
            self._granules.append(pane.copy())
        self._sum = None

    def reaches(self, pane: JointPane) -> bool:
        """Whether a pane lies in the window, if only with its end.

        Args:
            pane: open or closed.

        Returns:
            False when it lies wholly before.
        """
        return pane.end_unix_ns > self.open_start_unix_ns - self.horizon_ns

    def expire(self, open_start_unix_ns: int) -> None:
        """Drops what lies wholly before the window.

        Args:
            open_start_unix_ns: begin of the newest pane.
        """
        self.open_start_unix_ns = open_start_unix_ns
        while self._granules and not self.reaches(self._granules[0]):
            self._granules.popleft()
            self._sum = None

    def total(self) -> JointPane | None:
        """The sum of the closed panes.

        Returns:
            A copy; None without any.
        """
        if not self._granules:
            return None
        if self._sum is None:
            self._sum = self._granules[0].copy()
            for granule in list(self._granules)[1:]:
                self._sum.merge(granule)
        return self._sum.copy()

    def restore(self, granules: Sequence[JointPane], open_start_unix_ns: int) -> None:
        """Takes over what a checkpoint holds.

        Args:
            granules: as `granules` gave them.
            open_start_unix_ns: begin of the newest pane.
        """
        self.open_start_unix_ns = open_start_unix_ns
        self._granules = deque(granules)
        self._sum = None
