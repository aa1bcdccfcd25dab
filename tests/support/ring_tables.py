"""The byte tables of docs/record-format.md: `python -m tests.support.ring_tables` writes them anew."""

from __future__ import annotations

import struct
from pathlib import Path

from sidecar.ring.layout import EXCHANGE, HEADER, PIECE, PUBLICATION, RECORD, Field
from sidecar.ring.record import ExchangeFlag, Outcome

BEGIN = "<!-- tables: begin -->\n"
END = "<!-- tables: end -->\n"

_TYPES = {"q": "int64", "Q": "uint64", "d": "float64", "I": "uint32", "H": "uint16", "B": "uint8"}


def _table(title: str, fields: tuple[Field, ...]) -> str:
    rows = [f"## {title}", "", "| offset | bytes | type | name | meaning |", "|---|---|---|---|---|"]
    for field in fields:
        kind = _TYPES.get(field.code, "bytes")
        size = struct.calcsize("=" + field.code)
        rows.append(f"| {field.offset} | {size} | {kind} | `{field.name}` | {field.meaning} |")
    return "\n".join(rows)


def _numbers(title: str, pairs: list[tuple[int, str]]) -> str:
    rows = [f"## {title}", "", "| number | name |", "|---|---|"]
    rows += [f"| {number} | `{name.lower()}` |" for number, name in pairs]
    return "\n".join(rows)


def tables_markdown() -> str:
    return "\n\n".join(
        (
            _table("The segment's first page", HEADER),
            _table("A publication, in the header and in the pipe", PUBLICATION),
            _table("Every record begins so", RECORD),
            _table("An exchange goes on so, with its four parts behind", EXCHANGE),
            _table("A piece of a body goes on so, with its bytes behind", PIECE),
            _numbers("Outcomes", [(int(o), o.name) for o in Outcome]),
            _numbers("Flags", [(int(f), str(f.name)) for f in ExchangeFlag]),
        )
    )


def main() -> None:
    path = Path(__file__).resolve().parents[2] / "docs" / "record-format.md"
    text = path.read_text()
    head, rest = text.split(BEGIN)
    path.write_text(head + BEGIN + tables_markdown() + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
