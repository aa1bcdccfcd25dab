"""Reads heads out of records: the worker has parsed them strictly, so splitting is enough. Repeated heads are
read once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from sidecar.http1.recorded import header_lines
from sidecar.payload.route import path_of

KEPT_HEADS = 2048  # of at most a few KiB each


class RequestLine(NamedTuple):
    """A request without its body.

    Attributes:
        method: upper case, as sent.
        target: as sent, with its query.
        path: of the target, without scheme, authority and query.
        protocol: such as `HTTP/1.1`.
        headers: lower-case names; repeated ones are joined by ", ".
    """

    method: str
    target: str
    path: str
    protocol: str
    headers: Mapping[str, str]


class HeadReader:
    """Remembers the heads that it has read lately."""

    def __init__(self) -> None:
        self.request = lru_cache(maxsize=KEPT_HEADS)(_read_request)
        self.response = lru_cache(maxsize=KEPT_HEADS)(header_lines)


def _read_request(raw: bytes) -> RequestLine:
    method, _, rest = raw.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target, _, protocol = rest.rpartition(" ")
    return RequestLine(method, target, path_of(target), protocol, header_lines(raw))
