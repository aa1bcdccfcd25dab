"""Writes the generated documents: `make docs`."""

from __future__ import annotations

from pathlib import Path

from sidecar.config.document import configuration_page

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    (DOCS / "configuration.md").write_text(configuration_page())


if __name__ == "__main__":
    main()
