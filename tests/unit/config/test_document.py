from __future__ import annotations

from pathlib import Path

from sidecar.config.document import configuration_page, json_schema

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def test_the_page_is_current() -> None:
    """`make docs` writes it."""
    assert PAGE.read_text() == configuration_page()


def test_every_key_says_what_it_does() -> None:
    for line in configuration_page().splitlines():
        if line.startswith("| `"):
            assert line.rsplit("|", 2)[1].strip(), line


def test_the_schema_refuses_unknown_keys() -> None:
    assert all(not struct.get("additionalProperties", True) for struct in json_schema()["$defs"].values())
