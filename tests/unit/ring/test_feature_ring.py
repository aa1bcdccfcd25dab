from __future__ import annotations

import threading

import numpy as np
import pytest

from sidecar.errors import RingError, ShapeMismatch
from sidecar.ring.feature_ring import F64, I64, FeatureRing


def rows(first: int, n: int, width: int = 3) -> F64:
    """Every cell of a row holds the row's number plus a tenth of its column."""
    return np.arange(first, first + n, dtype=np.float64)[:, None] + np.arange(width) / 10.0


def push(ring: FeatureRing, matrix: F64, unix_ns: int = 1) -> int:
    """Rows that all come from one moment."""
    return ring.push(matrix, np.full(len(matrix), unix_ns))


def drained(ring: FeatureRing, most_rows: int = 1 << 30) -> F64:
    blocks: list[F64] = []
    ring.drain(lambda block, stamps: blocks.append(block.copy()), most_rows)
    return np.concatenate(blocks) if blocks else np.empty((0, ring.width))


@pytest.mark.parametrize("capacity", [0, -4, 3, 100])
def test_capacity_is_a_power_of_two(capacity: int) -> None:
    with pytest.raises(RingError) as caught:
        FeatureRing(2, capacity)
    assert str(caught.value) == f"feature ring: capacity_rows: expected a power of two, got {capacity}"


def test_width_is_positive() -> None:
    with pytest.raises(RingError) as caught:
        FeatureRing(0, 4)
    assert str(caught.value) == "feature ring: width: expected at least 1, got 0"


def test_width_must_match() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        push(FeatureRing(3, 4), np.zeros((2, 4)))
    assert str(caught.value) == "feature ring: expected shape (n, 3), got (2, 4)"


def test_every_row_has_a_stamp() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        FeatureRing(3, 4).push(np.zeros((2, 3)), np.zeros(3, dtype=np.int64))
    assert str(caught.value) == "feature ring: expected 2 stamps, got 3"


@pytest.mark.parametrize("capacity", [1, 2, 8, 64])
@pytest.mark.parametrize("block", [1, 2, 5, 8, 13])
def test_rows_come_out_in_order_across_laps(capacity: int, block: int) -> None:
    ring = FeatureRing(3, capacity)
    sent = taken = 0
    for _ in range(50):
        sent += push(ring, rows(sent, block))
        assert len(ring) == sent - taken <= capacity
        out = drained(ring, max(1, block - 1))
        np.testing.assert_array_equal(out, rows(taken, len(out)))
        taken += len(out)
    taken += len(drained(ring))
    assert taken == sent
    assert ring.drain(lambda block, stamps: None) == 0


def test_a_full_ring_takes_what_fits() -> None:
    ring = FeatureRing(3, 8)
    assert [push(ring, rows(0, 5)), push(ring, rows(5, 5)), push(ring, rows(8, 1))] == [5, 3, 0]
    assert push(ring, np.empty((0, 3))) == 0
    np.testing.assert_array_equal(drained(ring), rows(0, 8))


def test_a_visit_that_raises_keeps_its_block() -> None:
    ring = FeatureRing(3, 8)
    push(ring, rows(0, 5))

    def fail(_block: F64, _stamps: I64) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ring.drain(fail)
    np.testing.assert_array_equal(drained(ring), rows(0, 5))


@pytest.mark.parametrize("drain", [False, True])
@pytest.mark.parametrize("n", [0, 1, 3, 8, 20])
def test_latest_shows_drained_rows_too(n: int, drain: bool) -> None:
    ring = FeatureRing(3, 8)
    sent = 0
    for step in (3, 4, 1, 6):
        if drain:
            drained(ring)
        sent += push(ring, rows(sent, step))
        shown = min(n, sent, 8)
        np.testing.assert_array_equal(ring.latest(n), rows(sent - shown, shown))


def test_other_layouts_and_types_are_copied_first() -> None:
    ring = FeatureRing(3, 8)
    push(ring, np.asfortranarray(rows(0, 4)))
    push(ring, rows(4, 4).astype(np.float32).astype(np.float64))
    np.testing.assert_allclose(drained(ring), rows(0, 8), rtol=1e-6)  # float32 has 24 bits


def test_two_threads_see_every_row_once_in_order_and_untorn() -> None:
    ring = FeatureRing(4, 64)
    n_rows = 1_000
    seen: list[F64] = []

    def write() -> None:
        sent = 0
        while sent < n_rows:
            sent += push(ring, rows(sent, min(7, n_rows - sent), 4))

    writer = threading.Thread(target=write)
    writer.start()
    taken = 0
    while taken < n_rows:
        taken += ring.drain(lambda block, stamps: seen.append(block.copy()))
        latest = ring.latest(16)
        np.testing.assert_array_equal(latest, rows(int(latest[0, 0]) if len(latest) else 0, len(latest), 4))
    writer.join()
    np.testing.assert_array_equal(np.concatenate(seen), rows(0, n_rows, 4))


@pytest.mark.parametrize("capacity", [1, 4, 16])
def test_every_row_comes_out_with_the_time_that_it_was_pushed_with(capacity: int) -> None:
    ring = FeatureRing(3, capacity)
    sent = 0
    seen: list[tuple[F64, I64]] = []
    for unix_ns in (5, 3, 9, 9, 1 << 62):
        rest = rows(sent, 3)
        sent += 3
        while len(rest):
            rest = rest[push(ring, rest, unix_ns) :]
            ring.drain(lambda block, stamps: seen.append((block.copy(), stamps.copy())), 1)
    ring.drain(lambda block, stamps: seen.append((block.copy(), stamps.copy())))
    np.testing.assert_array_equal(np.concatenate([block for block, _ in seen]), rows(0, sent))
    stamps = np.concatenate([stamps for _, stamps in seen])
    assert stamps.tolist() == [unix_ns for unix_ns in (5, 3, 9, 9, 1 << 62) for _ in range(3)]
