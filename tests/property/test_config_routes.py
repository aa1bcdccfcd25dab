"""No spelling of a path is analysed or mirrored unless its plain form is as well, under the same policy."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.config.load import load_config
from sidecar.config.routes import RoutePolicies, plain_path

PARTS = [
    "/",
    "/",
    "open",
    "private",
    "..",
    ".",
    "%2e",
    "%2E",
    "%2f",
    "%5c",
    "\\",
    ";x",
    "%252e",
    "%6fpen",
    "?",
    "infer",
    "m",
]
PATHS = st.lists(st.sampled_from(PARTS), max_size=12).map(lambda parts: ("/" + "".join(parts)).encode())
SETTINGS = [
    "tap: {paths: [/open/**]}",
    "{tap: {paths: [/open/*/infer]}, routes: [{path: /open/**, body_bytes: 5}]}",
    "routes: [{path: /private/**, tap: false, mirror: false}, {path: '/**/infer', ratio: 0.5}]",
    "routes: [{path: /open/**, tap: true}, {path: /**, tap: false}]",
]
POLICIES = [RoutePolicies(load_config(text)) for text in SETTINGS]


@given(st.sampled_from(POLICIES), PATHS)
@settings(max_examples=1000)
@example(POLICIES[0], b"/open/../private")
@example(POLICIES[2], b"/x/%2e%2e/private/y")
@example(POLICIES[2], b"/infer/")
def test_what_is_tapped_is_tapped_under_both_readings(policies: RoutePolicies, path: bytes) -> None:
    found = policies.find(path)
    plain = policies.find(plain_path(path.partition(b"?")[0]))
    assert policies.all[found.place] is found
    if found.tap or found.mirror:
        assert found is plain


@given(PATHS)
def test_a_plain_path_is_plain(path: bytes) -> None:
    plain = plain_path(path)
    assert plain_path(plain) == plain
    assert not set(plain.split(b"/")[1:-1]) & {b"", b".", b".."}
