"""The instruments of shadows; part of `sidecar.telemetry.names`."""

from __future__ import annotations

from sidecar.telemetry.instrument import Instrument

_SHADOW = ("shadow",)

SHADOW_EXCHANGES = Instrument(
    "model.shadow.exchanges",
    "counter",
    "{exchange}",
    "Exchanges by what became of their copy: how it ended (answered, timeout ...), or why none was sent.",
    (*_SHADOW, "mirrored", "reason"),
)
SHADOW_IN_FLIGHT = Instrument(
    "model.shadow.in_flight", "gauge", "{exchange}", "Copies that wait for the shadow's answer.", _SHADOW
)
SHADOW_COMPARED = Instrument(
    "model.shadow.compared", "counter", "{exchange}", "Pairs of answers whose outputs were compared.", _SHADOW
)
SHADOW_UNCOMPARED = Instrument(
    "model.shadow.uncompared",
    "counter",
    "{exchange}",
    "Pairs not compared: one of the two failed, nobody can read them (undecoded), or a fault of ours.",
    (*_SHADOW, "reason"),
)
SHADOW_ASKED_AGAIN = Instrument(
    "model.shadow.asked_again",
    "counter",
    "{exchange}",
    "Requests that the primary was to get a second time, by what became of them (answered, busy ...).",
    (*_SHADOW, "reason"),
)
SHADOW_DISAGREEMENT = Instrument(
    "model.shadow.disagreement",
    "gauge",
    "{ratio}",
    "Share of disagreement: the rate, its bounds (low, high), and the primary's own noise.",
    (*_SHADOW, "bound"),
)
SHADOW_ERRORS = Instrument(
    "model.shadow.errors",
    "counter",
    "{exchange}",
    "Mirrored exchanges that failed (5xx or no answer), by side.",
    (*_SHADOW, "side"),
)
SHADOW_LATENCY = Instrument(
    "model.shadow.latency",
    "gauge",
    "s",
    "Latency of good answers by side and percentile.",
    (*_SHADOW, "side", "percentile"),
)
SHADOW_VERDICT = Instrument(
    "model.shadow.verdict",
    "gauge",
    "{state}",
    "1 for the verdict in force (better, equivalent, worse, undecided), 0 for the others.",
    (*_SHADOW, "verdict"),
)

SHADOW_INSTRUMENTS: tuple[Instrument, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Instrument)
)
