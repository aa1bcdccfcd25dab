from __future__ import annotations

from pathlib import Path

import pytest
from numba.core import config

from kernels.locator import BakedCacheLocator


def kernel() -> None:
    """Stands for a kernel: the locator asks only where its source is."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "module.py"
    path.write_text("a = 1\n")
    return path


def test_a_cache_that_cannot_be_written_is_taken(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    warm = BakedCacheLocator.from_function(kernel, str(source))
    assert warm is not None
    folder = Path(warm.get_cache_path())
    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: pytest.fail("probed for writing"))
    folder.chmod(0o555)
    again = BakedCacheLocator.from_function(kernel, str(source))
    assert again is not None
    assert again.get_cache_path() == str(folder)


def test_no_cache_that_can_be_made_is_declined(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        config, "CACHE_DIR", str(tmp_path / "file" / "cache")
    )  # below a file there is no folder
    assert BakedCacheLocator.from_function(kernel, str(source)) is None


def test_a_source_is_known_by_its_text_not_by_its_time(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    locator = BakedCacheLocator(kernel, str(source))
    stamp = locator.get_source_stamp()
    source.touch()
    assert locator.get_source_stamp() == stamp
    source.write_text("a = 2\n")
    assert locator.get_source_stamp() != stamp
