"""What the C library does with memory that is free again.

As it comes, glibc moves its limits by what it sees freed, which serves neither a worker nor the monitor well.
Other C libraries have no such limits to set, and nothing is done there.

* **A worker keeps it,** for the next body will want as much. Every read of a body is a block of up to 256 KB,
  freed as soon as it has been forwarded; the end of the heap goes back to the system whenever more than some
  hundred kilobytes of it are free, and is taken again for the next body: each page of it is then faulted in
  and cleared anew. For bodies of 150 KB on 16 connections that were 25 faults a request, and a third of a
  worker's time.
* **The monitor returns large blocks.** glibc maps such a block by itself, so that freeing it returns it at
  once; but with each one that is freed it takes more for ordinary, up to 32 MiB, which then lie in the heap,
  where a small block behind them keeps them resident. The monitor's arrays are large, come and go four times
  a second, and have small objects between them: of 1,000 features it held 30 MB more than it used. The price
  is that such blocks are mapped anew each time: 3 ms a report on 1,000 features, nothing below some 70, whose
  arrays are smaller.
"""

from __future__ import annotations

import ctypes
from typing import Final

KEPT_BYTES: Final = 8_388_608  # 2 MiB are too few for bodies of 150 KB on 16 connections, 4 MiB just enough
MAPPED_BYTES: Final = 1_048_576  # no read and no connection's buffer is as long by default
LARGE_BYTES: Final = 524_288
TRIM_BYTES: Final = 131_072  # glibc's own, as long as nobody moves it

_M_TRIM_THRESHOLD: Final = -1  # of <malloc.h>
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> None:
    """Gives memory at the heap's end back to the system only when more than `KEPT_BYTES` of it are free, and
    takes blocks below `MAPPED_BYTES` from the heap; for this process, and as long as it lives."""
    _set_limits(KEPT_BYTES, MAPPED_BYTES)


def return_large_blocks() -> None:
    """Gives blocks from `LARGE_BYTES` on back as soon as they are freed; for this process likewise."""
    _set_limits(TRIM_BYTES, LARGE_BYTES)


def _set_limits(trim_bytes: int, mapped_bytes: int) -> None:
    """Setting one of them ends glibc's own guessing of both."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, trim_bytes)
        mallopt(_M_MMAP_THRESHOLD, mapped_bytes)
