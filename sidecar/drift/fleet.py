"""What the features of a fleet do together: joint sums of several monitors, judged as those of one."""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.drift.multivariate import JointComparison, JointEffects, joint_effects
from sidecar.profile.joint_window import JointPane
from sidecar.profile.space import Space


def fleet_effects(space: Space, names: Sequence[str], pane: JointPane, min_rows: int) -> JointEffects:
    """Effect sizes of the joint sums of several monitors.

    Args:
        space: by what all of them have counted.
        names: of the features, in the order of their columns.
        pane: the sum of what they have counted.
        min_rows: with fewer there is nothing to say.

    Returns:
        To the bit what one monitor over all rows says, if rows do not depend on each other: design effects
        are not told.

    Raises:
        BadReference: the space is damaged.
    """
    joint, embeddings = space.open()
    comparison, width = None, 0
    if joint is not None:
        joined, joint_space = joint.among(names)
        width = joint_space.width
        comparison = JointComparison(joined, min_rows) if width > 1 else None
    known = [(embedding, 1.0) for embedding in embeddings]
    return joint_effects(comparison, width, pane, known, min_rows)
