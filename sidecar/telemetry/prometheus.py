"""Prometheus exposition: text format 0.0.4 and, when the scraper asks for it, OpenMetrics 1.0.

Names follow the rules by which the OpenTelemetry Collector and Prometheus's OTLP receiver translate ours, so
a dashboard works whichever way the numbers came: dots become underscores, the unit is appended unless the
name already ends with it, a counter ends in `_total`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from sidecar.telemetry.instrument import Instrument
from sidecar.telemetry.points import Attributes, Buckets, Family, Point

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CONTENT_TYPE_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "%": "percent"}
_TYPES = {"counter": "counter", "updowncounter": "gauge", "gauge": "gauge", "histogram": "histogram"}
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_:]+")


def metric_name(instrument: Instrument) -> str:
    """The instrument's name in Prometheus, without a histogram's `_bucket`, `_sum` or `_count`.

    Args:
        instrument: what was measured.

    Returns:
        `http.server.request.duration` in `s` gives `http_server_request_duration_seconds`.
    """
    name = _NOT_IN_NAMES.sub("_", instrument.name)
    unit = _UNITS.get(instrument.unit, "")
    if unit and not name.endswith(f"_{unit}"):
        name = f"{name}_{unit}"
    return f"{name}_total" if instrument.kind == "counter" else name


def render(families: Iterable[Family], *, openmetrics: bool = False) -> str:
    """The whole exposition.

    Args:
        families: in the order to show them; a family without points is left out; families of one instrument
            are merged.
        openmetrics: OpenMetrics 1.0 instead of text format 0.0.4.

    Returns:
        Lines, each ending in a line feed.
    """
    lines: list[str] = []
    for instrument, points in _merged(families).items():
        if points:
            _put_head(lines, instrument, openmetrics)
            _put_points(lines, metric_name(instrument), points)
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n" if lines else ""


def _merged(families: Iterable[Family]) -> dict[Instrument, list[Point]]:
    merged: dict[Instrument, list[Point]] = {}  # a metric may have one TYPE line only
    for family in families:
        merged.setdefault(family.instrument, []).extend(family.points)
    return merged


def _put_head(lines: list[str], instrument: Instrument, openmetrics: bool) -> None:
    name = metric_name(instrument)
    if openmetrics:
        name = name.removesuffix("_total")  # OpenMetrics names the family, not the sample
    text = instrument.description.replace("\\", r"\\").replace("\n", r"\n")
    lines.append(f"# HELP {name} {_quoted(text) if openmetrics else text}")
    lines.append(f"# TYPE {name} {_TYPES[instrument.kind]}")
    unit = _UNITS.get(instrument.unit)
    if openmetrics and unit is not None and name.endswith(f"_{unit}"):
        lines.append(f"# UNIT {name} {unit}")


def _put_points(lines: list[str], name: str, points: Iterable[Point]) -> None:
    for point in points:
        labels = _labels(point.attributes)
        if isinstance(point.value, Buckets):
            _put_buckets(lines, name, labels, point.value)
        else:
            lines.append(f"{name}{_braced(labels)} {_number(point.value)}")


def _put_buckets(lines: list[str], name: str, labels: str, value: Buckets) -> None:
    below = 0
    comma = "," if labels else ""
    for bound, count in zip((*value.bounds, math.inf), value.counts, strict=True):
        below += count
        lines.append(f'{name}_bucket{{{labels}{comma}le="{_number(float(bound))}"}} {below}')
    lines.append(f"{name}_sum{_braced(labels)} {_number(value.total_sum)}")
    lines.append(f"{name}_count{_braced(labels)} {below}")


def _labels(attributes: Attributes) -> str:
    return ",".join(f'{_label_name(name)}="{_quoted(_escaped(value))}"' for name, value in attributes)


def _label_name(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name).replace(":", "_")


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    return text.replace('"', r"\"")


def _braced(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isfinite(value):
        return repr(float(value))
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
