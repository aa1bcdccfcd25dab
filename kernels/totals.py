"""Rows of two histograms over the same cells."""

from __future__ import annotations

from kernels.binning import I64
from kernels.jit import kernel


@kernel(inline=True)
def totals(reference: I64, current: I64) -> tuple[int, int]:
    """Rows of either side.

    Args:
        reference: counts, shape (B,), int64.
        current: counts, shape (B,), int64.

    Returns:
        Sums m of the reference and n of the current counts.
    """
    m = 0
    n = 0
    for b in range(reference.shape[0]):
        m += reference[b]
        n += current[b]
    return m, n
