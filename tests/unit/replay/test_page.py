"""The page: what an engineer looks at first, and nothing that a caller wrote is taken for HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.comparison import ShadowComparison
from sidecar.mirror.job import Job
from sidecar.recording.reader import Damage, Recording
from sidecar.recording.records import VERSION, Opened
from sidecar.recording.segment import Segment
from sidecar.replay.outcome import Outcome
from sidecar.replay.page import to_html
from sidecar.replay.report import make_report

PATH = "/v1/models/m:predict"
HOSTILE = "<script>alert(1)</script>&\"'"


class Words(HTMLParser):
    """Texts and tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture
def report(tmp_path: Path) -> dict[str, Any]:
    segment = Segment(tmp_path / "1.rec.gz", 1, 1)
    segment.add(Opened(VERSION, "0", 1))
    segment.close()
    recording = Recording([tmp_path])
    recording.damages.append(Damage(f"{HOSTILE}.rec.gz", 3, f"expected gzip, got {HOSTILE}"))
    outcome = Outcome(ShadowComparison(ShadowConfig(name="candidate", url="http://h:1"), 1 << 20))
    for number in range(3):
        primary = Answer(200, {}, b'{"predictions": ["yes"]}', 0.01)
        body = b'{"instances": [{"who": "<script>alert(1)</script>"}]}'
        job = Job(number, bytes(8), "POST", PATH, PATH, {}, body, primary)
        outcome.comparison.add(job, Answer(200, {}, b'{"predictions": ["<img src=x>"]}', 0.02))
    outcome.exchanges, outcome.first_unix_ns, outcome.last_unix_ns = 3, 10**18, 10**18
    return make_report(recording, outcome, "candidate", "sent")


def test_it_begins_with_the_verdict_and_how_much_it_rests_on(report: dict[str, Any]) -> None:
    words = Words()
    words.feed(to_html(report))
    assert "candidate: undecided" in words.texts
    (summary,) = [text for text in words.texts if "recorded exchanges compared" in text]
    assert summary.startswith("3 of 3 recorded exchanges compared; recorded 2001-09-09 01:46:40 to")
    assert "100.000% disagree" in summary
    assert "1 segments are damaged and were read only in part" in summary


def test_every_finding_has_its_interval_as_a_plot(report: dict[str, Any]) -> None:
    page = to_html(report)
    assert page.count("<svg") == len(report["findings"]) == 4
    assert 'aria-label="agreement: ' in page


def test_nothing_from_outside_is_html(report: dict[str, Any]) -> None:
    words = Words()
    page = to_html(report)
    words.feed(page)
    assert not words.tags & {"script", "img"}
    assert any("<script>alert(1)</script>" in text for text in words.texts)
    assert "default-src 'none'" in page
