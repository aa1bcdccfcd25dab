"""Settings of recording: traffic kept in files, to be played to a candidate or built into a reference."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sidecar.config.units import Bytes, Ratio, Seconds


class RecordingConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests with their answers, kept as they were: no credentials, but everything that models are told."""

    path: Annotated[
        str | None, Meta(description="Folder for the segments, of this sidecar alone; nothing without.")
    ] = None
    ratio: Annotated[Ratio, Meta(description="Share of exchanges recorded.")] = 1.0
    by: Annotated[
        Literal["request", "session", "sequence"],
        Meta(description="What is recorded as a whole, as in `shadows.by`."),
    ] = "request"
    session_header: Annotated[str, Meta(description="Header that names a session.")] = "x-session-id"
    routes: Annotated[
        tuple[str, ...],
        Meta(description="Allow-list of paths; empty allows every one that is decoded as an inference."),
    ] = ()
    segment_bytes: Annotated[
        Bytes, Meta(description="Size, compressed, from which a segment is closed and another begun.")
    ] = 67_108_864
    segment_s: Annotated[
        Seconds, Meta(description="Age from which a segment is closed and another begun.")
    ] = 3600.0
    most_bytes: Annotated[
        Bytes, Meta(description="Size of all segments together; beyond it the oldest ones are deleted.")
    ] = 1_073_741_824
    most_s: Annotated[
        Seconds, Meta(description="Age of a segment's end from which it is deleted (7 days).")
    ] = 604_800.0
    waiting_bytes: Annotated[
        Bytes, Meta(description="What waits to be written at most; what does not fit is lost and counted.")
    ] = 33_554_432
    compression: Annotated[
        Annotated[int, Meta(ge=1, le=9)], Meta(description="Level of gzip: 1 is fast, 9 is small.")
    ] = 1
    flush_s: Annotated[
        Seconds,
        Meta(description="Longest time for which records are kept in memory: what a killed monitor loses."),
    ] = 1.0
