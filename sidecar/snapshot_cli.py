"""The verbs `sidecar snapshot merge|show`."""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.errors import BadSnapshot

if TYPE_CHECKING:  # for annotations; the verbs import what they need when they run
    from sidecar.drift.difference import Difference
    from sidecar.profile.pane import Pane
    from sidecar.profile.reference import Reference
    from sidecar.profile.snapshot import Snapshot, SubjectKey, SubjectPart

NS = 1_000_000_000


def add_snapshot_verbs(verbs: Any) -> None:
    """Adds `snapshot` and its own verbs to the command line.

    Args:
        verbs: argparse's sub-parsers of `sidecar`.
    """
    snapshot = verbs.add_parser("snapshot", help="add up what several monitors have counted")
    inner = snapshot.add_subparsers(required=True, metavar="VERB")

    merge = inner.add_parser("merge", help="the union of snapshots of GET /api/v1/snapshot, in any order")
    merge.add_argument("files", nargs="+", metavar="FILE")
    merge.add_argument("-o", "--output", required=True, metavar="FILE")
    merge.set_defaults(verb=_merge)

    show = inner.add_parser("show", help="the drift of all that a snapshot holds")
    show.add_argument("file", metavar="FILE")
    show.add_argument("--reference", metavar="FILE", help="must be the one that was counted by")
    show.add_argument("--horizon", type=float, metavar="SECONDS", help="which window (default: the shortest)")
    show.add_argument(
        "--against", metavar="VERSION", help="judge the other versions of a model by what this one has seen"
    )
    show.add_argument("--json", action="store_true")
    show.set_defaults(verb=_show)


def _merge(options: argparse.Namespace) -> int:
    from sidecar.profile.snapshot import merge
    from sidecar.profile.snapshot_codec import encode

    merged = merge([(name, _read(name)) for name in options.files])
    _write(options.output, encode(merged))
    origins = {name for part in merged.subjects.values() for name in part.origins}
    parts = [origin for part in merged.subjects.values() for origin in part.origins.values()]
    granules = sum(len(origin.granules) for origin in parts)
    n_subjects = len(merged.subjects)
    print(f"{options.output}: {n_subjects} subjects, {len(origins)} origins, {granules:,} granules")
    return 0


def _show(options: argparse.Namespace) -> int:
    from sidecar.profile import codec

    snapshot = _read(options.file)
    reference = None if options.reference is None else codec.load(options.reference)
    documents = []
    for key, part in snapshot.subjects.items():
        if reference is not None and reference.id != part.reference_id:
            _refuse(options, key, part, reference)
        if options.against is None or options.against != key[1]:
            documents.append(_document(options, snapshot, key))
    if options.json:
        print(json.dumps([document for document, _ in documents], indent=2))
        return 0
    for document, differences in documents:
        _print(document, differences)
    return 0


def _refuse(options: argparse.Namespace, key: SubjectKey, part: SubjectPart, reference: Reference) -> None:
    from sidecar.profile.snapshot import subject_name

    raise BadSnapshot(
        f"{options.reference}: expected reference {part.reference_id} of {subject_name(key)}, "
        f"got {reference.id}"
    )


def _document(
    options: argparse.Namespace, snapshot: Snapshot, key: SubjectKey
) -> tuple[dict[str, Any], tuple[Difference, ...]]:
    """The fleet's window of one subject, judged against its reference or against another version's window."""
    from sidecar.drift.difference import compare_references
    from sidecar.snapshot_page import alarm_json, joint_json, quality_json

    part = snapshot.subjects[key]
    layout, pane, horizon_ns = _window(options, key, part)
    judged_by: Reference | None = layout
    if options.against is not None:
        judged_by = _other_version(options, snapshot, key)
    differences: tuple[Difference, ...] = ()
    if pane is not None and judged_by is not None:
        differences = compare_references(judged_by, _counted(layout, pane))
    end_unix_ns = 0 if pane is None else pane.end_unix_ns
    document = {
        "model": key[0],
        "version": key[1],
        "role": key[2],
        "against": options.against,
        "reference": {"id": part.reference_id, "rows": layout.rows},
        "origins": sorted(part.origins),
        "horizon_s": horizon_ns / NS,
        "window": {
            "start_unix_s": None if pane is None else pane.start_unix_ns / NS,
            "end_unix_s": None if pane is None else pane.end_unix_ns / NS,
            "rows": 0 if pane is None else pane.rows,
        },
        "features": [difference.to_json() for difference in differences],
        "alarms": [] if options.against else alarm_json(part, layout, pane),
        "multivariate": [] if options.against else joint_json(part, layout, horizon_ns, end_unix_ns),
        "quality": quality_json(key[2], part, layout, horizon_ns, end_unix_ns),
    }
    return document, differences


