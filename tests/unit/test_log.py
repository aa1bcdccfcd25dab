from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from sidecar.log import Log


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 1_700_000_000_000_000_000

    def mono_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return self.now_ns


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[TextIO]:
    with (tmp_path / "log").open("w") as opened:
        yield opened


def test_json(stream: TextIO) -> None:
    log = Log("worker 0", "json", stream, Clock())
    log.info("serving", port=9000, why="a reason")
    assert json.loads(Path(stream.name).read_text()) == {
        "ts": "2023-11-14T22:13:20.000+00:00",
        "level": "info",
        "role": "worker 0",
        "event": "serving",
        "port": 9000,
        "why": "a reason",
    }


def test_text(stream: TextIO) -> None:
    log = Log("worker 0", "text", stream, Clock())
    log.warning("serving", port=9000, why="a reason")
    assert Path(stream.name).read_text() == (
        '2023-11-14T22:13:20.000+00:00 warning worker 0   serving port=9000 why="a reason"\n'
    )


def test_what_repeats_is_written_once_a_minute_and_says_what_was_left_out(stream: TextIO) -> None:
    clock = Clock()
    log = Log("worker 0", "json", stream, clock)
    for _ in range(5):
        log.limited("fault", n=1)
    clock.now_ns += 61_000_000_000
    log.limited("fault", n=2)
    lines = [json.loads(line) for line in Path(stream.name).read_text().splitlines()]
    assert [(line["n"], line.get("left_out")) for line in lines] == [(1, None), (2, 4)]
