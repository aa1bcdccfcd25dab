from __future__ import annotations

from collections.abc import Callable

import pytest

from sidecar.recording.records import Exchange, Reply

Make = Callable[..., Exchange]


@pytest.fixture
def exchange() -> Make:
    """Makes the record of an exchange."""

    def make(number: int = 1, body: bytes = b'{"inputs": []}') -> Exchange:
        headers = {"content-type": "application/json"}
        primary = Reply(200, headers, b"\x00\xff" + body, 0.0125)
        return Exchange(number, 10**18 + number, b"12345678", "POST", "/v2/m?x=1", headers, body, primary)

    return make
