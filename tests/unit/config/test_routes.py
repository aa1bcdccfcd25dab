from __future__ import annotations

import time

import pytest

from sidecar.config.load import load_config
from sidecar.config.routes import RoutePolicies, RoutePolicy, compile_path, longest_pause_s, plain_path
from sidecar.errors import ConfigError


def policies(text: str = "") -> RoutePolicies:
    return RoutePolicies(load_config(text))


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/v2/models/*/infer", b"/v2/models/m/infer", True),
        ("/v2/models/*/infer", b"/v2/models/a/b/infer", False),
        ("/v2/models/*/infer", b"/v2/models//infer", False),
        ("/v2/models/*/infer", b"/v2/models/m/infer/", False),
        ("/v1/models/*:predict", b"/v1/models/m:predict", True),
        ("/v1/models/*:predict", b"/v1/models/m/x:predict", False),
        ("/a/**", b"/a", True),
        ("/a/**", b"/a/", True),
        ("/a/**", b"/a/b/c", True),
        ("/a/**", b"/ab", False),
        ("/**", b"/", True),
        ("/**", b"*", False),
        ("/**/infer", b"/infer", True),
        ("/**/infer", b"/a/b/infer", True),
        ("/**/infer", b"/a/b/infer/c", False),
        ("/**/models/*/**/infer", b"/x/models/m/infer", True),
        ("/**/models/*/**/infer", b"/models/models/m/versions/1/infer", True),
        ("/**/models/*/**/infer", b"/models/infer", False),
        ("/a.b", b"/axb", False),
        ("/", b"/", True),
    ],
)
def test_patterns(pattern: str, path: bytes, matches: bool) -> None:
    assert (compile_path(pattern, "routes[0].path").fullmatch(path) is not None) is matches


@pytest.mark.parametrize("pattern", ["/**/a/**/b/**/c", "/**/*a/**/*b", "/*a/*b/*c"])
@pytest.mark.parametrize("path", [b"/a" * 8000, b"/b" * 8000 + b"/c/a", b"/" + b"a" * 16000, b"/" * 16000])
def test_no_path_takes_long_to_match(pattern: str, path: bytes) -> None:
    start_s = time.process_time()
    compile_path(pattern, "tap.paths[0]").fullmatch(path)
    assert time.process_time() - start_s < 2.0  # quadratic would be ten seconds, and more where this is slow


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("v2", "a path of visible ASCII that begins with /, without ? and #"),
        ("", "a path of visible ASCII that begins with /, without ? and #"),
        ("/a?b", "a path of visible ASCII that begins with /, without ? and #"),
        ("/a b", "a path of visible ASCII that begins with /, without ? and #"),
        ("/a**", "one * within a segment, or ** as a whole one"),
        ("/*a*", "one * within a segment, or ** as a whole one"),
        ("/***", "one * within a segment, or ** as a whole one"),
    ],
)
def test_a_pattern_that_is_none_is_a_wrong_setting(pattern: str, expected: str) -> None:
    for text, setting in (
        (f"routes: [{{path: '{pattern}'}}]", "routes[0].path"),
        (f"tap: {{paths: [/x, '{pattern}']}}", "tap.paths[1]"),
    ):
        with pytest.raises(ConfigError) as caught:
            load_config(text)
        assert str(caught.value) == f"{setting}: expected {expected}, got {pattern!r}"


class TestResolving:
    def test_without_routes_there_is_one_policy_with_what_holds_for_all(self) -> None:
        found = policies("{tap: {ratio: 0.5}, limits: {body_bytes: 9}, timeouts: {queue_s: 7}}")
        assert found.all == (found.find(b"/any?q"),)
        assert found.all[0] == RoutePolicy(0, True, True, 0.5, 9, True, 30.0, 7.0, 60.0, 60.0, 60.0, 3600.0)

    def test_a_route_wins_over_what_holds_for_all_where_it_says_something(self) -> None:
        found = policies(
            "routes: [{path: /a, ratio: 0, body_bytes: 5, mirror: false, cancel_on_disconnect: false, "
            "timeouts: {first_byte_s: 600}}]"
        )
        policy = found.find(b"/a?x=1")
        assert (policy.ratio, policy.body_bytes, policy.mirror, policy.cancel_on_disconnect) == (
            0.0,
            5,
            False,
            False,
        )
        assert (policy.first_byte_s, policy.queue_s) == (600.0, 5.0)
        assert found.find(b"/b") == found.all[0]
        assert found.find(b"/b").ratio == 1.0

    def test_the_first_route_that_matches_decides(self) -> None:
        found = policies("routes: [{path: /a/b, body_bytes: 1}, {path: /a/**, body_bytes: 2}]")
        assert [found.find(path).body_bytes for path in (b"/a/b", b"/a/c")] == [1, 2]

    def test_every_policy_lies_at_its_place(self) -> None:
        found = policies("{tap: {paths: [/a/**]}, routes: [{path: /a/b, ratio: 0.1}, {path: /c, tap: true}]}")
        assert [policy.place for policy in found.all] == list(range(len(found.all)))
        for path in (b"/a/b", b"/a/c", b"/c", b"/d", b"/a/../c"):
            assert found.all[found.find(path).place] is found.find(path)


