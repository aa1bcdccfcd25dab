"""A reference from files: one pass, in memory that does not grow with them.

The rows go through once, into a partial reference (`sidecar.profile.partial`); at its end that is made into
the reference (`sidecar.profile.finish`). Files are hashed for the provenance beside the reading, in a thread.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from sidecar.errors import BadReference
from sidecar.profile.finish import finish
from sidecar.profile.partial import PartialReference, Source, check_sources
from sidecar.profile.plan import Plan
from sidecar.profile.priority import fingerprint
from sidecar.profile.provenance import Folders, file_provenance, file_sha256
from sidecar.profile.reference import Reference
from sidecar.profile.source import Piece, read_blocks

Progress = Callable[[float, int], None]


def build_reference(
    paths: Sequence[Path], plan: Plan, *, created_unix_s: float, progress: Progress | None = None
) -> Reference:
    """A reference from tables.

    Args:
        paths: CSV, JSON Lines or Parquet files with the same columns.
        plan: which columns mean what.
        created_unix_s: time of making.
        progress: told now and then the share done (0 to 1) and the rows read so far.

    Returns:
        The reference.

    Raises:
        BadReference: what the plan, `sidecar.profile.source.read_blocks` and `sidecar.profile.finish` refuse.
    """
    partial = build_partial([Piece(path) for path in paths], plan, progress=progress)
    return finish(partial, created_unix_s=created_unix_s)


def build_partial(
    pieces: Sequence[Piece], plan: Plan, *, progress: Progress | None = None
) -> PartialReference:
    """What is kept of some files, or of pieces of files.

    Args:
        pieces: none of them twice.
        plan: which columns mean what.
        progress: as in `build_reference`.

    Returns:
        The partial reference, settled.

    Raises:
        BadReference: as `build_reference`, but for what only all rows can tell.
    """
    plan.check()
    tell = progress or _tell_nobody
    partial = PartialReference(plan)
    sizes = [_size(piece.path) for piece in pieces]
    whole = max(1, sum(sizes))
    before = 0
    folders = Folders()
    with ThreadPoolExecutor(1) as hasher:
        for piece, size in zip(pieces, sizes, strict=True):
            digest = hasher.submit(file_sha256, piece.path) if piece.is_first else None
            _take(partial, piece, size, functools.partial(_tell, tell, partial, before, whole))
            _note(partial, piece, digest, folders)
            before += size
    check_sources(partial.sources)
    partial.settle()
    tell(1.0, partial.rows)
    return partial


def _tell(tell: Progress, partial: PartialReference, before: int, whole: int, done: int) -> None:
    tell((before + done) / whole, partial.rows)


def _tell_nobody(_share: float, _rows: int) -> None:
    return


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as exc:
        raise BadReference(f"{path}: expected a readable file, got {exc.strerror or exc}") from exc


def _take(partial: PartialReference, piece: Piece, size: int, advanced: Callable[[int], None]) -> None:
    seed = fingerprint(piece.path)
    first_row = rows = 0
    columns: dict[str, None] = {}
    for block in read_blocks(piece, partial.plan.wanted(), advanced):
        first_row = block.first_row if rows == 0 else first_row
        rows += block.rows
        columns.update(dict.fromkeys(block.columns))
        try:
            partial.take(block, seed)
        except BadReference as exc:
            raise BadReference(f"{piece.path}: {exc}") from exc
    partial.sources.append(
        Source(
            name=piece.path.name,
            size_bytes=size,
            fingerprint=seed,
            first_row=first_row,
            rows=rows,
            columns=tuple(columns),
            provenance={},
        )
    )


def _note(partial: PartialReference, piece: Piece, digest: Future[str] | None, folders: Folders) -> None:
    if digest is not None:
        known = {"sha256": digest.result(), **file_provenance(piece.path, folders)}
        partial.sources[-1].provenance.update(known)
