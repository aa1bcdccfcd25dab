from __future__ import annotations

import pytest

from sidecar.config.address import (
    ListenAddress,
    TcpUpstream,
    UnixUpstream,
    host_header,
    is_loopback,
    parse_listen,
    parse_upstream,
)
from sidecar.errors import ConfigError


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
        ("http://[2001:DB8:0::1]", TcpUpstream("2001:db8::1", 80)),
        ("https://model", TcpUpstream("model", 443, tls=True)),
        ("HTTPS://Model.Internal:8443", TcpUpstream("model.internal", 8443, tls=True)),
        ("http://my_model-1:1", TcpUpstream("my_model-1", 1)),
        ("unix:/run/model.sock", UnixUpstream("/run/model.sock")),
        ("unix:///run/model.sock", UnixUpstream("/run/model.sock")),
    ],
)
def test_upstream(text: str, upstream: TcpUpstream | UnixUpstream) -> None:
    assert parse_upstream(text) == upstream


EXPECTED = "http://host:port, https://host:port or unix:/path"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ftp://x", f"{EXPECTED}, got 'ftp://x'"),
        ("http://", f"{EXPECTED}, got 'http://'"),
        ("http://x/path", f"{EXPECTED}, got 'http://x/path'"),
        ("http://x?a=1", f"{EXPECTED}, got 'http://x?a=1'"),
        ("http://user:secret@x", f"{EXPECTED}, got a URL with credentials"),
        ("http://x\n.y", f"{EXPECTED}, got 'http://x\\n.y'"),
        ("http://modèle", f"{EXPECTED}, got 'http://modèle'"),
        ("http://::1:8080", f"{EXPECTED}, got 'http://::1:8080'"),
        ("unix:", f"{EXPECTED}, got 'unix:'"),
        ("http://x:0", "a port in 1..65535, got 0"),
        ("https://x:65536", "a port in 1..65535, got 65536"),
        ("http://[::g]:1", "an IPv6 address in brackets, got '::g'"),
        ("http://[127.0.0.1]:1", "an IPv6 address in brackets, got '127.0.0.1'"),
        ("http://[fe80::1%25eth0]:1", "an IPv6 address without a zone, got 'fe80::1%25eth0'"),
        ("http://[fe80::1%eth0]:1", "an IPv6 address without a zone, got 'fe80::1%eth0'"),
    ],
)
def test_what_is_no_upstream_is_refused_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_upstream(text, "upstream")
    assert str(caught.value) == f"upstream: expected {message}"


@pytest.mark.parametrize(
    ("upstream", "host"),
    [
        ("http://model", b"model"),
        ("http://model:8080", b"model:8080"),
        ("http://model:443", b"model:443"),
        ("https://model:443", b"model"),
        ("https://model:80", b"model:80"),
        ("http://[::1]", b"[::1]"),
        ("https://[::1]:8443", b"[::1]:8443"),
        ("unix:/run/model.sock", b"localhost"),
    ],
)
def test_the_host_header_names_the_port_unless_it_is_the_schemes_own(upstream: str, host: bytes) -> None:
    assert host_header(parse_upstream(upstream)) == host


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False)]
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(ListenAddress(host, 1)) is loopback