class TestTap:
    def test_an_allow_list_leaves_the_rest_out_but_forwards_it_alike(self) -> None:
        found = policies("tap: {paths: [/v2/**]}")
        assert [found.find(path).tap for path in (b"/v2/m", b"/v1/m", b"*")] == [True, False, False]
        assert found.find(b"/v1/m").mirror

    def test_a_route_without_its_own_word_obeys_the_allow_list(self) -> None:
        found = policies("{tap: {paths: [/a/x]}, routes: [{path: /a/*, body_bytes: 3}]}")
        assert [(found.find(p).tap, found.find(p).body_bytes) for p in (b"/a/x", b"/a/y")] == [
            (True, 3),
            (False, 3),
        ]

    def test_a_routes_own_word_wins(self) -> None:
        found = policies(
            "{tap: {paths: [/a/**]}, routes: [{path: /a/off, tap: false}, {path: /b, tap: true}]}"
        )
        assert [found.find(path).tap for path in (b"/a/off", b"/a/on", b"/b")] == [False, True, True]

    @pytest.mark.parametrize(
        "path",
        [
            *(b"/open/../private", b"/open/%2e%2e/private", b"/open/.%2E/private", b"/open/..;/private"),
            *(
                b"/open/%252e%252e/private",
                b"/open/..%2fprivate/x",
                b"/open\\..\\private",
                b"/open/..\\private",
            ),
            *(b"//open/../private", b"/open/x/../../private?open"),
        ],
    )
    def test_no_spelling_gains_a_tap_that_the_plain_path_has_not(self, path: bytes) -> None:
        found = policies("{tap: {paths: [/open/**]}, routes: [{path: /open/**, body_bytes: 5}]}")
        policy = found.find(path)
        assert (policy.tap, policy.mirror) == (False, path.startswith(b"//") or b"open\\" in path)
        if path.startswith(b"/open/"):
            assert policy.body_bytes == 5  # of the path as sent

    @pytest.mark.parametrize("path", [b"/private/../open", b"/%6fpen/x", b"/x/..;/open", b"//open/x"])
    def test_no_spelling_gains_one_that_the_literal_path_has_not(self, path: bytes) -> None:
        assert not policies("tap: {paths: [/open/**]}").find(path).tap

    @pytest.mark.parametrize(
        "path", [b"/open/a%20b/infer", b"/open/./m", b"/open//m", b"/open/m;v=1", b"/open/x/../y"]
    )
    def test_a_second_reading_under_the_same_policy_changes_nothing(self, path: bytes) -> None:
        assert policies("tap: {paths: [/open/**]}").find(path).tap

    def test_a_route_that_is_not_mirrored_cannot_be_mirrored_under_another_name(self) -> None:
        found = policies("routes: [{path: /secret, mirror: false}]")
        assert not found.find(b"/x/../secret").mirror
        assert found.find(b"/x/../public").mirror


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        (b"/a/b", b"/a/b"),
        (b"/a//b/", b"/a/b"),
        (b"/a/./b/../c", b"/a/c"),
        (b"/../../a", b"/a"),
        (b"/%61%2Fb", b"/a/b"),
        (b"/%2561", b"/a"),
        (b"/a%", b"/a%"),
        (b"/a%zz", b"/a%zz"),
        (b"/a;x=1/b;y", b"/a/b"),
        (b"\\a\\b", b"/a/b"),
        (b"/", b"/"),
        (b"*", b"/*"),
    ],
)
def test_plain_paths(path: bytes, plain: bytes) -> None:
    assert plain_path(path) == plain


def test_the_longest_pause_is_that_of_any_route() -> None:
    assert longest_pause_s(load_config()) == 60.0
    patient = {"path": "/slow", "timeouts": {"first_byte_s": 300.0}}
    assert longest_pause_s(load_config(flags={"routes": [patient]})) == 300.0
