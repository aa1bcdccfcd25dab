"""Atomic loads and stores of int64 array elements, by LLVM's own atomics.

    load_acquire   nothing that follows it is done before it        x86-64: mov     arm64: ldar
    store_release  nothing that precedes it is done after it        x86-64: mov     arm64: stlr
    fence          nothing crosses it, but that a load may pass     x86-64: -       arm64: dmb ish
                   an earlier store

An ordinary `array[i]` in a kernel would not do: the compiler may hold it in a register, move it or drop it,
and arm64 may show stores to another core in another order. Callable from kernels only.

With NUMBA_DISABLE_JIT=1 they are plain element accesses: right for one thread, which is what that mode is
for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic
from numpy.typing import NDArray

I64 = NDArray[np.int64]

_WORD = ir.IntType(64)  # type: ignore[no-untyped-call]
_PLAIN = bool(vars(config)["DISABLE_JIT"])


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    item: Any = cgutils.get_item_pointer
    return item(context, builder, array_type, view, [index], wraparound=False, boundscheck=False)


def _is_words(array: Any, index: Any) -> bool:
    return (
        isinstance(array, types.Array)
        and array.dtype == types.int64
        and array.ndim == 1
        and array.layout == "C"
        and isinstance(index, types.Integer)
    )


@intrinsic
def _load_acquire(_typing: Any, array: Any, index: Any) -> Any:
    if not _is_words(array, index):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        index_value = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = _pointer(context, builder, signature.args[0], arguments[0], index_value)
        return builder.load_atomic(pointer, "acquire", 8, typ=_WORD)

    return types.int64(array, index), generate


@intrinsic
def _store_release(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    if not _is_words(array, index) or not array.mutable or not isinstance(value, types.Integer):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        index_value = context.cast(builder, arguments[1], signature.args[1], types.intp)
        stored = context.cast(builder, arguments[2], signature.args[2], types.int64)
        pointer = _pointer(context, builder, signature.args[0], arguments[0], index_value)
        builder.store_atomic(stored, pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(array, index, value), generate


@intrinsic
def _fence(_typing: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        builder.fence("acq_rel")
        return context.get_dummy_value()

    return types.void(), generate


def _load_plain(words: I64, index: int) -> int:
    return int(words[index])


def _store_plain(words: I64, index: int, value: int) -> None:
    words[index] = value


def _fence_nothing() -> None:
    pass


load_acquire: Callable[[I64, int], int] = cast(Any, _load_plain if _PLAIN else _load_acquire)
"""`load_acquire(words, index) -> int`; words int64, C-contiguous, one dimension; the index is not checked."""

store_release: Callable[[I64, int, int], None] = cast(Any, _store_plain if _PLAIN else _store_release)
"""`store_release(words, index, value)`; like `load_acquire`, and the array must be writable."""

fence: Callable[[], None] = cast(Any, _fence_nothing if _PLAIN else _fence)
"""`fence()`; acquire and release, for a reader that checks afterwards whether its copy was overwritten."""
