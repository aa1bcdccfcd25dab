"""Detectors of the library `river`, for those who know them: without any guarantee of ours.

They see every value of a feature in the order of arrival, so their numbers depend on it, cannot be merged
over workers or pods, and start anew with the monitor: nothing of them is in a checkpoint. Their false alarms
are as often as their parameters and the traffic make them; the alarm does not listen to them. The library is
imported only when one is configured. Cost: 1 us a value and detector, KSWIN 300 us to 1 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from kernels.binning import F64
from sidecar.config.river import RiverConfig
from sidecar.errors import ConfigError
from sidecar.profile.feature import FeatureSpec


class _Watch:
    """One detector and what it has said."""

    __slots__ = ("chosen", "detector", "last_alarm_unix_s", "n_alarms", "n_values", "place")

    def __init__(self, chosen: RiverConfig, place: int) -> None:
        self.chosen = chosen
        self.place = place
        self.detector = _made(chosen)
        self.n_values = 0
        self.n_alarms = 0
        self.last_alarm_unix_s: float | None = None

    def take(self, values: Sequence[float], unix_s: float) -> None:
        for value in values:
            if math.isfinite(value):
                self.n_values += 1
                self.detector.update(value)
                if self.detector.drift_detected:
                    self.n_alarms += 1
                    self.last_alarm_unix_s = unix_s


class RiverDetectors:
    """The configured detectors of one subject.

    Args:
        chosen: `alarm.river`; those of features that the subject does not have are passed over.
        specs: F features.

    Raises:
        ConfigError: the library is not installed.
    """

    def __init__(self, chosen: Sequence[RiverConfig], specs: Sequence[FeatureSpec]) -> None:
        places = {spec.name: place for place, spec in enumerate(specs)}
        self._watches = [_Watch(entry, places[entry.feature]) for entry in chosen if entry.feature in places]

    def fill(self, rows: F64, unix_s: float) -> None:
        """Shows them rows; missing and infinite values are passed over.

        Args:
            rows: shape (n, F), float64.
            unix_s: begin of the pane that they belong to.
        """
        for watch in self._watches:
            watch.take(rows[:, watch.place].tolist(), unix_s)

    def to_json(self) -> list[dict[str, Any]]:
        """What they have said since this monitor began.

        Returns:
            For each `detector`, `feature`, `values`, `alarms`, `last_alarm_unix_s`, and `guarantee`: False.
        """
        return [
            {
                "detector": watch.chosen.detector,
                "feature": watch.chosen.feature,
                "values": watch.n_values,
                "alarms": watch.n_alarms,
                "last_alarm_unix_s": watch.last_alarm_unix_s,
                "guarantee": False,
            }
            for watch in self._watches
        ]


def _made(chosen: RiverConfig) -> Any:
    try:
        drift: Any = import_module("river.drift")  # optional and heavy (scipy): only where configured
        binary: Any = import_module("river.drift.binary")
    except ImportError as exc:
        raise ConfigError("alarm.river", "river to be installed (extra 'river')", "none") from exc
    parameters: dict[str, float | int] = {
        name: int(value) if value.is_integer() else value for name, value in chosen.parameters.items()
    }
    if chosen.detector == "KSWIN":
        parameters.setdefault("seed", 1)  # it samples: the same values must say the same
    return getattr(binary if chosen.detector == "DDM" else drift, chosen.detector)(**parameters)
