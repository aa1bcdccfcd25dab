"""A room imports only lower floors, rooms of one floor do not import each other, and a worker stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = {
    "errors": 0,
    "clock": 0,
    "compiled": 0,
    "disk": 0,
    "kernels": 0,
    "log": 1,
    "config": 1,
    "ring": 2,
    "http1": 2,
    "payload": 2,
    "recording": 2,
    "listen": 2,
    "board": 2,
    "settings_page": 2,
    "scheduling": 2,
    "heap": 2,
    "estate": 3,
    "family": 4,
    "tls": 2,
    "upstream": 3,
    "profile": 3,
    "drift": 4,
    "compare": 4,
    "quality": 4,
    "telemetry": 6,
    "proxy": 7,
    "mirror": 7,
    "admin": 7,
    "monitor": 8,
    "replay": 8,
    "supervisor": 9,
    "inspect": 9,
    "warm": 9,
    "reference_cli": 9,
    "snapshot_cli": 10,
    "verdict_cli": 9,
    "replay_cli": 10,
    "compose": 10,
    "cli": 11,
    "demo": 10,
    "__main__": 12,
}
HEAVY = ("numba", "numpy", "msgpack", "aiohttp", "opentelemetry")
BANNED_NAMES = {
    "utils",
    "helpers",
    "common",
    "misc",
    "base",
    "core",
    "manager",
    "handler",
    "process",
    "data",
    "info",
}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_KERNEL_LINES = 80
# The only places where any fault at all must be contained; each counts and logs it.
CATCH_ALL = {
    "sidecar/supervisor.py",
    "sidecar/family.py",
    "sidecar/monitor/app.py",
    "sidecar/monitor/intake.py",
    "sidecar/monitor/statistician.py",
    "sidecar/proxy/tap.py",
    "sidecar/mirror/thread.py",
    "sidecar/telemetry/otlp.py",
    "sidecar/telemetry/spans.py",
    "sidecar/telemetry/exporters.py",
    "sidecar/admin/app.py",
    "sidecar/admin/guard.py",
}
ENVIRONMENT_READERS = {"sidecar/cli.py", "sidecar/compose.py", "sidecar/monitor/app.py", "sidecar/demo"}

SOURCES = sorted([*ROOT.glob("sidecar/**/*.py"), *ROOT.glob("kernels/**/*.py")])


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture(params=SOURCES, ids=named)
def source(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return "kernels" if parts[0] == "kernels" else parts[1]


def imports_of(path: Path) -> list[str]:
    modules = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: expected absolute imports"
            modules.append(str(node.module))
    return modules


def rooms_imported(path: Path) -> set[str]:
    rooms = set()
    for module in imports_of(path):
        parts = module.split(".")
        if parts[0] == "kernels":
            rooms.add("kernels")
        elif parts[0] == "sidecar" and len(parts) > 1:
            rooms.add(parts[1])
    return rooms


def test_every_room_has_a_floor(source: Path) -> None:
    if source.name == "__init__.py" and source.parent.name == "sidecar":
        return
    assert room_of(source) in FLOORS


def test_imports_go_down(source: Path) -> None:
    room = room_of(source)
    if source == ROOT / "sidecar/__init__.py":
        assert not rooms_imported(source)
        return
    for other in rooms_imported(source) - {room}:
        assert FLOORS[other] < FLOORS[room], (
            f"{named(source)} (floor {FLOORS[room]}) imports {other} (floor {FLOORS[other]})"
        )


def test_kernels_import_nothing_of_ours() -> None:
    for path in ROOT.glob("kernels/*.py"):
        assert rooms_imported(path) <= {"kernels"}


@pytest.mark.parametrize("entry", ["sidecar.proxy.app", "sidecar.compose", "sidecar.cli"])
def test_a_worker_loads_nothing_heavy(entry: str) -> None:
    """Everything that a worker's process has imported, since it is forked from the supervisor."""
    script = f"import sys, {entry}; print(sorted(set(m.split('.')[0] for m in sys.modules) & set({HEAVY!r})))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "[]"


def test_sizes(source: Path) -> None:
    text = source.read_text()
    assert text.count("\n") <= MAX_FILE_LINES
    limit = MAX_KERNEL_LINES if source.parent.name == "kernels" else MAX_FUNCTION_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            start = int(first.end_lineno or 0) if documented else node.lineno
            length = int(node.end_lineno or 0) - start
            assert length <= limit, f"{named(source)}:{node.name} has {length} lines"


def test_names(source: Path) -> None:
    assert source.stem not in BANNED_NAMES
    assert source.parent.name not in BANNED_NAMES


def test_rooms_have_a_header() -> None:
    for init in ROOT.glob("sidecar/*/__init__.py"):
        first = ast.get_docstring(ast.parse(init.read_text())) or ""
        assert first.startswith(f"Room: {init.parent.name}. Floor {FLOORS[init.parent.name]}."), named(init)


def test_any_exception_is_caught_only_where_it_must_be_contained(source: Path) -> None:
    if named(source) in CATCH_ALL:
        return
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ExceptHandler):
            names = (
                {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)}
                if node.type
                else {"everything"}
            )
            assert not names & {"Exception", "BaseException", "everything"}, f"{named(source)}:{node.lineno}"


def test_the_environment_is_read_at_the_door(source: Path) -> None:
    if any(named(source).startswith(place) for place in ENVIRONMENT_READERS):
        return
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
            assert not (isinstance(node.value, ast.Name) and node.value.id == "os"), (
                f"{named(source)}:{node.lineno}"
            )


def test_no_kernel_is_compiled_past_the_decorator() -> None:
    for path in SOURCES:
        if named(path) != "kernels/jit.py":
            assert not {"njit", "jit", "vectorize"} & {
                alias.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.ImportFrom) and node.module == "numba"
                for alias in node.names
            }, named(path)


def test_every_unit_test_mirrors_a_source_file() -> None:
    for path in ROOT.glob("tests/unit/**/test_*.py"):
        parts = path.relative_to(ROOT / "tests/unit").parts
        folder = ROOT if parts[0] in ("kernels", "benchmarks") else ROOT / "sidecar"
        mirrored = folder.joinpath(*parts).with_name(path.name.removeprefix("test_"))
        assert mirrored.exists(), f"{named(path)} mirrors no {named(mirrored)}"
