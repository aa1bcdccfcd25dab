from __future__ import annotations

import msgspec
import numpy as np
import pytest

from kernels.fourier import MISSING
from sidecar.errors import BadReference
from sidecar.profile.embedding import lay_out
from sidecar.profile.fourier import (
    FourierSums,
    build_fourier,
    make_phases,
    pack_fourier,
    part_name,
    unpack_fourier,
)


def vectors_of(n=300, dimension=16, seed=1):
    rows = np.random.default_rng(seed).normal(size=(n, dimension))
    return lay_out(dimension, [("e", 0, dimension)]).reduce(rows)[1][0]


def sums_of(vectors, sizes=None, bandwidth=5.0):
    sums, start = FourierSums.empty(), 0
    for size in sizes or [len(vectors.states)]:
        block = vectors.cut(start, start + size)
        sums.add(block.products, block.states, make_phases(bandwidth))
        start += size
    return sums


def reference_of(vectors):
    return build_fourier("e", 16, vectors.products, vectors.states)


def test_nothing_has_no_mean():
    sums = FourierSums.empty()
    assert np.isnan(sums.mean()).all()
    assert np.isnan(sums.mean_square())


def test_features_have_length_one_on_average():
    sums = sums_of(vectors_of())
    assert sums.mean_square() == pytest.approx(1.0, abs=0.05)
    assert float(sums.mean() @ sums.mean()) < sums.mean_square()


def test_equal_vectors_have_a_mean_of_their_own_length():
    sums = sums_of(lay_out(4, [("e", 0, 4)]).reduce(np.ones((50, 4)))[1][0])
    assert float(sums.mean() @ sums.mean()) == pytest.approx(sums.mean_square())


def test_blocks_and_merges_do_not_matter():
    vectors = vectors_of()
    whole = sums_of(vectors)
    assert sums_of(vectors, [1, 99, 200]).to_state() == whole.to_state()
    merged = sums_of(vectors.cut(100, 300))
    merged.merge(sums_of(vectors.cut(0, 100)))
    assert merged.to_state() == whole.to_state()


def test_copies_do_not_change():
    sums = sums_of(vectors_of(10))
    copy = sums.copy()
    sums.merge(sums_of(vectors_of(10)))
    assert copy.to_state() == sums_of(vectors_of(10)).to_state()


def test_state_is_whole():
    state = sums_of(vectors_of()).to_state()
    assert FourierSums.from_state(state).to_state() == state
    with pytest.raises(ValueError, match="Fourier sums of 257 totals, got 1"):
        FourierSums.from_state({"rows": 1, "totals": bytes(8)})


def test_reference_holds_all_whole_vectors():
    vectors = vectors_of()
    vectors.states[7] = MISSING
    reference = reference_of(vectors)
    assert reference.sums.rows == 299
    assert reference.bandwidth == pytest.approx(np.sqrt(2 * 16), rel=0.15)
    first, second, third = reference.traces
    assert 0.0 < third < second < first < 1.0


def test_few_vectors_make_no_reference():
    vectors = vectors_of(120)
    vectors.states[:21] = MISSING
    assert reference_of(vectors) is None


def test_vectors_that_are_all_the_same():
    vectors = lay_out(16, [("e", 0, 16)]).reduce(np.ones((200, 16)))[1][0]
    reference = reference_of(vectors)
    assert reference.bandwidth == 1.0
    assert reference.traces[1] == pytest.approx(0.0, abs=1e-9)
    assert unpack_fourier(pack_fourier(reference)).traces == reference.traces


def test_packing_loses_nothing():
    reference = reference_of(vectors_of())
    again = unpack_fourier(pack_fourier(reference))
    assert pack_fourier(again) == pack_fourier(reference)
    assert (again.name, again.dimension, again.bandwidth) == ("e", 16, reference.bandwidth)
    assert np.array_equal(again.phases(), reference.phases())
    assert part_name(again.name) == "embedding_e"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 7}, "embedding part: expected version 1, got 7"),
        ({"bandwidth": 0.0}, None),
        ({"bandwidth": float("nan")}, None),
        ({"traces": [1.0, 2.0]}, None),
        ({"traces": [1.0, float("inf"), 0.0]}, None),
        ({"sums": {"rows": 3, "totals": b""}}, None),
        ({"dimension": "many"}, None),
    ],
)
def test_damaged_parts_are_refused(change, message):
    fields = msgspec.msgpack.decode(pack_fourier(reference_of(vectors_of())))
    with pytest.raises(BadReference) as refused:
        unpack_fourier(msgspec.msgpack.encode({**fields, **change}))
    assert message is None or str(refused.value) == message
    assert str(refused.value).startswith("embedding part: expected ")
