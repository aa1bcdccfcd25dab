"""Segments of recorded traffic as blocks: a row is what one row of a request held, beside its answer.

Exchanges that failed, or that no decoder reads, have no rows. Columns are named as the monitor names them;
an output with the name of an input is called `output NAME`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isnan
from pathlib import Path

import numpy as np

from kernels.binning import F64
from sidecar.errors import BadRecording, BadReference, PayloadError
from sidecar.payload.columns import NOT_A_TEXT, Columns, Direction, Schema
from sidecar.payload.message import Message
from sidecar.payload.registry import decode
from sidecar.payload.route import path_of
from sidecar.profile import block as blocks
from sidecar.profile.block import Block, Wanted
from sidecar.profile.cells import Cells, join_texts
from sidecar.profile.encoding import number_text
from sidecar.recording.reader import Recording
from sidecar.recording.records import Exchange, Reply

TIME = "unix_s"  # the column that holds when a request came, if it is asked for

Advanced = Callable[[int], None]


def read_recording(path: Path, wanted: Wanted, advanced: Advanced) -> Iterator[Block]:
    """The rows of a segment.

    Args:
        path: `.rec.gz`.
        wanted: which columns; `unix_s` may be the time.
        advanced: told how many bytes have been read, when all have.

    Yields:
        Blocks of at least `TEXT_BLOCK_ROWS` rows, but for the last one and where the form of the messages
        changes.

    Raises:
        BadReference: "1.rec.gz: expected one model, got a and b"; likewise for a damaged segment.
    """
    gathered: _Gathered | None = None
    first_row = 0
    models: set[str] = set()
    for inputs, outputs, unix_s in _messages(path):
        models |= {side.model for side in (inputs, outputs) if side is not None and side.model}
        if len(models) > 1:
            raise BadReference(f"{path}: expected one model, got {' and '.join(sorted(models))}")
        schemas = (inputs.schema, None if outputs is None else outputs.schema)
        if gathered is not None and (gathered.schemas != schemas or gathered.rows >= blocks.TEXT_BLOCK_ROWS):
            yield gathered.block(first_row, wanted)
            first_row += gathered.rows
            gathered = None
        if gathered is None:
            gathered = _Gathered(schemas)
        gathered.add(inputs, outputs, unix_s)
    if gathered is not None:
        yield gathered.block(first_row, wanted)
    advanced(path.stat().st_size)


class _Gathered:
    """Messages of one form.

    Args:
        schemas: of requests and answers.
    """

    def __init__(self, schemas: tuple[Schema, Schema | None]) -> None:
        self.schemas = schemas
        self.rows = 0
        self._messages: list[tuple[Columns, Columns | None, float]] = []

    def add(self, inputs: Columns, outputs: Columns | None, unix_s: float) -> None:
        """Takes an exchange."""
        self._messages.append((inputs, outputs, unix_s))
        self.rows += inputs.rows

    def block(self, first_row: int, wanted: Wanted) -> Block:
        """All of it."""
        columns = _cells([inputs for inputs, _, _ in self._messages], self.schemas[0], wanted, {})
        answers = [outputs for _, outputs, _ in self._messages if outputs is not None]
        if self.schemas[1] is not None:
            taken = {name: f"output {name}" for name in self.schemas[0].names}
            columns |= _cells(answers, self.schemas[1], wanted, taken)
        if wanted.time == TIME:
            times = [np.full(inputs.rows, unix_s) for inputs, _, unix_s in self._messages]
            columns[TIME] = Cells(np.concatenate(times))
        return Block(first_row, self.rows, columns)


def _cells(
    messages: list[Columns], schema: Schema, wanted: Wanted, renamed: dict[str, str]
) -> dict[str, Cells]:
    columns: dict[str, Cells] = {}
    n_numeric = n_texts = 0
    for column, kind in zip(schema.names, schema.kinds, strict=True):
        name = renamed.get(column, column)
        if kind == "numeric":
            place, n_numeric = n_numeric, n_numeric + 1
            if wanted.takes(name):
                columns[name] = _numbers([message.numeric[:, place] for message in messages], name, wanted)
        else:
            place, n_texts = n_texts, n_texts + 1
            if wanted.takes(name):
                texts = [text for message in messages for text in message.texts[place]]
                columns[name] = _texts([None if text == NOT_A_TEXT else text for text in texts])
    return columns


def _numbers(parts: list[F64], name: str, wanted: Wanted) -> Cells:
    numbers = np.concatenate(parts)
    if name not in wanted.categorical:
        return Cells(numbers)
    return _texts([None if isnan(number) else number_text(number) for number in numbers.tolist()])


def _texts(values: list[str | None]) -> Cells:
    return Cells(np.full(len(values), np.nan), join_texts(values))


def _messages(path: Path) -> Iterator[tuple[Columns, Columns | None, float]]:
    """Requests that were answered well, with the answer if it has a row for each of theirs."""
    try:
        recording = Recording([path])
        for record in recording:
            if not isinstance(record, Exchange) or not _is_good(record.primary):
                continue
            inputs = _columns("request", record, record.headers, record.body)
            if inputs is None or not inputs.rows:
                continue
            outputs = _columns("response", record, record.primary.headers, record.primary.body)
            if outputs is not None and outputs.rows != inputs.rows:
                outputs = None
            yield inputs, outputs, record.start_unix_ns / 1e9
    except BadRecording as exc:
        raise BadReference(str(exc)) from None
    for damage in recording.damages:
        raise BadReference(f"{path}: {damage.reason} after {damage.records} records")


def _is_good(reply: Reply) -> bool:
    return reply.failure is None and 200 <= reply.status < 300


def _columns(side: Direction, record: Exchange, headers: dict[str, str], body: bytes) -> Columns | None:
    try:
        return decode(Message(side, record.method, path_of(record.target), headers, body))
    except PayloadError:
        return None
