from __future__ import annotations

import random

from benchmarks.soak.faults import ALWAYS_S, EARLY_S, schedule
from benchmarks.soak.line import CUT_RATIO, Fate


def test_the_schedule_follows_from_the_seed() -> None:
    assert schedule(1, 100.0, 40.0) == schedule(1, 100.0, 40.0)
    assert schedule(1, 100.0, 40.0) != schedule(2, 100.0, 40.0)


def test_even_a_short_run_has_every_fault() -> None:
    assert {fault.name for fault in schedule(1, 5.0, 2.0)} == {*ALWAYS_S, *EARLY_S}


def test_processes_of_the_sidecar_are_ended_only_early() -> None:
    faults = schedule(1, 600.0, 240.0)
    assert max(fault.at_s for fault in faults if fault.name in EARLY_S) <= 240.0
    assert max(fault.at_s for fault in faults if fault.name in ALWAYS_S) > 500.0
    assert sum(fault.name == "monitor killed" for fault in faults) == 20
    assert faults == sorted(faults)


def test_some_connections_are_cut_at_places_far_and_near() -> None:
    fates = [Fate.of(random.Random(f"1 {n}"), flipping=False) for n in range(5000)]
    cuts = [fate.cut_at_bytes for fate in fates if fate.cut_at_bytes is not None]
    assert 0.5 * CUT_RATIO < len(cuts) / 5000 < 2 * CUT_RATIO
    assert min(cuts) < 100
    assert max(cuts) > 100_000
    assert all(fate.flip_at_bytes is None for fate in fates)
