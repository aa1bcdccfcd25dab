from __future__ import annotations

import re

import pytest

from sidecar.ring.counters import COUNTERS
from sidecar.telemetry.names import (
    DURATION_BOUNDS_S,
    HTTP_SERVER_REQUEST_DURATION,
    INSTRUMENTS,
    OVERHEAD_BOUNDS_S,
    PROXY_OVERHEAD,
    RING_COUNTERS,
    WORKER_STATES,
    Instrument,
)

NAMES = [instrument.name for instrument in INSTRUMENTS]


def test_every_name_occurs_once() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert len(NAMES) > 30


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=NAMES)
def test_an_instrument_says_all_of_itself(instrument: Instrument) -> None:
    assert re.fullmatch(r"(http|sidecar|model)(\.[a-z][a-z_]*)+", instrument.name)
    assert instrument.description.endswith(".")
    assert instrument.unit in ("s", "By") or re.fullmatch(r"\{[a-z_]+\}", instrument.unit)  # never "1"
    assert bool(instrument.bounds) == (instrument.kind == "histogram")
    assert list(instrument.bounds) == sorted(set(instrument.bounds))
    assert len(instrument.attributes) == len(set(instrument.attributes))


def test_durations_have_the_bounds_of_the_convention() -> None:
    assert HTTP_SERVER_REQUEST_DURATION.bounds == DURATION_BOUNDS_S
    assert len(DURATION_BOUNDS_S) == 14


def test_the_overhead_is_fine_from_ten_microseconds_to_a_second() -> None:
    assert PROXY_OVERHEAD.bounds == OVERHEAD_BOUNDS_S
    assert (OVERHEAD_BOUNDS_S[0], OVERHEAD_BOUNDS_S[-1]) == (1e-5, 1.0)
    assert all(b / a <= 2.0 for a, b in zip(OVERHEAD_BOUNDS_S, OVERHEAD_BOUNDS_S[1:], strict=False))  # noqa: RUF007


def test_every_counter_of_the_ring_is_exported() -> None:
    others = {counter.name for counter in COUNTERS if counter.role in ("count", "gauge")}
    assert set(RING_COUNTERS) | set(WORKER_STATES) == others
    assert not set(RING_COUNTERS) & set(WORKER_STATES)
    for counter in COUNTERS:
        if counter.name in WORKER_STATES:
            assert WORKER_STATES[counter.name].kind == "gauge"
        elif counter.role == "gauge":
            assert RING_COUNTERS[counter.name].kind == "updowncounter"
        if counter.role == "count":
            assert RING_COUNTERS[counter.name].kind == "counter"
