from __future__ import annotations

from collections.abc import Iterator

import numba
import pytest
from numba.core.errors import NumbaError

from kernels.jit import KERNELS, kernel

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="nothing is compiled")


@pytest.fixture(autouse=True)
def _unregistered() -> Iterator[None]:
    before = dict(KERNELS)
    yield
    KERNELS.clear()
    KERNELS.update(before)


def test_a_kernel_that_allocates_does_not_compile():
    def doubled(values):
        return (values + values)[0]

    with pytest.raises(NumbaError, match="NRT required but not enabled"):
        kernel("f8(f8[::1])")(doubled)


def test_there_is_an_entry_for_python_and_none_for_c():
    def first(values):
        return values[0]

    (compiled,) = kernel("f8(f8[::1])")(first).overloads.values()
    parts = compiled._asdict()
    address = parts["library"].get_pointer_to_function
    assert address(parts["fndesc"].llvm_cpython_wrapper_name) != 0
    assert address(parts["fndesc"].llvm_cfunc_wrapper_name) == 0
