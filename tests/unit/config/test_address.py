from __future__ import annotations

import pytest

from sidecar.config.address import (
    ListenAddress,
    TcpUpstream,
    UnixUpstream,
    is_loopback,
    parse_listen,
    parse_upstream,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [("0.0.0.0:9000", ("0.0.0.0", 9000)), ("localhost:0", ("localhost", 0)), ("[::1]:80", ("::1", 80))],
)
def test_listen(text: str, address: tuple[str, int]) -> None:
    parsed = parse_listen(text, "listen")
    assert parsed == address
    assert str(parsed) == text


@pytest.mark.parametrize(
    ("text", "upstream"),
    [
        ("http://model:8080", TcpUpstream("model", 8080)),
        ("http://model", TcpUpstream("model", 80)),
        ("http://[::1]:8080/", TcpUpstream("::1", 8080)),
        ("unix:/run/model.sock", UnixUpstream("/run/model.sock")),
        ("unix:///run/model.sock", UnixUpstream("/run/model.sock")),
    ],
)
def test_upstream(text: str, upstream: TcpUpstream | UnixUpstream) -> None:
    assert parse_upstream(text) == upstream


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(ListenAddress(host, 1)) is loopback
