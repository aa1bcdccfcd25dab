"""What a worker's requests are read by: everything beside the bytes that a parsed head depends on."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.config.address import host_header, parse_upstream
from sidecar.config.model import Config
from sidecar.config.routes import RoutePolicies
from sidecar.config.traffic import LimitsConfig
from sidecar.http1.fields import REDACTED


@dataclass(frozen=True, slots=True)
class RequestRules:
    """What holds for every request of a worker.

    Attributes:
        limits: what a caller may send; the longest body is the policy's.
        host: what Host says when an HTTP/1.0 caller sent none.
        scheme: `http` or `https`, for X-Forwarded-Proto.
        trust_forwarded: whether X-Forwarded-* of callers are believed and appended to, or replaced.
        redacted: lower-case names of headers that never enter the ring.
        policies: what holds for which path.
    """

    limits: LimitsConfig
    host: bytes
    scheme: bytes
    trust_forwarded: bool
    redacted: frozenset[bytes]
    policies: RoutePolicies

    @classmethod
    def of(cls, config: Config) -> RequestRules:
        """The rules that the settings ask for."""
        return cls(
            limits=config.limits,
            host=host_header(parse_upstream(config.upstream)),
            scheme=b"http" if config.tls.certificate is None else b"https",
            trust_forwarded=config.trust_forwarded,
            redacted=redacted_names(config),
            policies=RoutePolicies(config),
        )


def redacted_names(config: Config) -> frozenset[bytes]:
    """Lower-case names of the headers that never enter the ring, of requests and of responses."""
    return REDACTED | {name.strip().lower().encode() for name in config.tap.redact_headers}
