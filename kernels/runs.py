"""What is odd about the values of every column of a block, in one pass: runs of one value, values outside of
a range, values of another kind.

A column that repeats one value for hundreds of rows is a sensor that has died or a join that has failed. The
run is carried from block to block: its value and its length so far.
"""

from __future__ import annotations

import math

import numpy as np

from kernels.binning import F64, I64
from kernels.jit import kernel
from kernels.lanes import TYPE_ERROR_BITS

BELOW = 0
ABOVE = 1
PRESENT = 2
TYPE_ERRORS = 3
TALLIES = 4


@kernel(
    "void(Array(f8, 2, 'C', True), f8[:,::1], f8[::1], i8[::1], i8[:,::1])",
)
def fill_runs(rows: F64, ranges: F64, latest: F64, runs: I64, tallies: I64) -> None:
    """Carries runs on and counts what is odd.

    Args:
        rows: shape (n, F), float64, C order; may be a read-only view. NaN is no value: it neither ends a run
            nor lies outside.
        ranges: lowest and highest value that lie inside, shape (F, 2), float64; infinite where any does.
        latest: value of the run, shape (F,), float64, NaN before the first; changed in place.
        runs: length of the run, shape (F,), int64; changed in place.
        tallies: shape (F, 4), int64, added to: values below the range, above it, present ones, type errors.

    Cost: about 1.5 ns a value.
    """
    for f in range(rows.shape[1]):
        low, high = ranges[f, 0], ranges[f, 1]
        last, length = latest[f], runs[f]
        below, above, present, strange = 0, 0, 0, 0
        for i in range(rows.shape[0]):
            value = rows[i, f]
            if math.isnan(value):
                strange += int(np.float64(value).view(np.int64) == TYPE_ERROR_BITS)
            else:
                present += 1
                below += int(value < low)
                above += int(value > high)
                length = length + 1 if value == last else 1
                last = value
        latest[f], runs[f] = last, length
        tallies[f, BELOW] += below
        tallies[f, ABOVE] += above
        tallies[f, PRESENT] += present
        tallies[f, TYPE_ERRORS] += strange


@kernel(
    "void(Array(f8, 2, 'C', True), i8[::1], i8[::1])",
)
def count_negative(rows: F64, places: I64, found: I64) -> None:
    """How many values of some columns are below 0.

    Args:
        rows: shape (n, F), float64, C order; may be a read-only view.
        places: columns, shape (K,), int64.
        found: shape (K,), int64, overwritten.

    Cost: about 1 ns a value.
    """
    for k in range(places.shape[0]):
        count = 0
        for i in range(rows.shape[0]):
            count += int(rows[i, places[k]] < 0.0)
        found[k] = count
