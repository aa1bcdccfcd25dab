"""Detectors of the library `river` beside the alarm: which, on what, with which parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Annotated, Literal

from msgspec import Meta, Struct

from sidecar.errors import ConfigError

RiverName = Literal["ADWIN", "PageHinkley", "DDM", "KSWIN"]

PARAMETERS: Mapping[RiverName, tuple[str, ...]] = {
    "ADWIN": ("delta", "clock", "max_buckets", "min_window_length", "grace_period"),
    "PageHinkley": ("min_instances", "delta", "threshold", "alpha"),
    "DDM": ("warm_start", "warning_threshold", "drift_threshold"),
    "KSWIN": ("alpha", "window_size", "stat_size", "seed"),
}


class RiverConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One detector of `river` on one feature's values."""

    detector: Annotated[
        RiverName,
        Meta(description="Which; DDM is for errors: a feature whose values are 0 (right) and 1 (wrong)."),
    ]
    feature: Annotated[str, Meta(description="Whose values it sees, in the order in which they come.")]
    parameters: Annotated[
        dict[str, float],
        Meta(description="Of its constructor, such as `{delta: 0.002}`; river's own defaults otherwise."),
    ] = {}


def check_river(chosen: Sequence[RiverConfig]) -> None:
    """Sees to it that the detectors can be made, without importing any.

    Args:
        chosen: `alarm.river`.

    Raises:
        ConfigError: "alarm.river: expected river to be installed (extra 'river'), got none", or a parameter
            that the detector does not have.
    """
    if chosen and find_spec("river") is None:
        raise ConfigError("alarm.river", "river to be installed (extra 'river')", "none")
    for number, entry in enumerate(chosen):
        known = PARAMETERS[entry.detector]
        for name in entry.parameters:
            if name not in known:
                path = f"alarm.river[{number}].parameters"
                raise ConfigError(path, f"some of {', '.join(known)}", repr(name))
