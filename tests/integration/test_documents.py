"""The documents are true: settings load, commands exist, links lead somewhere, figures are the stored
ones."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from benchmarks import table
from sidecar.cli import make_parser
from sidecar.config.load import load_config
from sidecar.telemetry.reasons import STATISTICS
from tests.unit.drift.test_report import report

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    *sorted(ROOT.glob("docs/*.md")),
    ROOT / "deploy" / "README.md",
]
SECRET = {"TOKEN": "x"}


@pytest.fixture(params=PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def page(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_settings_load(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        if re.search(r"^(upstream|window|tap|models|admin|reference|state):", block, re.MULTILINE):
            load_config(block, environ=SECRET, read_file=lambda _name: "secret")


def test_commands_exist(page: Path) -> None:
    for line in re.findall(r"^ {4}(sidecar .*)$", page.read_text(), re.MULTILINE):
        words = shlex.split(line, comments=True)[1:]
        if "..." not in words:
            make_parser().parse_args(words)


def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)`", page.read_text())) <= targets


def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_named_files_exist(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"`((?:sidecar|kernels|deploy|tests|benchmarks|docs)/[A-Za-z0-9_./-]+)`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("name", ["README.md", "docs/operations.md", "docs/shadows.md", "docs/statistics.md"])
def test_documents_hold_the_stored_figures(name: str) -> None:
    assert table.main(["--check", str(ROOT / name)]) == 0


def test_every_picture_is_shown_and_every_one_shown_can_be_drawn() -> None:
    shown = set(re.findall(r"\]\(plots/([a-z-]+)\.svg\)", (ROOT / "docs/statistics.md").read_text()))
    assert shown == {path.stem for path in ROOT.glob("docs/plots/*")}


def test_every_statistic_is_explained() -> None:
    """All that `GET /api/v1/drift` names, and every statistic that is exported."""
    what_is_compared = {
        "model",
        "version",
        "name",
        "role",
        "input",
        "kind",
        "window",
        "id",
        "start_unix_s",
        "end_unix_s",
    }
    names = {*keys_of(report().drift_json()), *(reason.value for reason in STATISTICS)} - what_is_compared
    text = (ROOT / "docs/statistics.md").read_text()
    assert {name for name in names if f"`{name}`" not in text} == set()


def keys_of(body: object) -> set[str]:
    if isinstance(body, dict):
        return {*body, *(key for value in body.values() for key in keys_of(value))}
    return {key for value in body for key in keys_of(value)} if isinstance(body, list) else set()


def test_no_document_speaks_of_a_machine() -> None:
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        assert not re.search(r"/(work|root|home)/", page.read_text()), page