def _window(
    options: argparse.Namespace, key: SubjectKey, part: SubjectPart
) -> tuple[Reference, Pane | None, int]:
    """By which features was counted, the newest window of all origins, and its length."""
    from sidecar.profile import codec
    from sidecar.profile.snapshot_window import end_of, window_sum

    horizon_ns = _horizon_ns(options, key, part)
    pane = window_sum(part, horizon_ns, end_of(part, horizon_ns))
    return codec.decode(part.layout.encoded, options.file), pane, horizon_ns


def _other_version(options: argparse.Namespace, snapshot: Snapshot, key: SubjectKey) -> Reference | None:
    """What the version judged against has counted; None before it has closed a pane."""
    from sidecar.profile.snapshot import subject_name

    other = (key[0], options.against, key[2])
    if other not in snapshot.subjects:
        raise BadSnapshot(f"{options.file}: expected {subject_name(other)} in it, got none")
    layout, pane, _ = _window(options, other, snapshot.subjects[other])
    return None if pane is None else _counted(layout, pane)


def _counted(layout: Reference, pane: Pane) -> Reference:
    from sidecar.profile import codec
    from sidecar.profile.learning import counted_references

    features = counted_references(layout.features, pane)
    return codec.seal(pane.rows, features, created_unix_s=0.0, provenance={})


def _horizon_ns(options: argparse.Namespace, key: SubjectKey, part: SubjectPart) -> int:
    from sidecar.profile.snapshot import subject_name
    from sidecar.profile.snapshot_window import horizons_of

    held = horizons_of(part)
    if options.horizon is None:
        return held[0] if held else 0
    wanted = [horizon_ns for horizon_ns in held if abs(horizon_ns - options.horizon * NS) < 1.0]
    if not wanted:
        names = ", ".join(f"{horizon_ns / NS:g}" for horizon_ns in held) or "none"
        raise BadSnapshot(
            f"{options.file}: {subject_name(key)}: expected a horizon of {names} s, got {options.horizon:g}"
        )
    return wanted[0]


def _print(document: dict[str, Any], differences: tuple[Difference, ...]) -> None:
    from sidecar.drift.difference import COLUMNS
    from sidecar.reference_cli import print_table
    from sidecar.snapshot_page import alarm_lines, joint_lines, quality_lines

    version = "" if document["version"] is None else f" version {document['version']}"
    window = document["window"]
    times = [
        "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for seconds in (window["start_unix_s"], window["end_unix_s"])
    ]
    n_origins = len(document["origins"])
    print(f"{document['model']}{version} {document['role']}: {window['rows']:,} rows of {n_origins} origins")
    print(f"{times[0]} to {times[1]}, reference {document['reference']['id']}")
    print_table(COLUMNS, [difference.row() for difference in differences])
    lines = [line for alarm in document["alarms"] for line in alarm_lines(alarm)]
    lines += [line for joint in document["multivariate"] for line in joint_lines(joint)]
    for line in [*lines, *quality_lines(document["quality"])]:
        print(line)


def _read(name: str) -> Snapshot:
    from sidecar.profile.snapshot_codec import decode

    try:
        return decode(Path(name).read_bytes(), name)
    except OSError as exc:
        raise BadSnapshot(f"{name}: expected a readable file, got {exc.strerror}") from exc


def _write(name: str, data: bytes) -> None:
    """Whole or not at all."""
    target = Path(name)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(data)
        draft.replace(target)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise BadSnapshot(f"{name}: expected a writable file, got {exc.strerror}") from exc
