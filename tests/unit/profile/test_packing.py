from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.packing import pack_counts, pack_registers, unpack_counts, unpack_registers


@pytest.mark.parametrize(
    ("largest", "size"), [(0, 1), (255, 1), (256, 2), (65_536, 4), (2**32 - 1, 4), (2**32, 8), (2**62, 8)]
)
def test_counts_take_as_few_bytes_as_the_largest_needs(largest, size):
    counts = np.array([largest, 0, 7 % (largest + 1)])
    packed = pack_counts(counts)
    assert len(packed) == 1 + 3 * size
    assert unpack_counts(packed).tolist() == counts.tolist()


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (b"", "counts without a size"),
        (b"\x03abc", "counts of 3 bytes"),
        (b"\x04abc", "buffer size must be a multiple of element size"),
        (b"\x08" + b"\xff" * 8, "counts below 0"),
    ],
)
def test_other_bytes(packed, message):
    with pytest.raises(ValueError, match=message):
        unpack_counts(packed)


def test_no_counts_at_all():
    assert unpack_counts(pack_counts(np.empty(0, dtype=np.int64))).tolist() == []


class TestRegisters:
    @pytest.mark.parametrize("n", [0, 1, 1365, 1366, 4096])
    def test_survive_their_bytes_in_the_shorter_of_two_forms(self, n: int) -> None:
        registers = np.zeros(4096, dtype=np.uint8)
        registers[np.random.default_rng(n).permutation(4096)[:n]] = 5
        packed = pack_registers(registers)
        assert len(packed) == min(3 * n, 4096)
        assert np.array_equal(unpack_registers(packed), registers)

    @pytest.mark.parametrize(
        "packed",
        [
            b"\x01",
            b"\x01\x00\x00",  # a value of 0
            b"\x00\x10\x05",  # place 4096
            b"\x02\x00\x01\x00\x05\x05",  # places that fall
            b"\x01\x00\x36",  # a rank of 54
            b"\x00" * 4096,  # not the shorter form
            b"\x36" * 4096,
        ],
    )
    def test_that_are_none_are_refused(self, packed: bytes) -> None:
        with pytest.raises(ValueError, match=r"^registers that are none$"):
            unpack_registers(packed)
