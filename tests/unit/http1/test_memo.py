from __future__ import annotations

from sidecar.http1.memo import HeadMemo


def test_what_was_kept_is_found() -> None:
    memo: HeadMemo[bytes, int] = HeadMemo(generation=2)
    memo.keep(b"a", 1)
    assert (memo.find(b"a"), memo.find(b"b")) == (1, None)


def test_what_is_asked_for_survives_and_the_rest_is_forgotten() -> None:
    memo: HeadMemo[bytes, int] = HeadMemo(generation=2)
    for number in range(10):
        memo.keep(b"%d" % number, number)
        memo.find(b"0")
    assert memo.find(b"0") == 0
    assert memo.find(b"1") is None


def test_memory_is_bounded() -> None:
    memo: HeadMemo[bytes, int] = HeadMemo(generation=3)
    for number in range(1000):
        memo.keep(b"%d" % number, number)
    assert sum(memo.find(b"%d" % number) is not None for number in range(1000)) <= 6
