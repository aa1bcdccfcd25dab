"""Types of settings that many parts share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
Count = Annotated[int, Meta(ge=1)]
Bytes = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0.0)]
