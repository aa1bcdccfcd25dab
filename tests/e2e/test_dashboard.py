"""The dashboard in a real browser, fed by a real sidecar."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.running import PATIENCE_S, Sidecar, eventually
from tests.support.tools import require_tool
from tests.support.traffic import infer_body, post_all
from tests.support.upstream import FakeUpstream

QUIET = (
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
)


@pytest.mark.slow
def test_the_page_shows_what_is_watched(tmp_path: Path) -> None:
    chromium = require_tool("chromium", "chromium")
    with FakeUpstream() as upstream, Sidecar(f"http://127.0.0.1:{upstream.port}") as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, [infer_body([[1.0, 2.0]])] * 30)
        sidecar.settled(30)
        eventually(lambda: len(sidecar.get("/api/v1/drift")["features"]) == 3)
        page = subprocess.run(
            [
                *(
                    str(chromium),
                    "--headless",
                    "--no-sandbox",
                    "--disable-sync",
                    *(f"--{flag}" for flag in QUIET),
                ),
                *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=5000", "--dump-dom"),
                f"http://127.0.0.1:{sidecar.admin}/",
            ],
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE_S,
            check=True,
        ).stdout
    text = re.sub(r"<[^>]+>", " ", page)
    for shown in (
        "x[0]",
        "x[1]",
        "waiting for data",
        "analysed 30 (100.0 %)",
        "Nothing was lost to monitoring.",
    ):
        assert shown in text
