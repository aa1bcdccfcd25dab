"""`sidecar warm`: importing a kernel module compiles it, or loads it from the cache."""

from __future__ import annotations

import importlib
import pkgutil

import kernels
from kernels.jit import cache_report


def warm_kernels() -> dict[str, int]:
    """Imports every kernel module.

    Returns:
        How many kernels there are, and how many signatures came from the cache or were compiled.
    """
    for module in pkgutil.iter_modules(kernels.__path__):
        importlib.import_module(f"kernels.{module.name}")
    return cache_report()
