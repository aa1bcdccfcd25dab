from __future__ import annotations

import pytest

from sidecar.payload.message import REQUEST_ID_HEADERS, find_request_id


def test_no_headers_no_id() -> None:
    assert find_request_id({}) is None
    assert find_request_id({"host": "h"}) is None


@pytest.mark.parametrize("at", range(len(REQUEST_ID_HEADERS)))
def test_the_most_explicit_header_wins(at: int) -> None:
    headers = {name: f"from {name}" for name in REQUEST_ID_HEADERS[at:]}
    assert find_request_id(headers) == f"from {REQUEST_ID_HEADERS[at]}"


def test_an_empty_header_is_passed_over() -> None:
    assert find_request_id({"x-request-id": "", "ce-id": "e"}) == "e"
