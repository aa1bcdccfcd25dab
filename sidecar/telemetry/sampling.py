"""Which traces are kept, by the standard variables. Pure and free of OpenTelemetry: the worker decides with
it.

The ratio test is OpenTelemetry's: the low 64 bits of the trace id against a bound, so that every process that
sees the trace and has the same ratio decides alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SAMPLED_FLAG = 0x01
_LOW_64_BITS = (1 << 64) - 1
_DEFAULT = "parentbased_always_on"
_NAMES = {
    "always_on": (False, 1.0),
    "always_off": (False, 0.0),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, 1.0),
    "parentbased_always_off": (True, 0.0),
    "parentbased_traceidratio": (True, None),
}


@dataclass(frozen=True, slots=True)
class TraceSampling:
    """The sampler in force.

    Args:
        parent_based: a caller's decision in `traceparent` is followed.
        root_ratio: share of the other traces that is kept, 0 to 1.
        faults: what was wrong with the variables, one line each; the default was used instead.
    """

    parent_based: bool = True
    root_ratio: float = 1.0
    faults: tuple[str, ...] = ()

    @property
    def root_bound(self) -> int:
        """A root trace is kept when the low 64 bits of its id are below this, 0 to 2**64."""
        return round(self.root_ratio * (1 << 64))

    def keeps(self, trace_id: bytes, parent_flags: int | None) -> bool:
        """Whether this trace is recorded.

        Args:
            trace_id: 16 bytes.
            parent_flags: flags of the caller's `traceparent`, None when there was none.
        """
        if self.parent_based and parent_flags is not None:
            return bool(parent_flags & SAMPLED_FLAG)
        return int.from_bytes(trace_id, "big") & _LOW_64_BITS < self.root_bound


def parse_sampling(environ: Mapping[str, str]) -> TraceSampling:
    """The sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG ask for.

    Args:
        environ: environment variables.

    Returns:
        The sampler; an unknown name or a bad ratio is a fault, and the default is used.
    """
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or _DEFAULT
    if name not in _NAMES:
        return TraceSampling(faults=(f"OTEL_TRACES_SAMPLER: expected one of {sorted(_NAMES)}, got {name!r}",))
    parent_based, ratio = _NAMES[name]
    if ratio is not None:
        return TraceSampling(parent_based, ratio)
    text = environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    ratio = _parse_ratio(text)
    if ratio is None:
        faults = (f"OTEL_TRACES_SAMPLER_ARG: expected a ratio from 0 to 1, got {text!r}",)
        return TraceSampling(parent_based, 1.0, faults if text else ())
    return TraceSampling(parent_based, ratio)


def _parse_ratio(text: str) -> float | None:
    try:
        ratio = float(text)
    except ValueError:
        return None
    return ratio if 0.0 <= ratio <= 1.0 else None
