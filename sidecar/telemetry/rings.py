"""Families of the rings: accounting, the workers' counters, fill. They survive a monitor because the rings
do.
"""

from __future__ import annotations

from collections.abc import Sequence

from sidecar.ring.counters import accounting, read_counter
from sidecar.ring.segment import Segment
from sidecar.telemetry.names import (
    EXCHANGES_ANALYSED,
    EXCHANGES_IN_FLIGHT,
    EXCHANGES_SAMPLED_OUT,
    EXCHANGES_SEEN,
    RECORDS_DROPPED,
    RING_COUNTERS,
    RING_SIZE,
    RING_USED,
    WORKER_STATES,
)
from sidecar.telemetry.points import Family, Point, single


def ring_families(segments: Sequence[Segment]) -> list[Family]:
    """What the rings have counted.

    Args:
        segments: the rings in the order of their workers; counters are summed over them.

    Returns:
        Families whose accounting adds up among themselves.
    """
    total = accounting(segments)
    workers = [((("worker", str(number)),), segment) for number, segment in enumerate(segments)]
    return [
        single(EXCHANGES_SEEN, total["seen"]),
        single(EXCHANGES_ANALYSED, total["analysed"]),
        single(EXCHANGES_SAMPLED_OUT, total["sampled_out"]),
        single(EXCHANGES_IN_FLIGHT, total["in_flight"]),
        Family(RECORDS_DROPPED, [Point((("reason", name),), n) for name, n in total["dropped"].items()]),
        *(
            single(instrument, sum(read_counter(segment, name) for segment in segments))
            for name, instrument in RING_COUNTERS.items()
        ),
        *(
            Family(
                instrument,
                [Point(attributes, read_counter(segment, name)) for attributes, segment in workers],
            )
            for name, instrument in WORKER_STATES.items()
        ),
        Family(RING_USED, [Point(attributes, segment.used_bytes) for attributes, segment in workers]),
        Family(RING_SIZE, [Point(attributes, segment.data_bytes) for attributes, segment in workers]),
    ]
