"""What a fleet has counted in one window: the sums of what a snapshot holds."""

from __future__ import annotations

from sidecar.profile.pane import Pane
from sidecar.profile.snapshot import SubjectPart


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
