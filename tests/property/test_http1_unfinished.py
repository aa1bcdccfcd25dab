"""What is refused of an unfinished head is what would be refused of the whole one, with the same status."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.config.model import Config
from sidecar.config.traffic import LimitsConfig
from sidecar.errors import WireError
from sidecar.http1.request import parse_request_head
from sidecar.http1.rules import RequestRules
from sidecar.http1.unfinished import check_unfinished

LIMITS = LimitsConfig(target_bytes=24)
RULES = RequestRules.of(Config(limits=LIMITS))
METHODS = st.sampled_from(["GET", "get", "OPTIONS", "CONNECT", "PRI", "M-SEARCH", "", "G T", "A" * 33])
TARGETS = st.one_of(
    st.sampled_from(["/", "*", "m", "http://m/x", "/a#b", "/" + "a" * 24, "/" + "a" * 23]),
    st.text(alphabet="/ab#\x01\xff .:", max_size=8),
)
VERSIONS = st.sampled_from(
    ["HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "", "HTTP/1.1 ", "HTTP/11"]
)
BLANKS = st.sampled_from([" ", " ", " ", "  ", "\t", ""])
ENDS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n"])


def status_of(raw: bytes) -> int:
    try:
        parse_request_head(raw.removeprefix(b"\r\n"), RULES)
    except WireError as exc:
        return exc.status_hint
    return 200


def early_status(raw: bytes) -> int:
    """Of the first beginning that is refused; 200 when none is."""
    for n_bytes in range(1, len(raw)):
        try:
            check_unfinished(raw[:n_bytes], LIMITS)
        except WireError as exc:
            return exc.status_hint
    return 200


@given(st.sampled_from(["", "\r\n"]), METHODS, BLANKS, TARGETS, BLANKS, VERSIONS, ENDS)
@settings(max_examples=1500, deadline=None)
@example("", "GET", " ", "/", " ", "HTTP/1.1", "\r\n")
def test_early_and_late_agree(
    front: str, method: str, blank: str, target: str, gap: str, version: str, end: str
) -> None:
    raw = f"{front}{method}{blank}{target}{gap}{version}{end}Host: m\r\n\r\n".encode("latin-1")
    late, early = status_of(raw), early_status(raw)
    if early == 414:
        assert late >= 400  # too long already; what comes behind is not looked at
    else:
        assert early == late


@given(st.binary(max_size=40))
def test_garbage_is_refused_early_only_if_late_too(garbage: bytes) -> None:
    raw = garbage.replace(b"\r\n\r\n", b"") + b"\r\n\r\n"
    if early_status(raw) != 200:
        assert status_of(raw) != 200
