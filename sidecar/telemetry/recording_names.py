"""The instruments of recording; part of `sidecar.telemetry.names`."""

from __future__ import annotations

from sidecar.telemetry.instrument import Instrument

RECORDING_RECORDS = Instrument(
    "sidecar.recording.records",
    "counter",
    "{record}",
    "Exchanges and answers of shadows that are in a segment.",
)
RECORDING_LOST = Instrument(
    "sidecar.recording.lost",
    "counter",
    "{record}",
    "Records that could not be written, by reason: busy (too much waits), full, denied, in_use ...",
    ("reason",),
)
RECORDING_SKIPPED = Instrument(
    "sidecar.recording.skipped",
    "counter",
    "{exchange}",
    "Exchanges that are not recorded, by reason: route, sampled_out, tunnel, cut ...",
    ("reason",),
)
RECORDING_BYTES = Instrument(
    "sidecar.recording.size", "gauge", "By", "Bytes of all segments in the recording's folder."
)
RECORDING_SEGMENTS = Instrument(
    "sidecar.recording.segments", "gauge", "{segment}", "Closed segments in the recording's folder."
)

RECORDING_INSTRUMENTS: tuple[Instrument, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Instrument)
)
