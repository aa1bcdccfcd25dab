"""The most frequent of values that no table can hold: SpaceSaving with k counters.

A table is int64, shape (3, k): the keys (>= 0; FREE where no key is held), their counts, and by how much each
count may be too high. With n values taken in, whatever their order:

    count - error <= true count <= count       of every key held
    true count <= least count <= n / k         of every key not held, where all counters are taken

so whatever occurs more than n / k times is held.

**Merging.** The tables of several streams are merged at once: a key's count is the sum of what each table
says, a full table that does not hold the key saying its least count (and that much error); the k largest
stay. The two lines above hold for the merged table with n the sum of all, and for any tree of merges: with m
the least count, k m + sum of (count - m) <= n is kept by taking in and by merging (Agarwal et al., Mergeable
summaries, 2012; their proof is for Misra-Gries counters, which are the counts less m).

What the bounds promise is thus free of order, the table itself is not: merging (A + B) + C may keep other
keys than A + (B + C) at the border of the k-th place. No summary of k counters can avoid that. So what is
stored and sent about is not a merged table but the set of the tables, each under the stretch of traffic and
the process that it came from; a union of sets is free of order, grouping and repetition, and `merge_tables`
gives the same bytes for the same set, in whatever order they are passed.

Source: Metwally, Agrawal and El Abbadi, Efficient computation of frequent and top-k elements (2005).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernels.binning import I64
from kernels.jit import kernel

COUNTERS = 64
FREE = -1
KEYS = 0
COUNTS = 1
ERRORS = 2
ROWS = 3


def empty_table(counters: int = COUNTERS) -> I64:
    """A table of no values at all.

    Args:
        counters: k >= 1.

    Returns:
        Shape (3, k), int64.
    """
    table = np.zeros((ROWS, counters), dtype=np.int64)
    table[KEYS] = FREE
    return table


@kernel("void(i8[::1], i8[:,::1])")
def fill_table(keys: I64, table: I64) -> None:
    """Takes in values.

    Args:
        keys: shape (n,), int64, each >= 0.
        table: shape (3, k), int64, changed in place. Of several least counters the last gives way.

    Cost: about 25 ns a value at k = 64: both searches run through the whole table without a branch, which
    costs less than a tree or a hash table of so few.
    """
    held, counts, errors = table[KEYS], table[COUNTS], table[ERRORS]
    for i in range(keys.shape[0]):
        key = keys[i]
        place = -1
        for at in range(held.shape[0]):
            place = max(place, at if held[at] == key else -1)
        if place < 0:
            least = counts[0]
            for at in range(counts.shape[0]):
                least = min(least, counts[at])
            for at in range(counts.shape[0]):
                place = max(place, at if counts[at] == least else -1)
            held[place] = key
            errors[place] = least
        counts[place] += 1


def merge_tables(tables: Sequence[I64], counters: int = COUNTERS) -> I64:
    """One table for the values of all.

    Args:
        tables: each of shape (3, any k), int64.
        counters: k of the result, at most that of every table for the bound n / k to hold.

    Returns:
        Shape (3, k), int64, the greatest count first (then the least error, then the smallest key); the same
        for any order of the tables.
    """
    merged = empty_table(counters)
    if not tables:
        return merged
    keys = np.unique(np.concatenate([table[KEYS] for table in tables]))
    keys = keys[keys != FREE]
    counts, errors = np.zeros(keys.size, dtype=np.int64), np.zeros(keys.size, dtype=np.int64)
    for table in tables:
        # The least count of a table with a free counter is 0: a key that it does not hold did not occur.
        least = int(table[COUNTS].min(initial=np.iinfo(np.int64).max)) if table.shape[1] else 0
        held = table[KEYS] != FREE
        places = np.searchsorted(keys, table[KEYS, held])
        said, doubt = np.full(keys.size, least), np.full(keys.size, least)
        said[places], doubt[places] = table[COUNTS, held], table[ERRORS, held]
        counts += said
        errors += doubt
    ranked = np.lexsort((keys, errors, -counts))[:counters]
    for row, values in enumerate((keys, counts, errors)):
        merged[row, : ranked.size] = values[ranked]
    return merged
