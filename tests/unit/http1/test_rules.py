from __future__ import annotations

import pytest

from sidecar.config.load import load_config
from sidecar.config.model import Config
from sidecar.http1.fields import REDACTED
from sidecar.http1.rules import RequestRules, redacted_names


@pytest.mark.parametrize(
    ("upstream", "host"),
    [
        ("http://model:8080", b"model:8080"),
        ("http://model", b"model"),
        ("http://[::1]:8080", b"[::1]:8080"),
        ("unix:/run/model.sock", b"localhost"),
    ],
)
def test_the_host_of_old_callers_is_the_upstreams(upstream: str, host: bytes) -> None:
    assert RequestRules.of(Config(upstream=upstream)).host == host


def test_the_scheme_is_what_callers_speak() -> None:
    assert RequestRules.of(Config()).scheme == b"http"
    assert RequestRules.of(load_config("tls: {certificate: c.pem}")).scheme == b"https"


def test_redacted_names_are_added_in_lower_case() -> None:
    config = load_config("tap: {redact_headers: [X-Secret]}")
    assert redacted_names(config) == RequestRules.of(config).redacted == REDACTED | {b"x-secret"}
