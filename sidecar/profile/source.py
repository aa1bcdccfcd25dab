"""Tables as a stream of blocks, whatever they are kept in.

A block holds some thousand rows by column (`sidecar.profile.cells`). What a cell is never depends on its
neighbours, so it makes no difference where one block ends and the next begins, or which of several readers
takes which part of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sidecar.errors import BadReference
from sidecar.profile.block import Block, Wanted
from sidecar.profile.source_parquet import parquet_groups, read_parquet
from sidecar.profile.source_recording import read_recording
from sidecar.profile.source_text import read_csv, read_json_lines

__all__ = ["Block", "Piece", "Wanted", "file_pieces", "read_blocks"]

Advanced = Callable[[int], None]
Reader = Callable[[Path, Wanted, Advanced], Iterator[Block]]

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".rec": read_recording,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """What one worker reads of a file.

    Args:
        path: the file.
        groups: the first row group and the one after the last, of a Parquet file; None for all of a file.
    """

    path: Path
    groups: tuple[int, int] | None = None

    @property
    def is_first(self) -> bool:
        return self.groups is None or self.groups[0] == 0


def read_blocks(piece: Piece, wanted: Wanted, advanced: Advanced) -> Iterator[Block]:
    """The rows of a file, or of a piece of it, in order.

    Args:
        piece: of a file `.csv`, `.jsonl`, `.ndjson` (each also with `.gz`), `.parquet`, or a segment of
            recorded traffic, `.rec.gz`.
        wanted: which columns, and how to take them.
        advanced: told how many bytes of the file have been read so far.

    Yields:
        Blocks of at most some ten thousand rows.

    Raises:
        BadReference: "data.csv:7: expected 16 fields, got 15", and the like.
    """
    path = piece.path
    kind = _kind(path)
    try:
        if kind == ".parquet":
            yield from read_parquet(path, wanted, advanced, piece.groups)
        elif kind in READERS:
            yield from READERS[kind](path, wanted, advanced)
        else:
            raise BadReference(
                f"{path}: expected .csv, .csv.gz, .jsonl, .parquet or .rec.gz, got {path.suffix!r}"
            )
    except OSError as exc:
        raise BadReference(f"{path}: expected a readable file, got {exc.strerror or exc}") from exc
    except (UnicodeDecodeError, EOFError) as exc:
        raise BadReference(f"{path}: expected UTF-8 text, got {exc}") from exc


def file_pieces(path: Path, rows: int) -> list[Piece]:
    """A file in pieces that can be read apart.

    Args:
        path: the file.
        rows: wanted in a piece, about; row groups of Parquet are not divided, nor are files of text.

    Returns:
        At least one piece.

    Raises:
        BadReference: as `read_blocks`.
    """
    if _kind(path) != ".parquet":
        return [Piece(path)]
    try:
        return [Piece(path, groups) for groups in parquet_groups(path, rows)] or [Piece(path)]
    except OSError as exc:
        raise BadReference(f"{path}: expected a readable file, got {exc.strerror or exc}") from exc


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return suffixes[-1] if suffixes else ""
