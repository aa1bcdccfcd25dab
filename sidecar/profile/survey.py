"""The first look at tables: which columns there are, of what kind, a sample of rows and the categories.

A column that looked numeric until some late text turned up becomes categorical; then everything is read once
more, since the texts of its earlier rows are gone by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from kernels.binning import F64, I64
from sidecar.errors import BadReference
from sidecar.payload.columns import Kind
from sidecar.profile.source import Block, Column, as_texts, read_blocks

SAMPLE_VALUES = 4_000_000  # values kept over all columns: 32 MB
SAMPLE_ROWS = 10_000  # kept of each column however many there are
DISTINCT_LIMIT = 100_000  # categories counted; later ones are `other`, which is where rare ones end anyway
SAMPLE_SEED = 13  # fixed: the same files give the same reference

Told = Callable[[float], None]


@dataclass(slots=True)
class Survey:
    """What was found.

    Args:
        names: all columns, in order of appearance.
        categorical: those that hold text.
        rows: rows read.
        samples: for each numeric column a uniform sample of its values, NaN where missing.
        categories: for each categorical column how often each text occurred.
    """

    names: list[str]
    categorical: set[str]
    rows: int = 0
    samples: dict[str, F64] = field(default_factory=dict)
    categories: dict[str, Counter[str]] = field(default_factory=dict)


class Reservoir:
    """Which rows are kept so that every row is equally likely to be (Vitter's algorithm R).

    Args:
        limit: most rows kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen = 0
        self._rng = np.random.default_rng(SAMPLE_SEED)

    def place(self, rows: int) -> tuple[I64, I64]:
        """Takes in the next rows.

        Args:
            rows: how many.

        Returns:
            The rows to keep (0 to rows - 1) and the places to write them to, in order; a later one may
            overwrite an earlier one.
        """
        number = np.arange(self.seen, self.seen + rows)
        self.seen += rows
        slots = np.where(number < self.limit, number, self._rng.integers(0, number + 1))
        kept = np.flatnonzero(slots < self.limit)
        return kept, slots[kept]


def survey_tables(
    paths: Sequence[Path], columns: Sequence[str] | None, kinds: Mapping[str, Kind], told: Told
) -> Survey:
    """Reads all tables once, or twice when a column turns out to be text late.

    Args:
        paths: the files.
        columns: the columns of interest; all if None.
        kinds: forced kinds.
        told: told the share that is read.

    Returns:
        What was found.

    Raises:
        BadReference: "b.csv: expected a column 'age', got none"; "a.csv: 'age': expected numbers, got text".
    """
    categorical = {name for name, kind in kinds.items() if kind == "categorical"}
    numeric = {name for name, kind in kinds.items() if kind == "numeric"}
    while True:
        survey = Survey([], set(categorical))
        late = _read(survey, paths, columns, numeric, told)
        if not late:
            return survey
        categorical |= late


def table_blocks(paths: Sequence[Path], categorical: set[str], told: Told) -> Iterator[tuple[Path, Block]]:
    """The blocks of all tables.

    Args:
        paths: the files.
        categorical: columns to leave as text.
        told: told the share that is read.

    Yields:
        The file and a block of it.
    """
    sizes = [path.stat().st_size if path.exists() else 0 for path in paths]
    whole = max(1, sum(sizes))
    before = 0
    for path, size in zip(paths, sizes, strict=True):
        for block in read_blocks(path, categorical, partial(_tell, told, before, whole)):
            yield path, block
        before += size


def _tell(told: Told, before: int, whole: int, done: int) -> None:
    told((before + done) / whole)


def _read(
    survey: Survey, paths: Sequence[Path], columns: Sequence[str] | None, numeric: set[str], told: Told
) -> set[str]:
    """One reading; gives the columns whose texts came too late."""
    late: set[str] = set()
    seen: dict[Path, dict[str, None]] = {path: {} for path in paths}
    reservoir = Reservoir(SAMPLE_ROWS)
    for path, block in table_blocks(paths, survey.categorical, told):
        wanted = [name for name in block.columns if columns is None or name in columns]
        if reservoir.seen == 0:
            reservoir = Reservoir(max(SAMPLE_ROWS, SAMPLE_VALUES // max(1, len(wanted))))
        kept, slots = reservoir.place(block.rows)
        for name in wanted:
            seen[path][name] = None
            column = block.columns[name]
            if name not in survey.categorical and _is_text(column):
                if name in numeric:
                    raise BadReference(f"{path}: {name!r}: expected numbers, got text")
                survey.categorical.add(name)
                if name in survey.samples:
                    late.add(name)
            _take(survey, name, column, (kept, slots), reservoir.limit)
        survey.rows += block.rows
    survey.names = list(dict.fromkeys(columns or [name for names in seen.values() for name in names]))
    for path, names in seen.items():
        for name in survey.names:
            if name not in names:
                raise BadReference(f"{path}: expected a column {name!r}, got none")
    filled = min(survey.rows, reservoir.limit)
    survey.samples = {name: sample[:filled] for name, sample in survey.samples.items()}
    return late


def _is_text(column: Column) -> bool:
    return isinstance(column, list) and any(value is not None for value in column)


def _take(survey: Survey, name: str, column: Column, places: tuple[I64, I64], limit: int) -> None:
    if name in survey.categorical:
        counter = survey.categories.setdefault(name, Counter())
        texts = Counter(text for text in as_texts(column) if text is not None)
        room = len(counter) < DISTINCT_LIMIT
        counter.update(texts if room else {text: n for text, n in texts.items() if text in counter})
        return
    sample = survey.samples.get(name)
    if sample is None:
        sample = survey.samples[name] = np.full(limit, np.nan)
    kept, slots = places
    sample[slots] = np.nan if isinstance(column, list) else column[kept]
