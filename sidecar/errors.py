"""The exception tree: everything that sidecar raises on purpose.

A message says where, what was expected and what was found, in one line without advice.
"""

from __future__ import annotations

from typing import Literal

Side = Literal["downstream", "upstream"]


class SidecarError(Exception):
    """Root of every exception that sidecar raises on purpose."""


class ConfigError(SidecarError):
    """A setting is not what it must be; the command line ends with exit code 2.

    Args:
        path: dotted path of the setting, or the file name.
        expected: what is allowed there.
        got: what was found.
    """

    def __init__(self, path: str, expected: str, got: str) -> None:
        super().__init__(f"{path}: expected {expected}, got {got}")
        self.path = path
        self.expected = expected
        self.got = got


class StartError(SidecarError):
    """The sidecar could not start (a port is taken, say); exit code 3."""


class WireError(SidecarError):
    """A peer broke HTTP/1.1.

    Args:
        side: which peer is at fault.
        status_hint: status code that answers it, when the fault is the caller's.
        reason: one line for the log and the problem document.
    """

    def __init__(self, side: Side, status_hint: int, reason: str) -> None:
        super().__init__(reason)
        self.side: Side = side
        self.status_hint = status_hint


class HeadTooLarge(WireError):
    """A head is longer than the limit."""


class TargetTooLong(WireError):
    """A request target is longer than the limit."""


class BadHead(WireError):
    """A head is malformed."""


class BadFraming(WireError):
    """The body's length cannot be known for certain."""


class BodyTooLarge(WireError):
    """A body is longer than the limit."""


class UpstreamError(SidecarError):
    """The model server could not be reached or did not answer.

    Args:
        status: 502, 503 or 504, what the caller is told.
        reason: one line for the log and the problem document.
        retry_after_s: when the caller may try again, for a 503.
    """

    def __init__(self, status: int, reason: str, retry_after_s: float = 1.0) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after_s = retry_after_s


class RingError(SidecarError):
    """A ring cannot be used."""


class LayoutMismatch(RingError):
    """The two sides of a ring do not agree on its layout."""


class SegmentGone(RingError):
    """The shared memory of a ring is not there."""


class PayloadError(SidecarError):
    """A body could not be decoded.

    Args:
        protocol: the protocol that was tried, as in the registry.
        reason: one line; never holds payload values.
    """

    def __init__(self, protocol: str, reason: str) -> None:
        super().__init__(f"{protocol}: {reason}")
        self.protocol = protocol
        self.reason = reason


class UnknownProtocol(PayloadError):
    """No decoder knows this exchange."""


class Malformed(PayloadError):
    """The body is not what its protocol asks for."""


class TooManyColumns(PayloadError):
    """A tensor has more columns than the limit."""


class BadReference(SidecarError):
    """A reference file, or the data for one, cannot be used."""


class BadSnapshot(SidecarError):
    """A snapshot cannot be used, or snapshots cannot be merged."""


class BadRecording(SidecarError):
    """Recorded traffic cannot be read."""


class ShapeMismatch(SidecarError):
    """Two arrays that must have one shape do not: a programming fault."""
