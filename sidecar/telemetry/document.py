"""docs/metrics.md, made from names.py: `python -m sidecar.telemetry.document docs/metrics.md` writes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sidecar.telemetry.instrument import Instrument
from sidecar.telemetry.names import INSTRUMENTS
from sidecar.telemetry.prometheus import metric_name
from sidecar.telemetry.reasons import ACCESS_LOG_LOSSES, DROP_REASONS, LATE_ROWS, OUTCOMES, STATISTICS, Reason

_INTRODUCTION = """\
# Metrics

Made from `names.py` and `reasons.py` of `sidecar/telemetry`; do not edit:
`python -m sidecar.telemetry.document docs/metrics.md`.

`GET /metrics` on the admin port shows every metric below in Prometheus text (or OpenMetrics, when the scraper
asks). The same numbers go out over OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` (or the endpoint of a signal) is
set, or `OTEL_METRICS_EXPORTER=otlp`; the other standard `OTEL_*` variables decide protocol, headers,
interval, temporality and resource. A dashboard finds one name on both paths.

Attributes are bounded: routes are templates, methods those that HTTP defines, and names beyond the limit are
`__other__`. `role` of a feature is `input` or `output`.

A WebSocket is one request with status 101 in the HTTP metrics, as long as it lasts, without body sizes. An
HTTP/2 connection that is passed through is no request: it counts in `sidecar.exchanges` and in the metrics
of tunnels.
"""


def document() -> str:
    """The whole document, in Markdown."""
    groups = {
        "Traffic": [item for item in INSTRUMENTS if item.name.startswith("http.")],
        "The sidecar": [item for item in INSTRUMENTS if item.name.startswith("sidecar.")],
        "Models": [item for item in INSTRUMENTS if item.name.startswith("model.")],
    }
    parts = [_INTRODUCTION]
    for title, instruments in groups.items():
        parts.append(f"## {title}\n\n{_instrument_table(instruments)}")
    parts.append(
        "## Losses\n\n"
        "Monitoring may lose records, never requests. Each loss is a reason of `sidecar.records.dropped`;\n"
        "always `sidecar.exchanges.seen = analysed + sampled_out + in_flight + sum(dropped)`.\n\n"
        f"{_reason_table('reason', DROP_REASONS)}"
    )
    parts.append(f"## Late rows of `model.rows.late`\n\n{_reason_table('reason', LATE_ROWS)}")
    parts.append(f"## Lost lines of the access log\n\n{_reason_table('reason', ACCESS_LOG_LOSSES)}")
    parts.append(f"## Outcomes of `sidecar.exchanges`\n\n{_reason_table('outcome', OUTCOMES)}")
    parts.append(f"## Statistics of `model.feature.drift`\n\n{_reason_table('statistic', STATISTICS)}")
    return "\n".join(parts)


def _instrument_table(instruments: Iterable[Instrument]) -> str:
    rows = [
        (
            f"`{item.name}`",
            f"`{metric_name(item)}`",
            item.kind,
            f"`{item.unit}`",
            ", ".join(f"`{name}`" for name in item.attributes),
            item.description,
        )
        for item in instruments
    ]
    return _table(("OpenTelemetry", "Prometheus", "kind", "unit", "attributes", "meaning"), rows)


def _reason_table(title: str, reasons: Iterable[Reason]) -> str:
    return _table((title, "meaning"), [(f"`{item.value}`", item.description) for item in reasons])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), _row("---" for _ in head), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str]) -> int:
    """Writes the document.

    Args:
        arguments: the file to write.

    Returns:
        Exit code: 0, or 2 without exactly one argument.
    """
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m sidecar.telemetry.document FILE\n")
        return 2
    Path(arguments[0]).write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
