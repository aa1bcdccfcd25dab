"""Counts as bytes: mostly small numbers in as few bytes as the largest of them needs; and HyperLogLog
registers, most of which are 0 where little was counted."""

from __future__ import annotations

import numpy as np

from kernels.binning import I64
from kernels.hashing import U8
from kernels.hyperloglog import MOST, REGISTERS

SIZES = (1, 2, 4)  # bytes of an unsigned count; beyond it an int64, with which sums are made


def type_of(largest: int) -> str:
    """Type in which counts rest.

    Args:
        largest: of them, >= 0.

    Returns:
        "<u1", "<u2" or "<u4", the first that holds it; else "<i8".
    """
    return next((f"<u{size}" for size in SIZES if largest < 256**size), "<i8")


def type_of_size(size: int) -> str:
    """Type of counts that take so many bytes each.

    Args:
        size: 1, 2, 4 or 8.

    Returns:
        As `type_of`.

    Raises:
        ValueError: "counts of 3 bytes".
    """
    if size not in (*SIZES, 8):
        raise ValueError(f"counts of {size!r} bytes")
    return f"<u{size}" if size in SIZES else "<i8"


def pack_counts(counts: I64) -> bytes:
    """Bytes of counts.

    Args:
        counts: any shape, int64, each >= 0.

    Returns:
        One byte that says how many bytes a count takes (1, 2, 4 or 8), and the counts, little-endian.
    """
    packed = counts.astype(type_of(int(counts.max(initial=0))))
    return bytes([packed.itemsize]) + packed.tobytes()


def unpack_counts(packed: bytes) -> I64:
    """What `pack_counts` packed.

    Args:
        packed: from there.

    Returns:
        Shape (n,), int64, each >= 0.

    Raises:
        ValueError: it is something else.
    """
    if not packed:
        raise ValueError("counts without a size")
    counts = np.frombuffer(packed, dtype=type_of_size(packed[0]), offset=1).astype(np.int64)
    if counts.min(initial=0) < 0:
        raise ValueError("counts below 0")
    return counts


def pack_registers(registers: U8) -> bytes:
    """Bytes of registers.

    Args:
        registers: shape (4096,), uint8.

    Returns:
        All of them; or, where that is shorter, the places (two bytes, little-endian, rising) and then the
        values of those that are not 0.
    """
    places = np.flatnonzero(registers)
    if 3 * places.size >= REGISTERS:
        return registers.tobytes()
    return places.astype("<u2").tobytes() + registers[places].tobytes()


def unpack_registers(packed: bytes) -> U8:
    """What `pack_registers` packed.

    Args:
        packed: from there.

    Returns:
        Shape (4096,), uint8.

    Raises:
        ValueError: "registers that are none".
    """
    n, rest = divmod(len(packed), 3)
    whole = len(packed) == REGISTERS
    made = np.frombuffer(packed if whole else packed[2 * n :], dtype=np.uint8).copy()
    if whole:
        registers = made
    else:
        places = np.frombuffer(packed[: 2 * n], dtype="<u2").astype(np.int64)
        if rest or np.any(np.diff(places) <= 0) or places.max(initial=0) >= REGISTERS:
            raise ValueError("registers that are none")
        registers = np.zeros(REGISTERS, dtype=np.uint8)
        registers[places] = made
    if registers.max() > MOST or pack_registers(registers) != packed:
        raise ValueError("registers that are none")
    return registers
