"""Writes `kernels/search.py`: the search for a cell, unrolled.

    python -m kernels.search_source

The search has to stand in a file of its own: numba caches machine code by source file, so what `exec` made at
run time would be compiled anew at every start. It has to be unrolled, since LLVM turns the loop back into
branches, and their mispredictions cost ten times as much (22 against 3 ns a value).
"""

from __future__ import annotations

from pathlib import Path

SIZES = (8, 16, 32)  # cells; a feature with few edges (atoms, a flag) takes the shorter search
TARGET = Path(__file__).with_name("search.py")

HEAD = '''"""Which cell of ascending edges a value falls into.

Written by `python -m kernels.search_source`, which says why.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kernels.jit import kernel

F64 = NDArray[np.float64]
'''

FUNCTION = '''

@kernel(inline=True)
def cell_of_{size}(edges: F64, value: float) -> int:
    """Number of edges that are <= value, of at most {most}.

    Args:
        edges: ascending, shape (>= {most},), float64, padded with +inf.
        value: finite.

    Returns:
        The cell, 0 to {most}; at most the number of unpadded edges.
    """
    cell = np.int64(0)
{steps}
    return cell  # type: ignore[return-value]  # an int64 under the compiler and without it
'''


def search_source() -> str:
    """The module's text.

    Returns:
        Python source with one function for each of `SIZES`.
    """
    return HEAD + "".join(_function(size) for size in SIZES)


def _function(size: int) -> str:
    steps = []
    half = size // 2
    while half:
        edge = "cell" if half == 1 else f"cell + {half - 1}"
        steps.append(f"    cell += np.int64({half}) * np.int64(value >= edges[{edge}])")
        half //= 2
    return FUNCTION.format(size=size, most=size - 1, steps="\n".join(steps))


if __name__ == "__main__":
    TARGET.write_text(search_source(), encoding="utf-8")
