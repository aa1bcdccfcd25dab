from __future__ import annotations

import pytest

from sidecar.mirror.request import copy_request

TRACE, PRIMARY, SPAN = bytes(range(16)), bytes(range(8)), bytes(range(8, 16))


def copied(headers, target="/v2/models/m/infer?x=1", host=None, added=None):
    return copy_request(
        "POST",
        target,
        headers,
        b"{}",
        shadow="candidate",
        host=host,
        added=added or {},
        trace_id=TRACE,
        primary_span_id=PRIMARY,
        span_id=SPAN,
    )


def test_the_caller_s_headers_are_kept():
    headers = {"content-type": "application/json", "x-request-id": "7", "accept": "*/*"}
    copy = copied(headers)
    assert headers.items() <= copy.headers.items()
    assert (copy.method, copy.target, copy.body) == ("POST", "/v2/models/m/infer?x=1", b"{}")


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "te",
        "expect",
        "content-length",
        "upgrade",
    ],
)
def test_credentials_and_what_is_for_one_hop_are_left_out(name):
    assert name not in copied({name: "x"}).headers


def test_what_connection_names_is_for_one_hop():
    assert "x-hop" not in copied({"connection": "close, X-Hop", "x-hop": "1"}).headers


def test_it_says_whose_shadow_it_is_and_links_to_the_primary_s_span():
    headers = copied({"x-shadow": "forged", "traceparent": "00-old", "tracestate": "other=1"}).headers
    assert headers["x-shadow"] == "candidate"
    assert headers["traceparent"] == f"00-{TRACE.hex()}-{SPAN.hex()}-01"
    assert headers["tracestate"] == f"sidecar=primary:{PRIMARY.hex()}"


def test_host_and_headers_of_the_configuration_win():
    headers = copied(
        {"host": "primary", "x-team": "a"}, host="candidate.local", added={"X-Team": "b"}
    ).headers
    assert (headers["host"], headers["x-team"]) == ("candidate.local", "b")
    assert "host" not in copied({"host": "primary"}).headers


def test_of_an_absolute_target_the_path_is_taken():
    assert copied({}, "http://primary:80/v1/m:predict?y=2").target == "/v1/m:predict?y=2"
    assert copied({}, "http://primary").target == "/"


@pytest.mark.parametrize("target", ["@elsewhere:80/", "elsewhere:80", "*", ".elsewhere/"])
def test_no_target_can_change_the_host(target):
    assert copied({}, target).target == f"/{target}"
