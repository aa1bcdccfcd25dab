"""The command line. Each verb imports what it needs when it runs: `--help` and `check-config` load nothing
heavy, and `run` forks its workers before numba or numpy exist in any process.

Exit codes: 0 done, 1 the check that the verb makes came out negative, 2 bad use or configuration, 3 could not
start.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar import __version__
from sidecar.compiled import worker_code
from sidecar.errors import BadRecording, BadReference, BadSnapshot, ConfigError, SidecarError, StartError

if TYPE_CHECKING:  # for annotations; the verbs import it when they run
    from sidecar.config.model import Config

DONE, NEGATIVE, BAD_USE, NO_START = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one verb.

    Args:
        argv: arguments without the program's name; the process's own by default.

    Returns:
        The exit code.
    """
    options = make_parser().parse_args(argv)
    try:
        return int(options.verb(options))
    except (ConfigError, BadRecording, BadReference, BadSnapshot) as exc:
        return _complain(exc, BAD_USE)
    except StartError as exc:
        return _complain(exc, NO_START)
    except SidecarError as exc:
        return _complain(exc, NEGATIVE)
    except BrokenPipeError:  # `sidecar reference show FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except KeyboardInterrupt:
        return 130


def _complain(exc: Exception, code: int) -> int:
    print(f"sidecar: {exc}", file=sys.stderr)
    return code


# --- run


def _run(options: argparse.Namespace) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # a reload that comes too early must not end it
    flags = _run_flags(options)
    from sidecar.compose import run

    return run(lambda: _load(options.config, flags))


def _run_flags(options: argparse.Namespace) -> dict[str, Any]:
    flags: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("upstream", "listen", "health", "admin", "workers", "log_format")
        if getattr(options, name) is not None
    }
    if options.reference is not None:
        flags["reference"] = {"path": options.reference}
    if options.shadow:
        flags["shadows"] = [_shadow_flag(shadow) for shadow in options.shadow]
    return flags


def _shadow_flag(text: str) -> dict[str, str]:
    name, equals, url = text.partition("=")
    if not equals:
        raise ConfigError("--shadow", "NAME=URL", repr(text))
    return {"name": name, "url": url}


def _load(path: str | None, flags: dict[str, Any]) -> Config:
    from sidecar.config.load import load_config

    text = ""
    if path is not None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(path, "a readable file", str(getattr(exc, "strerror", exc)).lower()) from None
    return load_config(
        text,
        "toml" if path is not None and path.endswith(".toml") else "yaml",
        environ=os.environ,
        flags=flags,
        read_file=lambda name: Path(name).read_text(encoding="utf-8"),
    )


def _check_config(options: argparse.Namespace) -> int:
    _load(options.file, {})
    print(f"{options.file}: ok")
    return DONE


def _config_schema(_options: argparse.Namespace) -> int:
    from sidecar.config.document import json_schema

    print(json.dumps(json_schema(), indent=2))
    return DONE


# --- other verbs


def _demo(options: argparse.Namespace) -> int:
    from sidecar.demo.app import run_demo

    return run_demo(seconds=options.seconds, keep=options.keep)


def _warm(_options: argparse.Namespace) -> int:
    from sidecar.warm import warm_kernels

    report = warm_kernels()
    print(f"{report['kernels']} kernels: {report['hits']} from the cache, {report['misses']} compiled")
    return DONE


def _inspect(options: argparse.Namespace) -> int:
    from sidecar.inspect import inspect_bytes

    if options.file == "-":
        message = sys.stdin.buffer.read()
    else:
        try:
            message = Path(options.file).read_bytes()
        except OSError as exc:
            raise ConfigError(options.file, "a readable file", (exc.strerror or "").lower()) from None
    inspection = inspect_bytes(message, path=options.path, content_type=options.content_type)
    print(json.dumps(inspection.to_json()) if options.json else inspection.to_text())
    return DONE if inspection.protocol is not None else NEGATIVE


def make_parser() -> argparse.ArgumentParser:
    """The whole command line; every verb sets `verb`, a function of the options that gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="sidecar",
        description="Serving sidecar proxy with shadow monitoring for machine-learning models.",
        epilog=(
            "Exit codes: 0 done, 1 the check came out negative, 2 bad use or configuration, "
            "3 could not start."
        ),
    )
    version = f"sidecar {__version__} ({worker_code()} worker)"
    parser.add_argument("--version", action="version", version=version)
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")
    _add_run(verbs.add_parser("run", help="stand in front of a model server"))

    demo = verbs.add_parser(
        "demo", help="a model server, the sidecar and traffic that drifts, on this machine"
    )
    demo.add_argument(
        "--seconds", type=float, metavar="N", help="length of the whole demonstration (default 45)"
    )
    demo.add_argument("--keep", action="store_true", help="leave the dashboard up until Ctrl-C")
    demo.set_defaults(verb=_demo)

    check = verbs.add_parser("check-config", help="say what is wrong with a configuration file")
    check.add_argument("file", metavar="FILE")
    check.set_defaults(verb=_check_config)

    schema = verbs.add_parser("config-schema", help="print the JSON schema of the configuration file")
    schema.set_defaults(verb=_config_schema)

    inspect = verbs.add_parser("inspect", help="show how a captured HTTP message or body would be read")
    inspect.add_argument("file", metavar="FILE|-")
    inspect.add_argument("--path", help="the request's path, when the message has none")
    inspect.add_argument("--content-type", help="for a bare body")
    inspect.add_argument("--json", action="store_true")
    inspect.set_defaults(verb=_inspect)

    from sidecar.reference_cli import add_reference_verbs

    add_reference_verbs(verbs)
    from sidecar.snapshot_cli import add_snapshot_verbs

    add_snapshot_verbs(verbs)
    from sidecar.verdict_cli import add_verdict_verb

    add_verdict_verb(verbs)
    from sidecar.replay_cli import add_replay_verb

    add_replay_verb(verbs, _load)
    warm = verbs.add_parser("warm", help="compile every kernel into the cache (for image builds)")
    warm.set_defaults(verb=_warm)
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--config", metavar="FILE", help="YAML or TOML; flags win over it")
    run.add_argument("--upstream", metavar="URL", help="the model server: http(s)://host:port or unix:/path")
    run.add_argument("--listen", metavar="HOST:PORT", help="for callers (default 0.0.0.0:9000)")
    run.add_argument("--health", metavar="HOST:PORT", help="/livez and /readyz (default 0.0.0.0:9001)")
    run.add_argument(
        "--admin", metavar="HOST:PORT", help="metrics, status, dashboard (default 127.0.0.1:9002)"
    )
    run.add_argument("--workers", type=int, metavar="N", help="proxy workers (default 1)")
    run.add_argument("--reference", metavar="FILE", help="made by `sidecar reference build`")
    run.add_argument(
        "--shadow",
        metavar="NAME=URL",
        action="append",
        help="a candidate that gets copies and is compared; may be repeated",
    )
    run.add_argument(
        "--log-format", choices=("auto", "text", "json"), help="default: text on a terminal, else JSON"
    )
    run.set_defaults(verb=_run)
