"""A request's head: parsed once, strictly, into everything that forwarding and recording it need."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.config.routes import RoutePolicy
from sidecar.errors import BadFraming, BadHead, BodyTooLarge
from sidecar.http1.fields import (
    CHUNKED,
    connection_tokens,
    declared_length,
    forwarded_lines,
    recorded_lines,
    values_of,
)
from sidecar.http1.hop import hop_lines, trailer_lines, upgrade_of, wants_trailers
from sidecar.http1.rules import RequestRules
from sidecar.http1.syntax import VISIBLE, Field, check_with_llhttp, split_fields, split_request_line
from sidecar.http1.target import check_length, is_authority, parse_target
from sidecar.http1.trace import TraceParent, parse_traceparent

REWRITTEN = frozenset((b"traceparent", b"x-request-id", b"x-forwarded-for", b"expect"))
# What callers say of who came before them, when they are not believed; X-Forwarded-* goes too.
_REPLACED = REWRITTEN | {b"forwarded", b"x-real-ip"}
MAX_PASSED = 10  # sidecars in a row; a mesh has two or three, a loop has no end
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"))  # RFC 9110 section 9.2.2
_LONGEST_ID = 256


@dataclass(slots=True, init=False)  # never changed once made; a generated __init__ would not be compiled
class RequestHead:
    """What a request's head says.

    Attributes:
        method: as sent.
        target: the request target in origin form (or `*`), as it goes on; never with a user in it.
        body_length: bytes (0 when there is no body), or `CHUNKED`.
        keep_alive: whether the caller's connection may be used again.
        says_keep_alive: HTTP/1.0 with `Connection: keep-alive`: the answer must say so too.
        chunks_allowed: whether the caller understands a chunked answer (HTTP/1.1).
        is_head: method HEAD: the answer has no body whatever its head says.
        idempotent: whether the request may be sent twice (RFC 9110 section 9.2.2).
        expects_continue: `Expect: 100-continue`, and there is a body to wait with.
        forwarded: request line and the header lines that go on, without the final empty line.
        forwarded_for: the caller's X-Forwarded-For with ", " behind it, or empty.
        request_id: the caller's X-Request-Id, or None.
        parent: the caller's span, or None.
        recorded: the head for the ring, credentials cut out.
        policy: what holds for its path.
        upgrade: the protocols asked for instead of HTTP/1.1, as forwarded; empty for none.
    """

    method: bytes
    target: bytes
    body_length: int
    keep_alive: bool
    says_keep_alive: bool
    chunks_allowed: bool
    is_head: bool
    idempotent: bool
    expects_continue: bool
    forwarded: bytes
    forwarded_for: bytes
    request_id: bytes | None
    parent: TraceParent | None
    recorded: bytes
    policy: RoutePolicy
    upgrade: bytes

    def __init__(
        self,
        method: bytes,
        target: bytes,
        body_length: int,
        keep_alive: bool,
        says_keep_alive: bool,
        chunks_allowed: bool,
        is_head: bool,
        idempotent: bool,
        expects_continue: bool,
        forwarded: bytes,
        forwarded_for: bytes,
        request_id: bytes | None,
        parent: TraceParent | None,
        recorded: bytes,
        policy: RoutePolicy,
        upgrade: bytes,
    ) -> None:
        self.method = method
        self.target = target
        self.body_length = body_length
        self.keep_alive = keep_alive
        self.says_keep_alive = says_keep_alive
        self.chunks_allowed = chunks_allowed
        self.is_head = is_head
        self.idempotent = idempotent
        self.expects_continue = expects_continue
        self.forwarded = forwarded
        self.forwarded_for = forwarded_for
        self.request_id = request_id
        self.parent = parent
        self.recorded = recorded
        self.policy = policy
        self.upgrade = upgrade


def parse_request_head(raw: bytes, rules: RequestRules) -> RequestHead:
    """Parses a request's head strictly.

    Args:
        raw: the head from its first byte to the empty line, both included.
        rules: what holds for every request.

    Raises:
        BadHead, BadFraming, TargetTooLong, HeadTooLarge, BodyTooLarge: with the status that answers it.
    """
    first, *lines = raw[:-4].split(b"\r\n")
    method, sent_target, minor = split_request_line(first)
    check_length(sent_target, rules.limits)
    target = parse_target(method, sent_target)
    fields = split_fields(lines, "downstream", rules.limits.headers)
    host = _host(fields, minor, target.authority)
    policy = rules.policies.find(target.origin)
    body_length = _body_length(fields, method, minor, policy.body_bytes)
    tokens = connection_tokens(fields)
    check_with_llhttp(raw, fields, "downstream")
    _check_loop(fields)
    if any(token.startswith(b"x-forwarded-") for token in tokens):
        raise BadHead("downstream", 400, "connection: expected no X-Forwarded header named, got one")
    expects_continue = minor == 1 and _expects_continue(fields) and body_length != 0
    upgrade = upgrade_of(fields, tokens) if minor == 1 and body_length == 0 else b""
    fields = _with_authority(fields, target.authority)
    ours = _own_lines(fields, host, rules) + hop_lines(upgrade, wants_trailers(fields))
    if body_length == CHUNKED:
        ours = b"transfer-encoding: chunked\r\n" + trailer_lines(fields) + ours
    if expects_continue:
        ours = b"expect: 100-continue\r\n" + ours
    rewritten = REWRITTEN if rules.trust_forwarded else _REPLACED | _forwarded_names(fields)
    request_line = method + b" " + target.origin
    return RequestHead(
        method=method,
        target=target.origin,
        body_length=body_length,
        keep_alive=b"close" not in tokens and (minor == 1 or b"keep-alive" in tokens),
        says_keep_alive=minor == 0 and b"keep-alive" in tokens,
        chunks_allowed=minor == 1,
        is_head=method == b"HEAD",
        idempotent=method in _IDEMPOTENT,
        expects_continue=expects_continue,
        forwarded=request_line + b" HTTP/1.1\r\n" + forwarded_lines(fields, tokens, rewritten) + ours,
        forwarded_for=_forwarded_for(fields) if rules.trust_forwarded else b"",
        request_id=read_request_id(values_of(fields, b"x-request-id")),
        parent=parse_traceparent(values_of(fields, b"traceparent")),
        recorded=request_line + first[-9:] + b"\r\n" + recorded_lines(fields, rules.redacted) + b"\r\n",
        policy=policy,
        upgrade=upgrade,
    )


def read_request_id(values: list[bytes]) -> bytes | None:
    """The caller's request id, if there is one that can be passed on.

    Args:
        values: every X-Request-Id of the head.
    """
    if len(values) != 1 or not 0 < len(values[0]) <= _LONGEST_ID:
        return None
    return None if values[0].translate(None, VISIBLE) else values[0]


def _host(fields: tuple[Field, ...], minor: int, authority: bytes | None) -> bytes | None:
    """Whom the caller addressed: the target's authority before Host (RFC 9112 section 3.2.2); None for an old
    caller that did not say."""
    hosts = values_of(fields, b"host")
    if len(hosts) > 1 or (not hosts and minor == 1):
        raise BadHead("downstream", 400, f"host: expected one Host header, got {len(hosts)}")
    if hosts and not is_authority(hosts[0]):
        raise BadHead("downstream", 400, "host: expected a host name or address with an optional port")
    return authority or (hosts[0] if hosts else None)


def _with_authority(fields: tuple[Field, ...], authority: bytes | None) -> tuple[Field, ...]:
    """The header lines with the target's authority in Host's place; the caller may have sent no Host."""
    if authority is None:
        return fields
    line = (b"host", authority, b"Host: " + authority + b"\r\n")
    if not values_of(fields, b"host"):
        return (line, *fields)
    return tuple(line if field[0] == b"host" else field for field in fields)


def _check_loop(fields: tuple[Field, ...]) -> None:
    """A request that sidecars have passed on so often goes round in a circle (RFC 9110 section 7.6.3)."""
    passed = sum(via.count(b"1.1 sidecar") for via in values_of(fields, b"via"))
    if passed > MAX_PASSED:
        raise BadHead(
            "downstream", 508, f"via: expected at most {MAX_PASSED} sidecars before this one, got {passed}"
        )


def _body_length(fields: tuple[Field, ...], method: bytes, minor: int, limit_bytes: int) -> int:
    length = declared_length(fields, "downstream") or 0
    if length == CHUNKED and minor == 0:
        raise BadFraming("downstream", 400, "transfer-encoding: expected HTTP/1.1, got HTTP/1.0")
    if length and method == b"TRACE":
        raise BadFraming("downstream", 400, "body: expected none with TRACE, got one")
    if length > limit_bytes:
        raise BodyTooLarge(
            "downstream", 413, f"content-length: expected at most {limit_bytes} bytes, got {length}"
        )
    return length


def _expects_continue(fields: tuple[Field, ...]) -> bool:
    expectations = values_of(fields, b"expect")
    if not expectations:
        return False
    if len(expectations) > 1 or expectations[0].lower() != b"100-continue":
        raise BadHead("downstream", 417, "expect: expected '100-continue', got something else")
    return True


def _forwarded_for(fields: tuple[Field, ...]) -> bytes:
    callers = b", ".join(value for value in values_of(fields, b"x-forwarded-for") if value)
    return callers + b", " if callers else b""


def _forwarded_names(fields: tuple[Field, ...]) -> frozenset[bytes]:
    return frozenset(name for name, _, _ in fields if name.startswith(b"x-forwarded-"))


def _own_lines(fields: tuple[Field, ...], host: bytes | None, rules: RequestRules) -> bytes:
    """The lines that do not change with the connection. Via is a list: a line of ours behind theirs appends
    to it."""
    lines = b"" if host is not None else b"host: " + rules.host + b"\r\n"
    trusted = rules.trust_forwarded
    if host is not None and not (trusted and values_of(fields, b"x-forwarded-host")):
        lines += b"x-forwarded-host: " + host + b"\r\n"
    if not (trusted and values_of(fields, b"x-forwarded-proto")):
        lines += b"x-forwarded-proto: " + rules.scheme + b"\r\n"
    return lines + b"via: 1.1 sidecar\r\n"
