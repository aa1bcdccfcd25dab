from __future__ import annotations

import pytest

from sidecar.http1.trace import parse_traceparent

TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"


def test_a_known_one() -> None:
    parent = parse_traceparent([b"00-" + TRACE + b"-" + SPAN + b"-00"])
    assert parent is not None
    assert (parent.trace_hex, parent.flags) == (TRACE, 0)


def test_a_later_version_may_say_more() -> None:
    assert parse_traceparent([b"01-" + TRACE + b"-" + SPAN + b"-01-more"]) is not None


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b""],
        [b"00-" + TRACE + b"-" + SPAN + b"-01"] * 2,
        [b"ff-" + TRACE + b"-" + SPAN + b"-01"],
        [b"00-" + TRACE + b"-" + SPAN + b"-01-more"],
        [b"00-" + b"0" * 32 + b"-" + SPAN + b"-01"],
        [b"00-" + TRACE + b"-" + b"0" * 16 + b"-01"],
        [b"00-" + TRACE.upper() + b"-" + SPAN + b"-01"],
        [b"00-" + TRACE + b"-" + SPAN],
    ],
)
def test_anything_illegal_counts_as_absent(values: list[bytes]) -> None:
    assert parse_traceparent(values) is None
