"""What one monitor tells of a subject beside its panes: joint sums and data quality of the judged window.

Both may change until they leave the window, so they are believed of the newest monitor of an origin alone (as
what grows in `sidecar.profile.snapshot`): its successor tells what was in the checkpoint, and goes on. Of one
monitor, joint sums are known by the number of their first closing and quality by its stretch of time, and of
two states the later one is kept. What has left the window stays as it was told last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from sidecar.errors import BadSnapshot
from sidecar.profile.joint_window import ClosedJoint, JointPane
from sidecar.profile.quality_evidence import QualityEvidence, later_of
from sidecar.profile.quality_pane import QualityPane
from sidecar.profile.space import Space


@dataclass(frozen=True, slots=True, eq=False)
class Beside:
    """What a monitor tells beside its panes.

    Args:
        space: by what joint sums were counted; None without any.
        joint: joint sums by the number of the first closing.
        quality: by begin in nanoseconds of unix time.
        evidence: against the rates of data quality; None without any.
    """

    space: Space | None
    joint: Mapping[int, JointPane]
    quality: Mapping[int, QualityPane]
    evidence: QualityEvidence | None = None

    @classmethod
    def of(
        cls, joint: ClosedJoint, quality: Iterable[QualityPane], evidence: QualityEvidence | None = None
    ) -> Beside:
        """What a monitor holds.

        Args:
            joint: what has closed.
            quality: the stretches of its window.
            evidence: against the rates of data quality.

        Returns:
            All of it.
        """
        granules = {pane.first: pane for pane in joint.granules} if joint.space is not None else {}
        return cls(joint.space, granules, {pane.start_unix_ns: pane for pane in quality}, evidence)


NOTHING_BESIDE = Beside(None, {}, {})


def merge_beside(where: str, one: Beside, other: Beside) -> Beside:
    """What one monitor has told at two times.

    Args:
        where: for messages.
        one, other: in any order.

    Returns:
        The later state of everything that either holds.

    Raises:
        BadSnapshot: "b.msgpack: ... origin 'pod': expected one joint pane 1 to 3, got two".
    """
    quality = dict(one.quality)
    for start, pane in other.quality.items():
        held = quality.get(start)
        quality[start] = pane if held is None else _later(held, pane)
    evidence = later_of(one.evidence, other.evidence)
    ids = [part.space.id if part.space is not None else "" for part in (one, other)]
    if ids[0] != ids[1]:  # one was told before the space was learnt
        later = one if ids[0] > ids[1] else other
        return Beside(later.space, later.joint, quality, evidence)
    joint = dict(one.joint)
    for first, granule in other.joint.items():
        known = joint.get(first)
        if known is not None and known.last == granule.last and known.to_state() != granule.to_state():
            raise BadSnapshot(f"{where}: expected one joint pane {first} to {granule.last}, got two")
        if known is None or known.last < granule.last:
            joint[first] = granule
    return Beside(one.space, joint, quality, evidence)


def _later(one: QualityPane, other: QualityPane) -> QualityPane:
    """Of one state the texts that are known may differ from time to time: any choice but by order will do."""
    if one.version != other.version:
        return max(one, other, key=lambda pane: pane.version)
    return max(one, other, key=lambda pane: msgspec.msgpack.encode(pane.to_state()))
