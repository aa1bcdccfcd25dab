from __future__ import annotations

import pytest

from sidecar.http1.fields import connection_tokens
from sidecar.http1.hop import hop_lines, trailer_lines, upgrade_of, wants_trailers
from sidecar.http1.syntax import split_fields


def upgrade(*lines: bytes) -> bytes:
    fields = split_fields(list(lines), "downstream", 99)
    return upgrade_of(fields, connection_tokens(fields))


@pytest.mark.parametrize(
    ("lines", "protocols"),
    [
        ((b"Connection: Upgrade", b"Upgrade: websocket"), b"websocket"),
        ((b"Connection: keep-alive, upgrade", b"Upgrade: a/1, b"), b"a/1, b"),
        ((b"Connection: upgrade", b"Upgrade: a", b"Upgrade: b"), b"a, b"),
        ((b"Upgrade: websocket",), b""),
        ((b"Connection: upgrade",), b""),
        ((b"Connection: upgrade", b"Upgrade:"), b""),
        ((b"Connection: upgrade", b"Upgrade: a b"), b""),
        ((b"Connection: upgrade", b"Upgrade: websocket,"), b""),
        ((b"Connection: upgrade", b"Upgrade: h2c"), b""),
        ((b"Connection: upgrade", b"Upgrade: H2C, websocket"), b"websocket"),
        ((b"Connection: upgrade", b"Upgrade: h2c/1"), b""),
    ],
)
def test_upgrades(lines: tuple[bytes, ...], protocols: bytes) -> None:
    assert upgrade(*lines) == protocols


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ((b"TE: trailers",), True),
        ((b"TE: gzip;q=0.5 , Trailers",), True),
        ((b"TE: gzip", b"TE: trailers"), True),
        ((b"TE: gzip",), False),
        ((b"TE: trailers;q=0",), False),
        ((), False),
    ],
)
def test_trailers_are_wanted(lines: tuple[bytes, ...], wanted: bool) -> None:
    assert wants_trailers(split_fields(list(lines), "downstream", 99)) is wanted


def test_lines_for_the_next_hop() -> None:
    assert hop_lines(b"", False) == b""
    assert hop_lines(b"", True) == b"connection: te\r\nte: trailers\r\n"
    assert hop_lines(b"a", False) == b"connection: upgrade\r\nupgrade: a\r\n"
    assert hop_lines(b"a", True) == b"connection: upgrade, te\r\nupgrade: a\r\nte: trailers\r\n"


def test_trailer_headers_name_fields_or_end_here() -> None:
    fields = split_fields([b"Trailer: X-A , X-B", b"Trailer: a b", b"Trailer:"], "downstream", 99)
    assert trailer_lines(fields) == b"trailer: X-A , X-B\r\n"
