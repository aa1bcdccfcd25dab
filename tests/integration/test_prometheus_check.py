"""`promtool check metrics` reads the whole exposition, every instrument with awkward labels included."""

from __future__ import annotations

import subprocess

import pytest

from sidecar.telemetry.instrument import Instrument
from sidecar.telemetry.names import INSTRUMENTS
from sidecar.telemetry.points import Buckets, Family, Point
from sidecar.telemetry.prometheus import render
from tests.support.tools import require_tool


def every_family() -> list[Family]:
    return [Family(instrument, [_point(instrument)]) for instrument in INSTRUMENTS]


def _point(instrument: Instrument) -> Point:
    attributes = tuple((name, 'a "quoted"\\ line\nbreak ü') for name in instrument.attributes)
    if instrument.kind == "histogram":
        return Point(attributes, Buckets(instrument.bounds, (1,) * (len(instrument.bounds) + 1), 12.5))
    return Point(attributes, 3 if instrument.kind == "counter" else 0.25)


def test_promtool_accepts_every_instrument() -> None:
    tool = require_tool("promtool", "prometheus")
    checked = subprocess.run(
        [tool, "check", "metrics"], input=render(every_family()).encode(), capture_output=True, timeout=30
    )
    assert (checked.returncode, checked.stdout.decode(), checked.stderr.decode()) == (0, "", "")


def test_a_missing_tool_fails_and_names_its_package() -> None:
    with pytest.raises(
        pytest.fail.Exception, match="expected 'no-such-tool' of the Debian package 'nowhere', got none"
    ):
        require_tool("no-such-tool", "nowhere")
