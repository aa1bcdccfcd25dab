from __future__ import annotations

import numpy as np

from sidecar.profile.block import Block, Wanted
from sidecar.profile.cells import Cells


def test_positions_are_those_of_the_columns_unless_told():
    columns = {"b": Cells(np.zeros(1)), "a": Cells(np.zeros(1))}
    assert Block(0, 1, columns).placed() == {"b": 0, "a": 1}
    assert Block(0, 1, columns, {"a": 0, "b": 0}).placed() == {"a": 0, "b": 0}


def test_which_columns_are_taken():
    assert Wanted().takes("any")
    some = Wanted(frozenset({"a"}))
    assert some.takes("a")
    assert not some.takes("b")
