from __future__ import annotations

from sidecar.ring.counters import (
    COUNTERS,
    DROPPED,
    MONITOR_SETTLING,
    WORDS,
    WORKER_SETTLING,
    accounting,
    add_to_counter,
    read_counter,
    settle_dead_worker,
    settled_by_monitor,
)
from sidecar.ring.layout import word_of
from sidecar.ring.segment import Publication, create_ring


def test_every_counter_has_a_word_of_its_own_on_its_owners_lines() -> None:
    assert len(set(WORDS.values())) == len(COUNTERS) == len(WORDS)
    for counter in COUNTERS:
        first = word_of(f"{counter.owner}_counters")
        assert first <= WORDS[counter.name] < first + 32


def test_each_settling_counter_is_in_the_identity_once() -> None:
    settling = {c.name for c in COUNTERS if c.role in ("analysed", "sampled_out", "dropped")}
    assert settling == set(MONITOR_SETTLING) | set(WORKER_SETTLING)
    assert settling - {"analysed", "sampled_out"} == set(DROPPED)


def test_accounting_adds_rings_up() -> None:
    one, two = create_ring("a", 4096), create_ring("b", 4096)
    for segment, seen in ((one, 10), (two, 7)):
        add_to_counter(segment, "seen", seen)
        add_to_counter(segment, "analysed", 3)
        add_to_counter(segment, "sampled_out")
    add_to_counter(one, "ring_full", 2)
    add_to_counter(two, "failed", 1)
    total = accounting([one, two])
    assert (total["seen"], total["analysed"], total["sampled_out"], total["in_flight"]) == (17, 6, 2, 6)
    assert {reason: n for reason, n in total["dropped"].items() if n} == {"ring_full": 2, "failed": 1}
    assert set(total["dropped"]) == set(DROPPED)
    assert settled_by_monitor(two) == 5
    assert accounting([])["seen"] == 0


def test_accounting_never_shows_more_settled_than_seen() -> None:
    segment = create_ring("a", 4096)
    add_to_counter(segment, "analysed", 2)  # a weakly ordered machine may show this before `seen`
    assert accounting([segment])["in_flight"] == 0
    assert accounting([segment])["seen"] == 2


def test_a_dead_worker_is_settled_once() -> None:
    segment = create_ring("a", 4096)
    add_to_counter(segment, "seen", 9)
    add_to_counter(segment, "ring_full", 1)
    add_to_counter(segment, "tap_failed", 1)
    segment.store_publication(Publication(800, 4, 5).encode())
    assert settle_dead_worker(segment) == 3
    assert settle_dead_worker(segment) == 0
    assert read_counter(segment, "worker_died") == 3
    assert accounting([segment])["in_flight"] == 4  # what the ring still holds
