from __future__ import annotations

from collections.abc import Iterator

import pytest

from sidecar.ring.counters import COUNTERS, add_to_counter
from sidecar.ring.segment import Segment
from sidecar.telemetry.points import Buckets
from sidecar.telemetry.rings import ring_families


@pytest.fixture
def segments() -> Iterator[list[Segment]]:
    made = [Segment.create(f"test-{number}", 65_536) for number in range(2)]
    yield made
    for segment in made:
        segment.close()


def test_counters_are_summed_and_rings_told_apart(segments: list[Segment]) -> None:
    for segment in segments:
        for place, counter in enumerate(COUNTERS, start=1):
            add_to_counter(segment, counter.name, 1000 if counter.name == "seen" else place)
    sums = {}
    for family in ring_families(segments):
        for point in family.points:
            assert not isinstance(point.value, Buckets)
            sums[family.instrument.name, point.attributes] = point.value
    place_of = {counter.name: place for place, counter in enumerate(COUNTERS, start=1)}
    assert sums["sidecar.exchanges.seen", ()] == 2000
    assert sums["sidecar.exchanges.analysed", ()] == 2 * place_of["analysed"]
    assert sums["sidecar.records.dropped", (("reason", "too_large"),)] == 2 * place_of["too_large"]
    assert sums["sidecar.requests.rejected", ()] == 2 * place_of["rejected"]
    assert sums["sidecar.upstream.waiting", ()] == 2 * place_of["upstream_waiting"]
    assert sums["sidecar.upstream.healthy", (("worker", "1"),)] == place_of["upstream_healthy"]
    assert sums["sidecar.ring.size_bytes", (("worker", "1"),)] == 65_536
    assert sums["sidecar.ring.used_bytes", (("worker", "0"),)] == 0
    dropped = sum(value for (name, _), value in sums.items() if name == "sidecar.records.dropped")
    settled = sums["sidecar.exchanges.analysed", ()] + sums["sidecar.exchanges.sampled_out", ()] + dropped
    assert sums["sidecar.exchanges.seen", ()] == settled + sums["sidecar.exchanges.in_flight", ()]
