from __future__ import annotations

import pytest

from sidecar.payload.shape import sniff, sniff_sides


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"inputs": [{"name": "x", "datatype": "FP32"}], "outputs": [{"name": "y"}]}', ("v2", "request")),
        (b'{"model_name": "m", "outputs": [{"name": "y", "datatype": "FP32"}]}', ("v2", "response")),
        (b'{"instances": [NaN]}', ("v1", "request")),
        (b'{"inputs": {"a": [1]}}', ("v1", "request")),
        (b'{"inputs": [[1]]}', ("v1", "request")),
        (b'{"predictions": []}', ("v1", "response")),
        (b'{"outputs": [1]}', ("v1", "response")),
        (b'{"outputs": "x"}', ("v1", "response")),
        (b'{"messages": []}', None),
        (b"[1]", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_shapes(body: bytes, found: tuple[str, str] | None) -> None:
    assert sniff_sides(body) == found
    for direction in ("request", "response"):
        assert sniff(body, direction) == (found[0] if found and found[1] == direction else None)
