"""Edges of a numeric feature: its quantiles, with a cell of its own for every value that repeats often.

The quantiles reach into the tails (0.001 and 0.999), where sentinels and clipped values show. A value that
holds one per cent of the rows or more is an atom: it gets the edges v and the next float above, so its share
is counted exactly. The cell of an atom also takes in v rounded to float32, since a server may well answer in
single precision.
"""

from __future__ import annotations

import numpy as np

from kernels.binning import EDGES, F64, I64

TAILS = (0.001, 0.01, 0.99, 0.999)
SHARES = (*TAILS[:2], *(k / 20 for k in range(1, 20)), *TAILS[2:])
ATOM_SHARE = 0.01


def quantile_edges(values: F64) -> F64:
    """Edges for the values of one feature.

    Args:
        values: shape (n,), float64; NaN and infinities are passed over; need not be sorted.

    Returns:
        Ascending, shape (E,), float64, finite, E <= 31; empty without finite values.
    """
    finite = np.sort(values[np.isfinite(values)])
    if finite.size == 0:
        return np.empty(0)
    distinct, counts = np.unique(finite, return_counts=True)
    wanted = np.quantile(finite, SHARES, method="inverted_cdf")
    atoms = distinct[counts >= max(2.0, ATOM_SHARE * finite.size)]
    low, high = _cell_of_atom(atoms)
    plain = wanted[~np.isin(wanted, atoms)]
    return _thinned(np.unique(np.concatenate([plain, low, high])), finite)


def _cell_of_atom(atoms: F64) -> tuple[F64, F64]:
    with np.errstate(over="ignore"):
        single = atoms.astype(np.float32).astype(np.float64)
        single = np.where(np.isfinite(single), single, atoms)
        above: F64 = np.nextafter(np.maximum(atoms, single), np.inf)
    low: F64 = np.minimum(atoms, single)
    return low[np.isfinite(above)], above[np.isfinite(above)]


def _thinned(edges: F64, finite: F64) -> F64:
    """At most 31 edges: those beside an empty gap go first, then those that part the fewest values."""
    cells: I64 = np.diff(np.searchsorted(finite, edges, side="left"), prepend=0, append=finite.size)
    while edges.size > EDGES:
        joined = cells[:-1] + cells[1:]
        gap = np.minimum(cells[:-1], cells[1:]) == 0
        inner = np.arange(edges.size)
        ends = (inner == 0) | (inner == edges.size - 1)  # where the reference ends; never dropped
        order = np.lexsort((inner, joined, ~gap, ends))
        drop = int(order[0])
        cells[drop] += cells[drop + 1]
        cells = np.delete(cells, drop + 1)
        edges = np.delete(edges, drop)
    return edges
