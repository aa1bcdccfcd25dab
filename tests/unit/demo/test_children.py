from __future__ import annotations

from sidecar.demo.children import find_event


def test_finds_the_first_line_with_an_event_among_others() -> None:
    lines = ["Traceback?", '{"event": "other"}', '["event"]', '{"event": "listening", "traffic": "a:1"}']
    log = "\n".join([*lines, '{"event": "listening"}'])
    assert find_event(log, "listening") == {"event": "listening", "traffic": "a:1"}


def test_a_line_that_is_only_half_written_is_not_found_yet() -> None:
    assert find_event('{"event": "listening", "traf', "listening") is None
    assert find_event("", "listening") is None
