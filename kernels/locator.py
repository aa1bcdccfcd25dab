"""Finds the kernels' machine code in a cache that cannot be written to.

numba asks every cache folder whether it can be written before it reads from it, and refuses to cache at all
when none can ("no locator available"), even when a warm cache is there: in a container with a read-only file
system every start would compile anew. With `NUMBA_CACHE_LOCATOR_CLASSES=kernels.locator.BakedCacheLocator` it
takes `NUMBA_CACHE_DIR` as it is, both when an image is built and when it runs.

The stamp of a source file is a hash of its text: older numba takes the time of its last change, which image
layers round to seconds, so that a cache baked into an image would never match.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from numba.core.caching import UserProvidedCacheLocator


class BakedCacheLocator(UserProvidedCacheLocator):
    """Takes the folder for the kernels in `NUMBA_CACHE_DIR`, writable or not."""

    def ensure_cache_path(self) -> None:
        """Makes the folder where it can.

        Raises:
            OSError: there is none and it cannot be made; numba then has no cache.
        """
        Path(self.get_cache_path()).mkdir(parents=True, exist_ok=True)  # type: ignore[no-untyped-call]

    def get_source_stamp(self) -> str:
        """Hash of the source file's text."""
        return hashlib.sha256(Path(self._py_file).read_bytes()).hexdigest()
