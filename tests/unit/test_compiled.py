from __future__ import annotations

import importlib.machinery
import importlib.util
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sidecar import compiled

ROOT = Path(__file__).resolve().parents[2]


def loaded_from(path: str) -> Callable[[str], importlib.machinery.ModuleSpec]:
    return lambda name: importlib.machinery.ModuleSpec(name, None, origin=path)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/lib/exchange.py", "interpreted"),
        ("/lib/exchange" + importlib.machinery.EXTENSION_SUFFIXES[0], "compiled"),
    ],
)
def test_what_runs_is_what_python_would_import(path: str, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "find_spec", loaded_from(path))
    assert compiled.worker_code() == code


# --- setup.py


def set_up(monkeypatch: pytest.MonkeyPatch, command: str, **variables: str) -> list[dict[str, Any]]:
    """Runs setup.py without building anything: what it asks of setuptools, which need not be here, and
    the names it defines."""
    asked: list[dict[str, Any]] = []
    setuptools = SimpleNamespace(setup=lambda **wishes: asked.append(wishes), Extension=object)
    monkeypatch.setitem(sys.modules, "setuptools", setuptools)  # type: ignore[arg-type] # as much as is used
    monkeypatch.setattr(sys, "argv", ["setup.py", command])
    monkeypatch.delenv("SIDECAR_COMPILE", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    names = runpy.run_path(str(ROOT / "setup.py"))
    return [*asked, names]


def test_nothing_is_compiled_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set_up(monkeypatch, "bdist_wheel")[0] == {}
    assert set_up(monkeypatch, "bdist_wheel", SIDECAR_COMPILE="0")[0] == {}


def test_the_build_environment_gets_mypyc_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wishes, _ = set_up(monkeypatch, "egg_info", SIDECAR_COMPILE="1")
    assert [name.partition(">")[0] for name in wishes["setup_requires"]] == ["mypy[mypyc]"]


def test_a_value_that_means_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="SIDECAR_COMPILE: expected 0 or 1, got 'yes'"):
        set_up(monkeypatch, "bdist_wheel", SIDECAR_COMPILE="yes")


def test_a_missing_compiler_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="expected the C compiler 'no-such-cc', got none"):
        set_up(monkeypatch, "bdist_wheel", SIDECAR_COMPILE="1", CC="no-such-cc -O2")


def test_a_missing_mypyc_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mypyc.build", None)
    with pytest.raises(SystemExit, match=r"expected mypy\[mypyc\]>=\S+ to be installed, got none"):
        set_up(monkeypatch, "bdist_wheel", SIDECAR_COMPILE="1", CC="sh")


def test_every_module_of_the_list_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = set_up(monkeypatch, "bdist_wheel")[-1]["HOT_PATH"]
    modules = [f"sidecar/{room}/{name}.py" for room, names in rooms.items() for name in names]
    assert "sidecar/proxy/exchange.py" in modules
    assert [name for name in modules if not (ROOT / name).is_file()] == []
