from __future__ import annotations

import pytest

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import BadHead, TargetTooLong
from sidecar.http1.target import check_length, is_authority, parse_target


@pytest.mark.parametrize(
    ("method", "target", "origin", "authority"),
    [
        (b"GET", b"/", b"/", None),
        (b"GET", b'/a%20b?q={"x"}|^`\\', b'/a%20b?q={"x"}|^`\\', None),
        (b"GET", b"//a/b", b"//a/b", None),
        (b"GET", b"/a/../b/./c?../../%zz%00", b"/a/../b/./c?../../%zz%00", None),
        (b"GET", b"/%2e%2Ex/a%2fb/%2E%2e/c", b"/%2e%2Ex/a%2fb/%2E%2e/c", None),
        (b"OPTIONS", b"*", b"*", None),
        (b"GET", b"http://m", b"/", b"m"),
        (b"GET", b"HTTP://m:80/", b"/", b"m:80"),
        (b"GET", b"https://[::1]:443/a?b", b"/a?b", b"[::1]:443"),
        (b"GET", b"http://m?q", b"/?q", b"m"),
        (b"OPTIONS", b"http://m", b"*", b"m"),
        (b"OPTIONS", b"http://m/", b"/", b"m"),
    ],
)
def test_legal_forms(method: bytes, target: bytes, origin: bytes, authority: bytes | None) -> None:
    assert parse_target(method, target) == (origin, authority)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"GET", b"*"),
        (b"GET", b"m"),
        (b"GET", b"m:443"),
        (b"GET", b"/a#b"),
        (b"GET", b"http://m/a#b"),
        (b"GET", b"/\xc3\xa9"),
        (b"GET", b"http://"),
        (b"GET", b"http:///a"),
        (b"GET", b"http:/m"),
        (b"GET", b"http://user@m/"),
        (b"GET", b"http://user:secret@m/"),
        (b"GET", b"http://m:99999/"),
        (b"GET", b"http://m:/"),
        (b"GET", b"ftp://m/"),
        (b"GET", b"ws://m/"),
        (b"GET", b"http://m\\x/"),
    ],
)
def test_illegal_forms(method: bytes, target: bytes) -> None:
    with pytest.raises(BadHead) as caught:
        parse_target(method, target)
    assert (caught.value.status_hint, str(caught.value)) == (
        400,
        "target: expected a path or an http URL of visible ASCII without fragment",
    )


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (b"/..", "target: expected a path below the root, got one above it"),
        (b"/a/../..", "target: expected a path below the root, got one above it"),
        (b"//..", "target: expected a path below the root, got one above it"),
        (b"/a/%2e%2E/.%2e/b?q", "target: expected a path below the root, got one above it"),
        (b"http://m/..", "target: expected a path below the root, got one above it"),
        (b"/%", "target: expected % with two hex digits but 00, got something else"),
        (b"/a%20b%2", "target: expected % with two hex digits but 00, got something else"),
        (b"/%zz", "target: expected % with two hex digits but 00, got something else"),
        (b"/%20%00", "target: expected % with two hex digits but 00, got something else"),
        (b"http://m/%?", "target: expected % with two hex digits but 00, got something else"),
    ],
)
def test_paths_that_nginx_refuses_too(target: bytes, message: str) -> None:
    with pytest.raises(BadHead) as caught:
        parse_target(b"GET", target)
    assert (caught.value.status_hint, str(caught.value)) == (400, message)


@pytest.mark.parametrize(
    "value",
    [b"m", b"m:1", b"a-b.c_d", b"a.b.", b"127.0.0.1:65535", b"[::1]", b"[::ffff:1.2.3.4]:9", b"a%20b"],
)
def test_authorities(value: bytes) -> None:
    assert is_authority(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":1",
        b"m:",
        b"m:65536",
        b"m:x",
        b"m/x",
        b"u@m",
        b"m, n",
        b"m n",
        b"[::1",
        b"::1",
        b"[m]",
        b"m\\",
        b".",
        b"a..b",
        b".a",
        b"a,b",
        b"m%zz",
        b"\xff",
    ],
)
def test_what_is_no_authority(value: bytes) -> None:
    assert not is_authority(value)


def test_the_longest_target_is_allowed_and_a_longer_one_is_not() -> None:
    limits = LimitsConfig(target_bytes=10)
    check_length(b"/" * 10, limits)
    with pytest.raises(TargetTooLong) as caught:
        check_length(b"/" * 11, limits)
    assert (caught.value.status_hint, str(caught.value)) == (414, "target: expected at most 10 bytes, got 11")
