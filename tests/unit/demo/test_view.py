from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from sidecar.demo.view import Frame, LiveScreen, PlainScreen, describe_frame, draw_frame
from sidecar.demo.watch import Accounting, FeatureState, Glance

FRAME = Frame(
    part="April to August, day by day",
    when="April 3",
    seconds=21.4,
    requests_per_s=151.2,
    rows_per_s=2410.0,
    failed=0,
    glance=Glance(
        features=(
            FeatureState("temp", "input", "drift", 5000, 0.31, 0.012, 41.2, 15.9, "q0.95 up"),
            FeatureState("hour", "input", "not_enough_data", 10, float("nan"), float("nan"), 0.0, 15.9, ""),
        ),
        accounting=Accounting(seen=10, analysed=10),
    ),
    admin_url="http://127.0.0.1:9002",
)


class SetClock:
    def __init__(self) -> None:
        self.now_ns = 0

    def mono_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return self.now_ns


def _console() -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=False)


def _text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_shows_every_feature_with_its_numbers() -> None:
    console = _console()
    console.print(draw_frame(FRAME))
    lines = [" ".join(line.split()) for line in _text(console).splitlines()]
    assert "April to August, day by day · April 3 · 21 s" in lines
    assert "temp drift q0.95 up 0.3100 0.0120 41.2 15.9" in lines
    assert "hour not enough data - - 0.0 15.9" in lines
    assert "dashboard: http://127.0.0.1:9002/" in lines


def test_a_line_names_what_drifts() -> None:
    assert describe_frame(FRAME) == (
        "[  21 s] April 3: 151 requests/s, 2,410 rows/s, 0 failed; added p50 -, p99 -; drift: temp; "
        "10 seen = 10 analysed + 0 sampled out + 0 in flight + 0 lost"
    )
    assert "drift: none;" in describe_frame(replace(FRAME, glance=Glance()))


def test_plain_output_shows_the_moment_only_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = SetClock()
    with PlainScreen(clock) as screen:
        for second in range(7):
            clock.now_ns = second * 1_000_000_000
            screen.show(FRAME)
        screen.say("done")
    lines = capsys.readouterr().out.splitlines()
    assert lines == [describe_frame(FRAME)] * 3 + ["done"]


def test_lines_stay_above_the_live_table() -> None:
    console = _console()
    with LiveScreen(console) as screen:
        screen.say("ALARM [temp]")
        screen.show(FRAME)
        screen.freeze()
        screen.say("Summary")
    text = _text(console)
    assert text.index("ALARM [temp]") < text.index("0.3100") < text.index("Summary")
    assert text.count("0.3100") == 1
