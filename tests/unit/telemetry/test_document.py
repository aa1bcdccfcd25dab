from __future__ import annotations

from pathlib import Path

from sidecar.telemetry.document import document, main
from sidecar.telemetry.names import INSTRUMENTS
from sidecar.telemetry.reasons import DROP_REASONS

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_document_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), (
        "make it again: python -m sidecar.telemetry.document"
    )


def test_every_instrument_and_every_loss_has_a_line() -> None:
    text = document()
    assert all(f"| `{instrument.name}` |" in text for instrument in INSTRUMENTS)
    assert all(f"| `{reason.value}` | {reason.description} |" in text for reason in DROP_REASONS)


def test_it_is_written_where_asked(tmp_path: Path) -> None:
    assert main([str(tmp_path / "m.md")]) == 0
    assert (tmp_path / "m.md").read_text(encoding="utf-8") == document()
    assert main([]) == 2
