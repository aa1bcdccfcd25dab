"""One side of an exchange, as the decoders take it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from sidecar.payload.columns import Direction


class Message(Struct, frozen=True, gc=False):
    """A request, or a response together with the path that it answers.

    Args:
        direction: which side of the exchange it is.
        method: method of the request, also for a response; upper case.
        path: path of the request, also for a response, without query; "" when it is not known, and then the
            body's shape decides the protocol.
        headers: headers of this message, names in lower case.
        body: as it was on the wire, perhaps gzip or deflate, with the chunked coding removed.
    """

    direction: Direction
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


# In order of precedence: what names the exchange most explicitly comes first.
REQUEST_ID_HEADERS = (
    "x-request-id",
    "ce-id",
    "seldon-puid",
    "x-amzn-sagemaker-inference-id",
    "x-correlation-id",
)


def find_request_id(headers: Mapping[str, str]) -> str | None:
    """The identity that the headers give an exchange, if any.

    Args:
        headers: names in lower case.

    Returns:
        The first header of `REQUEST_ID_HEADERS` that is there and not empty, or None.
    """
    if not headers:
        return None
    for name in REQUEST_ID_HEADERS:
        value = headers.get(name)
        if value:
            return value
    return None
