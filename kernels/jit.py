"""One decorator owns every compile flag.

Explicit signatures compile at import, so that no call ever pays for compilation; `nogil` lets the monitor's
threads run side by side; the numpy error model makes x / 0 an infinity instead of a branch that raises.
`fastmath` stays off: it may assume that NaN does not occur, and NaN is one of our lanes. Nobody calls a
kernel from C, so there is no entry for that; and none allocates, so numba's reference counts are left out,
and what would need them does not compile. Without both there is a fifth less code to load at every start,
and a call costs a quarter less.

The machine code is cached on disk, by source and signature: who changes a flag empties the cache. In a
container whose file system is read-only numba refuses to cache at all ("no locator available"), even when a
warm cache is there; then the kernel is compiled in memory: slower to start, same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

KERNELS: dict[str, Any] = {}


def kernel(*signatures: str, inline: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function for the given numba signatures.

    Args:
        signatures: at least one numba signature, such as `"void(f8[::1], i8[::1])"`; none for a kernel that
            is only called from other kernels (compiled with its caller). One for read-only arrays,
            `"void(Array(f8, 1, 'C', True))"`, takes writable ones as well, at no cost to the call: a second
            one would only be loaded at every start.
        inline: whether LLVM must inline it into its callers.

    Returns:
        A decorator; the compiled function is also entered in `KERNELS` by its qualified name.
    """

    def compile_kernel(function: Callable[P, R]) -> Callable[P, R]:
        compiled = _compile(function, list(signatures), inline)
        KERNELS[f"{function.__module__}.{function.__name__}"] = compiled
        return cast(Callable[P, R], compiled)

    return compile_kernel


def _compile(function: Callable[..., Any], signatures: list[str], inline: bool) -> Any:
    flags: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "boundscheck": None,
        "no_cfunc_wrapper": True,
        "_nrt": False,
    }
    if inline:
        flags["forceinline"] = True
    compile_with: Any = numba.njit  # its stubs know no mixture of these arguments
    arguments = (signatures,) if signatures else ()
    try:
        return compile_with(*arguments, cache=bool(signatures), **flags)(function)
    except (RuntimeError, OSError) as exc:  # numba's words for a cache that cannot be written
        if isinstance(exc, RuntimeError) and "cannot cache" not in str(exc):
            raise
        return compile_with(*arguments, cache=False, **flags)(function)


def cache_report() -> dict[str, int]:
    """Counts how many compiled signatures came from the disk cache.

    Returns:
        `{"kernels": n, "hits": n, "misses": n}`.
    """
    report = {"kernels": 0, "hits": 0, "misses": 0}
    for compiled in KERNELS.values():
        stats = getattr(compiled, "stats", None)  # absent under NUMBA_DISABLE_JIT=1
        if stats is None:
            continue
        report["kernels"] += 1
        report["hits"] += sum(stats.cache_hits.values())
        report["misses"] += sum(stats.cache_misses.values())
    return report
