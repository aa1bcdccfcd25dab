"""What a feature is: a column with a configured meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sidecar.payload.columns import Kind

Role = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """One feature's identity.

    Args:
        name: as in the reference and in every report.
        role: whether the model takes it or gives it.
        kind: how its values are counted.
    """

    name: str
    role: Role
    kind: Kind
