"""The verb `sidecar verdict`: asks a running sidecar what it says of a shadow; for pipelines."""

from __future__ import annotations

import argparse
import http.client
import json
import math
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidecar.config.address import parse_listen
from sidecar.errors import ConfigError, SidecarError

DONE, NEGATIVE = 0, 1
ACCEPTED = {"equivalent": ("equivalent", "better"), "better": ("better",)}
LOOK_S = 2.0  # between two looks at a verdict that is not decided yet


class NoAnswer(SidecarError):
    """The admin server cannot be asked."""


def add_verdict_verb(verbs: Any) -> None:
    """Adds `verdict` to the command line.

    Args:
        verbs: argparse's sub-parsers of `sidecar`.
    """
    verdict = verbs.add_parser("verdict", help="ask a running sidecar about a shadow; exit 0 when it passes")
    verdict.add_argument("--shadow", required=True, metavar="NAME")
    verdict.add_argument("--require", required=True, choices=tuple(ACCEPTED))
    verdict.add_argument("--admin", default="127.0.0.1:9002", metavar="HOST:PORT", help="default %(default)s")
    verdict.add_argument("--token-file", metavar="FILE", help="holds the admin server's bearer token")
    verdict.add_argument(
        "--wait", type=float, default=0.0, metavar="SECONDS", help="longest wait for a decision (default 0)"
    )
    verdict.add_argument("--json", action="store_true", help="print the shadow's whole entry")
    verdict.set_defaults(verb=_verdict)


def _verdict(options: argparse.Namespace) -> int:
    parse_listen(options.admin, "--admin")
    if not 0.0 <= options.wait < math.inf:
        raise ConfigError("--wait", "a number of seconds from 0 on", f"{options.wait:g}")
    until_s = time.monotonic() + options.wait
    while True:
        entry = _ask(options)
        left_s = until_s - time.monotonic()
        if entry["verdict"] != "undecided" or left_s <= 0.0:
            break
        time.sleep(min(LOOK_S, left_s))  # the interval of the poll: the server tells of no change by itself
    print(json.dumps(entry) if options.json else describe(entry))
    return DONE if entry["verdict"] in ACCEPTED[options.require] else NEGATIVE


def _ask(options: argparse.Namespace) -> dict[str, Any]:
    request = urllib.request.Request(f"http://{options.admin}/api/v1/shadow")
    if options.token_file is not None:
        request.add_header("Authorization", f"Bearer {_token(options.token_file)}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            entries = {entry["name"]: dict(entry) for entry in json.load(answer)["shadows"]}
    except urllib.error.HTTPError as exc:
        raise NoAnswer(f"{options.admin}: expected status 200, got {exc.code}") from None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as exc:
        got = exc.reason if isinstance(exc, urllib.error.URLError) else exc
        raise NoAnswer(
            f"{options.admin}: expected a running sidecar's admin server, got {_words(got)}"
        ) from None
    if options.shadow not in entries:
        known = ", ".join(entries) or "none"
        raise ConfigError("--shadow", f"one of: {known}", repr(options.shadow))
    return entries[options.shadow]


def _token(path: str) -> str:
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigError("--token-file", "a readable file", f"{path}: {exc.strerror}") from None
    except UnicodeDecodeError:
        token = ""
    if not token.isascii() or not token.isprintable() or not token:
        raise ConfigError("--token-file", "one line of ASCII", f"{path}: other bytes")  # which are not shown
    return token


def _words(got: object) -> str:
    if isinstance(got, OSError):
        return got.strerror or str(got)
    return "another answer" if isinstance(got, Exception) else str(got)


def describe(entry: Mapping[str, Any]) -> str:
    """What is known of a shadow, in a few lines.

    Args:
        entry: of `GET /api/v1/shadow`, or the report of a replay.
    """
    lines = [f"{entry['name']}: {entry['verdict']} ({entry['compared']:,} answers compared)"]
    for finding in entry["findings"]:
        numbers = (_number(finding[name]) for name in ("estimate", "low", "high"))
        estimate, low, high = numbers
        lines.append(
            f"  {finding['name']:<12} {finding['state']:<10} {estimate} in [{low}, {high}], "
            f"margin {finding['margin']:g}"
        )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"
