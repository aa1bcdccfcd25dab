"""A quantile sketch that merges by addition: log-linear cells about the reference's pivot.

A value's distance from the pivot, in units of `kernels.moments`, has its leading bits taken as they stand in
a float64: the exponent picks the octave, the next five bits one of 32 equal parts of it. So a cell is at most
1/32 of the distance wide, and its middle is off by at most 1/64 (1.6 %) of it. Octaves run from 1/512 of the
reference's scale (nearer values share the middle cell) to 32 scales (further ones the outermost). What the
reference's quantile edges cannot see, where inside or beyond the outer cells the values now lie, is here.

    cell CENTRE              nearer than 2^-9 scales
    cell CENTRE +- m         m-th part of an octave above / below the pivot, m from 1

Source: the bucket rule is that of HdrHistogram and DDSketch's fast mapping (Masson, Rim and Lee 2019).
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.moments import LIMIT, SCALE_BITS

PART_BITS = 5
PARTS = 1 << PART_BITS
FIRST_OCTAVE = SCALE_BITS - 9
LAST_OCTAVE = 31  # LIMIT
SIDE = (LAST_OCTAVE - FIRST_OCTAVE) * PARTS + 1
CENTRE = SIDE
CELLS = 2 * SIDE + 1

SHIFT = 52 - PART_BITS
BASE = ((1023 + FIRST_OCTAVE) << PART_BITS) - 1  # leading bits of the first octave's first part, less 1
MAGNITUDE = 0x7FFF_FFFF_FFFF_FFFF


@kernel(inline=True)
def sketch_cell(distance: float) -> int:
    """Cell of a distance from the pivot.

    Args:
        distance: in units, -2^31 to 2^31.

    Returns:
        0 to CELLS - 1.
    """
    bits = int(np.float64(distance).view(np.int64))
    part = max(((bits & MAGNITUDE) >> SHIFT) - BASE, 0)
    return CENTRE - part if bits < 0 else CENTRE + part


@kernel("void(f8[::1], f8, f8, i8[::1])")
def fill_sketch(values: F64, pivot: float, unit: float, cells: I64) -> None:
    """Add one feature's finite values; NaN and infinities are passed over.

    Args:
        values: shape (n,), float64.
        pivot: finite.
        unit: from `kernels.moments.unit_for`.
        cells: shape (CELLS,), int64, added to.
    """
    for value in values:
        if math.isfinite(value):
            cells[sketch_cell(min(max((value - pivot) / unit, -LIMIT), LIMIT))] += 1


@kernel(inline=True)
def _part_begin(part: int) -> float:
    """Where the m-th part of the octaves begins, m from 1; the limit beyond the last one."""
    octave = FIRST_OCTAVE + (part - 1) // PARTS
    begin = 2.0**octave * (1.0 + ((part - 1) % PARTS) / PARTS)
    return min(begin, LIMIT)


@kernel(inline=True)
def _border(cell: int) -> float:
    """Lower border of a cell in units; that of the cell after the last one is the limit."""
    part = cell - CENTRE
    if part > 0:
        return _part_begin(part)
    return -_part_begin(1 - part)


@kernel("f8(i8[::1], f8, f8, f8)")
def sketch_quantile(cells: I64, pivot: float, unit: float, share: float) -> float:
    """Value below which about the given share of the values lies.

    Args:
        cells: shape (CELLS,), int64.
        pivot: as when filled.
        unit: as when filled.
        share: 0 to 1.

    Returns:
        The value, within 1/32 of its distance from the pivot (or 2^-9 scales near it); beyond 32 scales the
        nearest value that the sketch can tell. NaN without counts.
    """
    total = 0
    for count in cells:
        total += count
    if total == 0:
        return math.nan
    wanted = share * total
    below = 0.0
    for cell in range(cells.shape[0]):
        count = float(cells[cell])
        if count > 0.0 and below + count >= wanted:
            low = _border(cell)
            part = min(max((wanted - below) / count, 0.0), 1.0)
            return pivot + unit * (low + part * (_border(cell + 1) - low))
        below += count
    return pivot + unit * LIMIT
