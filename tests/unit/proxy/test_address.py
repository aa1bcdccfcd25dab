from __future__ import annotations

import pytest

from sidecar.proxy.address import packed_address


@pytest.mark.parametrize(
    ("host", "packed"),
    [
        ("10.1.2.3", b"\0" * 10 + b"\xff\xff\x0a\x01\x02\x03"),
        ("::ffff:10.1.2.3", b"\0" * 10 + b"\xff\xff\x0a\x01\x02\x03"),
        ("2001:db8::1", bytes.fromhex("20010db8000000000000000000000001")),
        ("fe80::1%eth0", bytes.fromhex("fe800000000000000000000000000001")),
        ("", bytes(16)),
        ("/run/caller.sock", bytes(16)),
        ("1.2.3", bytes(16)),
    ],
)
def test_an_address_is_sixteen_bytes_whatever_its_family(host: str, packed: bytes) -> None:
    assert packed_address(host) == packed
