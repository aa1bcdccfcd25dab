"""What a fleet has counted in one window: the sums of what a snapshot holds."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.profile.joint_window import JointPane
from sidecar.profile.pane import Pane
from sidecar.profile.quality_evidence import QualityEvidence
from sidecar.profile.quality_pane import QualityPane
from sidecar.profile.snapshot import SubjectPart
from sidecar.profile.space import Space


@dataclass(frozen=True, slots=True, eq=False)
class JointTotal:
    """Joint sums of the origins that count by one space.

    Args:
        space: by what was counted.
        origins: their names, rising.
        pane: the sum.
    """

    space: Space
    origins: tuple[str, ...]
    pane: JointPane


def window_sum(part: SubjectPart, horizon_ns: int, end_unix_ns: int) -> Pane | None:
    """What all origins have counted in one window.

    Args:
        part: a subject.
        horizon_ns: one of the horizons that it holds.
        end_unix_ns: end of the window; granules that end later or more than the horizon earlier are left out.

    Returns:
        A sum of its own; None without any granule.
    """
    total: Pane | None = None
    for origin in part.origins.values():
        for (horizon, _), granule in origin.granules.items():
            if horizon != horizon_ns or not end_unix_ns - horizon_ns < granule.end_unix_ns <= end_unix_ns:
                continue
            if total is None:
                total = granule.wake()
            else:
                granule.add_to(total)
    return total


def horizons_of(part: SubjectPart) -> list[int]:
    """The horizons of which a subject holds anything.

    Args:
        part: a subject.

    Returns:
        Lengths in nanoseconds, rising.
    """
    return sorted({horizon for origin in part.origins.values() for horizon, _ in origin.granules})


def end_of(part: SubjectPart, horizon_ns: int) -> int:
    """End of the newest granule of any origin.

    Args:
        part: a subject.
        horizon_ns: one of its horizons.

    Returns:
        Nanoseconds of unix time; 0 without granules.
    """
    return max(
        (
            granule.end_unix_ns
            for origin in part.origins.values()
            for (horizon, _), granule in origin.granules.items()
            if horizon == horizon_ns
        ),
        default=0,
    )


def joint_totals(part: SubjectPart, horizon_ns: int, end_unix_ns: int) -> tuple[JointTotal, ...]:
    """Joint sums of all origins in one window.

    Args:
        part: a subject.
        horizon_ns: length of the window.
        end_unix_ns: its end, as for `window_sum`.

    Returns:
        One for each space: origins that count by different ones cannot be added.
    """
    found: dict[str, JointTotal] = {}
    for name in sorted(part.origins):
        beside = part.origins[name].beside
        for pane in beside.joint.values():
            if beside.space is None or not end_unix_ns - horizon_ns < pane.end_unix_ns <= end_unix_ns:
                continue
            held = found.get(beside.space.id)
            if held is None:
                found[beside.space.id] = JointTotal(beside.space, (name,), pane.copy())
                continue
            held.pane.merge(pane)
            if held.origins[-1] != name:
                found[beside.space.id] = JointTotal(held.space, (*held.origins, name), held.pane)
    return tuple(found[space_id] for space_id in sorted(found))


def quality_panes(part: SubjectPart, horizon_ns: int, end_unix_ns: int) -> tuple[QualityPane, ...]:
    """The stretches of data quality of all origins in one window.

    Args:
        part: a subject.
        horizon_ns: length of the window.
        end_unix_ns: its end. What lies behind it counts too: quality is told while panes are open.

    Returns:
        In the order of origins and times.
    """
    return tuple(
        pane
        for name in sorted(part.origins)
        for _, pane in sorted(part.origins[name].beside.quality.items())
        if pane.end_unix_ns > end_unix_ns - horizon_ns
    )


def quality_evidence(part: SubjectPart, horizon_ns: int, end_unix_ns: int) -> tuple[QualityEvidence, ...]:
    """The evidence on data quality of the origins that are there in one window.

    Args:
        part: a subject.
        horizon_ns: length of the window.
        end_unix_ns: its end.

    Returns:
        In the order of origins.
    """
    told = (part.origins[name].beside.evidence for name in sorted(part.origins))
    return tuple(one for one in told if one is not None and one.until_unix_ns > end_unix_ns - horizon_ns)
