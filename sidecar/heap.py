"""What the C library does with memory that is free again: keeps it, for the next body will want as much.

Every read of a body is a block of up to 256 KB, freed as soon as it has been forwarded. As it comes, glibc
gives the end of its heap back to the system whenever more than some hundred kilobytes of it are free, and
takes it again for the next body: each page of it is then faulted in and cleared anew. For bodies of 150 KB
on 16 connections that were 25 faults a request, and a third of a worker's time.

Other C libraries have no such limits to set, and nothing is done there.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

KEPT_BYTES: Final = 8_388_608  # 2 MiB are too few for bodies of 150 KB on 16 connections, 4 MiB just enough
MAPPED_BYTES: Final = 1_048_576  # no read and no connection's buffer is as long by default

_M_TRIM_THRESHOLD: Final = -1  # of <malloc.h>
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> None:
    """Gives memory at the heap's end back to the system only when more than `KEPT_BYTES` of it are free, and
    takes blocks below `MAPPED_BYTES` from the heap; for this process, and as long as it lives."""
    with contextlib.suppress(AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)  # setting one of them ends glibc's own guessing of both
