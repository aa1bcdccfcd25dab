"""What is plain of a request before its head is whole: why wait for the rest of what can never be legal."""

from __future__ import annotations

import re

from sidecar.config.traffic import LimitsConfig
from sidecar.errors import BadHead, HeadTooLarge, TargetTooLong
from sidecar.http1.preface import HTTP2_PREFACE
from sidecar.http1.syntax import METHOD, split_request_line
from sidecar.http1.target import check_length, parse_target

_TLS = (b"\x16", b"\x80")
# Any beginning of a request line, up to a digit of its version; which are legal is said of whole lines.
_BEGINNING = re.compile(
    METHOD
    + rb"(?: (?:([!-~\x80-\xff]+)(?: (?:H(?:T(?:T(?:P(?:/(?:[0-9](?:\.(?:[0-9]\r?)?)?)?)?)?)?)?)?)?)?)?"
)


def check_unfinished(data: bytes, limits: LimitsConfig) -> None:
    """Refuses the beginning of a request that cannot become a legal one; else does nothing.

    Args:
        data: all bytes of the request so far; the empty line that ends the head is not among them.
        limits: what a caller may send.

    Raises:
        BadHead: the first line is none of HTTP/1.x's (505 for another version, 501 for CONNECT, else 400).
        TargetTooLong: the target is longer than the limit (414).
        HeadTooLarge: all of it is (431).
    """
    if data[:1] in _TLS:
        raise BadHead("downstream", 400, "head: expected HTTP, got what looks like TLS")
    if HTTP2_PREFACE.startswith(data):
        return
    rest = data.removeprefix(b"\r\n")
    line, ended, _ = rest.partition(b"\r\n")
    if ended:
        method, target, _minor = split_request_line(line)
        check_length(target, limits)
        parse_target(method, target)
    elif rest and data != b"\r":
        _check_line(line, limits)
    if len(data) > limits.head_bytes:
        raise HeadTooLarge("downstream", 431, f"head: expected at most {limits.head_bytes} bytes, got more")


def _check_line(line: bytes, limits: LimitsConfig) -> None:
    match = _BEGINNING.fullmatch(line)
    if match is None:
        raise BadHead("downstream", 400, "head: expected 'METHOD target HTTP/1.1', got something else")
    if len(match[1] or b"") > limits.target_bytes:
        raise TargetTooLong(
            "downstream", 414, f"target: expected at most {limits.target_bytes} bytes, got more"
        )
