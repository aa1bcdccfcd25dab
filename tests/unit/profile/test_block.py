from __future__ import annotations

from sidecar.profile.block import Wanted


def test_which_columns_are_taken():
    assert Wanted().takes("any")
    some = Wanted(frozenset({"a"}))
    assert some.takes("a")
    assert not some.takes("b")
