from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from numba.core import config
from numba.core.errors import TypingError

from kernels.atomics import I64, fence, load_acquire, store_release

compiled_only = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="there is no machine code to look at")


@njit
def load(words: I64, index: int) -> int:
    return load_acquire(words, index)


@njit
def store(words: I64, index: int, value: int) -> None:
    store_release(words, index, value)


@njit
def between(words: I64) -> None:
    words[0] = 1
    fence()
    words[1] = 2


@pytest.mark.parametrize("index", [0, 1, 5])
def test_they_load_and_store_the_element_asked_for(index: int) -> None:
    words = np.arange(6) * 10
    store(words, index, -(1 << 62))
    expected = np.arange(6) * 10
    expected[index] = -(1 << 62)
    np.testing.assert_array_equal(words, expected)
    assert load(words, index) == -(1 << 62)
    between(words)
    assert list(words[:2]) == [1, 2]


@compiled_only
def test_the_machine_sees_atomics() -> None:
    words = np.zeros(2, dtype=np.int64)
    load(words, 0)
    store(words, 0, 1)
    between(words)

    def llvm(function: object) -> str:
        return "\n".join(function.inspect_llvm().values())  # type: ignore[attr-defined]

    assert any("load atomic i64" in line and "acquire, align 8" in line for line in llvm(load).splitlines())
    assert any("store atomic i64" in line and "release, align 8" in line for line in llvm(store).splitlines())
    assert "fence acq_rel" in llvm(between)


@compiled_only
@pytest.mark.parametrize(
    "words", [np.zeros(4), np.zeros((2, 2), dtype=np.int64), np.zeros(4, dtype=np.int64)[::2]]
)
def test_other_arrays_do_not_compile(words: I64) -> None:
    with pytest.raises(TypingError):
        load(words, 0)
    with pytest.raises(TypingError):
        store(words, 0, 1)


@compiled_only
def test_a_read_only_array_cannot_be_stored_to() -> None:
    words = np.zeros(4, dtype=np.int64)
    words.flags.writeable = False
    assert load(words, 1) == 0
    with pytest.raises(TypingError):
        store(words, 0, 1)
