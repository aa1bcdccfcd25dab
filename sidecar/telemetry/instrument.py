"""What an instrument is: one metric, as all exporters name it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "updowncounter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric, as all exporters name it.

    Args:
        name: dotted OpenTelemetry name.
        kind: `counter` only grows; `updowncounter` is a sum that may fall; `gauge` is a value; `histogram`
            has `bounds`.
        unit: UCUM code (`s`, `By`) or an annotation in braces.
        description: one sentence with a full stop; the HELP text.
        attributes: every attribute name that a point may have.
        bounds: upper inclusive borders of a histogram's buckets, ascending; empty for other kinds.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    attributes: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
