from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.log import Log
from sidecar.telemetry.exporters import make_resource, route_warnings


@pytest.fixture
def opentelemetry_logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("opentelemetry")
    handlers, propagates = list(logger.handlers), logger.propagate
    yield logger
    logger.handlers[:], logger.propagate = handlers, propagates


def test_warnings_of_all_exporters_give_one_line(
    opentelemetry_logger: logging.Logger, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("w") as stream:
        for _ in range(2):  # a second call does not double the lines
            route_warnings(Log("monitor", "text", stream))
        for turn in range(50):
            logging.getLogger(f"opentelemetry.exporter.otlp.x{turn % 2}").warning("Transient error %d", turn)
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.endswith('telemetry_export_trouble message="Transient error 0"')


def test_the_resource_names_the_sdk_and_the_sender() -> None:
    attributes = make_resource({"service.name": "s"}).attributes
    assert attributes["service.name"] == "s"
    assert attributes["telemetry.sdk.language"] == "python"
