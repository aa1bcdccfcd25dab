"""What is freed goes back to the system.

glibc maps a large block by itself, so that freeing it returns it at once; but with each such block that is
freed it takes more for ordinary, up to 32 MiB, which then lie in the heap, where a small block behind them
keeps them resident. The monitor's arrays are large, come and go four times a second, and have small objects
between them: of 1,000 features it held 30 MB more than it used. So the border stays where it is. The price is
that such blocks are mapped anew each time: 3 ms a report on 1,000 features, nothing below some 70, whose
arrays are smaller.
"""

from __future__ import annotations

import ctypes

LARGE_BYTES = 512 * 1024
TRIM_BYTES = 128 * 1024  # glibc's own, as long as nobody moves it

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h


def return_large_blocks() -> None:
    """Gives blocks from 512 KiB on back as soon as they are freed.

    Other C libraries than glibc do as they like.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
        mallopt(_TRIM_THRESHOLD, TRIM_BYTES)
