"""Settings of what the sidecar leaves behind and shows: access log, checkpoint, admin server."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sidecar.config.units import Seconds


class AccessLogConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line an exchange, written by the monitor from records, so it costs callers nothing."""

    path: Annotated[
        str | None,
        Meta(description="File to append to, or `-` for standard output; nothing is written without."),
    ] = None
    format: Annotated[
        Literal["json", "text"], Meta(description="`text` is the combined format of other web servers.")
    ] = "json"


class StateConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the monitor's checkpoint lies."""

    path: Annotated[
        str | None,
        Meta(
            description=(
                "Folder that outlives the sidecar; without it the checkpoint lives as "
                "long as the supervisor does."
            )
        ),
    ] = None
    every_s: Annotated[Seconds, Meta(description="Time between two checkpoints.")] = 5.0


class AdminConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The admin server beyond its address."""

    token: Annotated[
        str | None,
        Meta(
            description=(
                "Bearer token that requests must carry; required when the address is "
                "not loopback. May be `${file:/path}`."
            )
        ),
    ] = None
