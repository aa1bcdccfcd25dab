from __future__ import annotations

import pytest

from sidecar.config.change import FIXED, changed_keys, check_change
from sidecar.config.load import load_config
from sidecar.errors import ConfigError

RUNNING = load_config("limits: {body_bytes: 10}")


REFUSED = (
    ("listen: 0.0.0.0:9100", "listen: expected 0.0.0.0:9000 as at start, got 0.0.0.0:9100"),
    ("health: 0.0.0.0:9100", "health: expected 0.0.0.0:9001 as at start, got 0.0.0.0:9100"),
    ("admin: 127.0.0.1:9100", "admin: expected 127.0.0.1:9002 as at start, got 127.0.0.1:9100"),
    ("workers: 3", "workers: expected 1 as at start, got 3"),
    ("log_format: json", "log_format: expected auto as at start, got json"),
    ("tap: {ring_bytes: 65536}", "tap.ring_bytes: expected 33554432 as at start, got 65536"),
    ("state: {path: /x}", "state.path: expected none as at start, got /x"),
)


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_was_made_before_the_children_cannot_change(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_change(RUNNING, load_config(text))
    assert str(caught.value) == message


def test_the_parametrised_cases_are_all_fixed_settings() -> None:
    assert {message.partition(":")[0] for _, message in REFUSED} == set(FIXED)


def test_everything_else_may_change() -> None:
    wanted = load_config(
        "upstream: http://127.0.0.1:1\ntap: {ratio: 0.5}\nstate: {every_s: 1}\n"
        "hang_s: 3\nlimits: {headers: 5}"
    )
    check_change(RUNNING, wanted)
    assert changed_keys(RUNNING, wanted) == ["upstream", "hang_s", "tap", "limits", "state"]


def test_nothing_has_changed() -> None:
    assert changed_keys(RUNNING, load_config("limits: {body_bytes: 10}")) == []
