from __future__ import annotations

import msgspec
import pytest

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.shadow import Shadow
from sidecar.mirror.state import BadShadowState, changed, decode, definition_of, encode

SECRET = "Bearer 0123"


def config(**settings):
    return ShadowConfig(name="s", url="http://127.0.0.1:2", **settings)


def packed():
    return encode(Shadow(config(), 1 << 20, 0.0).to_state("http://127.0.0.1:1", 3.0))


def test_what_was_encoded_is_decoded():
    state = decode(packed())
    assert encode(state) == packed()
    assert (state.name, state.age_s) == ("s", 3.0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "shadow: expected a state, got DecodeError"),
        (b"\x80", "shadow: expected a state, got ValidationError"),
        (None, "shadow: expected a state, got TypeError"),
        (msgspec.msgpack.encode({"format": 9, "name": "a"}), "shadow 'a': expected format 1, got 9"),
        (
            msgspec.msgpack.encode({"format": 1, "name": "a"}),
            "shadow 'a': expected a whole state, got ValidationError",
        ),
    ],
)
def test_what_is_no_state_is_refused_without_a_word_of_its_values(data, message):
    with pytest.raises(BadShadowState) as caught:
        decode(data)
    assert str(caught.value) == message


def test_a_definition_holds_no_secret():
    definition = definition_of(config(headers={"authorization": SECRET}), "http://127.0.0.1:1")
    assert all(len(digest) == 16 and SECRET not in digest for digest in definition.values())


def test_a_definition_is_that_of_the_settings_whatever_their_order():
    one, other = (
        definition_of(config(headers=dict(headers), routes=routes), "http://127.0.0.1:1")
        for headers, routes in (
            ([("a", "1"), ("b", "2")], ("/a", "/b")),
            ([("b", "2"), ("a", "1")], ("/b", "/a")),
        )
    )
    assert one == other
    assert changed(one, definition_of(config(), "http://127.0.0.1:1")) == ["headers", "routes"]


def test_a_setting_that_a_version_adds_is_a_change():
    assert changed({"url": "0"}, {"url": "0", "new": "1"}) == ["new"]
