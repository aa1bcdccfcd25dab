"""The verb `sidecar replay`: recorded traffic judged again, or sent to a candidate; for pipelines."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.errors import ConfigError
from sidecar.verdict_cli import ACCEPTED, DONE, NEGATIVE, describe

if TYPE_CHECKING:  # for annotations; the verb imports what it needs when it runs
    from sidecar.config.model import Config
    from sidecar.config.shadow import ShadowConfig
    from sidecar.recording.reader import Recording
    from sidecar.replay.outcome import Outcome

CANDIDATE = "candidate"  # its name where none is given
FASTEST = "max"
NOBODY = "http://127.0.0.1:1"  # a URL where one is required and none is used


Load = Callable[[str | None, dict[str, Any]], "Config"]


def add_replay_verb(verbs: Any, load: Load) -> None:
    """Adds `replay` to the command line.

    Args:
        verbs: argparse's sub-parsers of `sidecar`.
        load: reads a configuration file, if there is one, and takes further settings.
    """
    replay = verbs.add_parser(
        "replay", help="judge recorded traffic: a shadow's recorded answers, or a candidate's with --to"
    )
    replay.add_argument("recording", nargs="+", metavar="SEGMENT|FOLDER")
    replay.add_argument("--to", metavar="URL", help="send the requests there; without it nothing is sent")
    replay.add_argument("--shadow", metavar="NAME", help="whose recorded answers, and whose settings")
    replay.add_argument("--config", metavar="FILE", help="settings of the shadow: fields, margins, headers")
    replay.add_argument(
        "--speed", type=_speed, default=1.0, metavar="N|max", help="times the recorded pace (default 1)"
    )
    replay.add_argument("--concurrency", type=int, metavar="N", help="requests on their way at once")
    replay.add_argument(
        "--primary",
        metavar="URL",
        help="ask this server again beside the candidate: gives the noise floor, and latencies to compare",
    )
    replay.add_argument("--report", metavar="FILE", help="write the report as canonical JSON")
    replay.add_argument("--html", metavar="FILE", help="write the report as a page")
    replay.add_argument("--require", choices=tuple(ACCEPTED), help="exit 1 unless the verdict is this")
    replay.add_argument("--json", action="store_true", help="print the report instead of a summary")
    replay.set_defaults(verb=lambda options: _replay(options, load))


def _speed(text: str) -> float | None:
    if text == FASTEST:
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (0.0 < speed < math.inf):
        raise argparse.ArgumentTypeError(f"expected a number > 0 or {FASTEST}, got {text!r}")
    return speed


def _replay(options: argparse.Namespace, load: Load) -> int:
    from sidecar.recording.reader import Recording
    from sidecar.replay.page import to_html
    from sidecar.replay.report import make_report, to_text

    recording = Recording([Path(name) for name in options.recording])
    config = load(options.config, {} if options.config is not None else {"upstream": NOBODY})
    if options.to is None:
        shadow, outcome = _judge(options, recording, config)
    else:
        shadow, outcome = _send(options, recording, config)
    report = make_report(recording, outcome, shadow.name, "recorded" if options.to is None else "sent")
    if options.report is not None:
        _write(options.report, to_text(report))
    if options.html is not None:
        _write(options.html, to_html(report))
    print(to_text(report) if options.json else describe(report), end="" if options.json else "\n")
    for damage in report["recording"]["damages"]:
        print(f"  {damage['segment']}: {damage['reason']} after {damage['records']:,} records")
    if options.require is None:
        return DONE
    return DONE if report["verdict"] in ACCEPTED[options.require] else NEGATIVE


def _judge(options: argparse.Namespace, recording: Recording, config: Config) -> tuple[ShadowConfig, Outcome]:
    from sidecar.replay.judge import judge_recorded, recorded_shadows

    name = options.shadow
    if name is None:
        known = recorded_shadows(recording)
        if len(known) != 1:
            expected = "--to URL, or --shadow NAME where answers of several shadows were recorded"
            raise ConfigError("--shadow", expected, ", ".join(known) or "a recording without answers")
        name = known[0]
    shadow = _shadow(config, name)
    return shadow, judge_recorded(recording, shadow, config.tap.body_limit_bytes)


def _send(options: argparse.Namespace, recording: Recording, config: Config) -> tuple[ShadowConfig, Outcome]:
    import asyncio

    import msgspec

    from sidecar.mirror.comparison import ShadowComparison
    from sidecar.replay.outcome import Outcome
    from sidecar.replay.player import Player, asked_again

    shadow = _shadow(config, options.shadow or CANDIDATE)
    changes: dict[str, Any] = {"url": _url("--to", options.to)}
    if options.concurrency is not None:
        if options.concurrency < 1:
            raise ConfigError("--concurrency", "an integer >= 1", str(options.concurrency))
        changes["concurrency"] = options.concurrency
    if options.primary is not None and shadow.noise_ratio == 0.0:
        changes["noise_ratio"] = 1.0
    shadow = msgspec.structs.replace(shadow, **changes)
    comparison = ShadowComparison(
        shadow, config.tap.body_limit_bytes, judge_latency=options.primary is not None
    )
    outcome = Outcome(comparison)

    async def play() -> None:
        primary = None if options.primary is None else _url("--primary", options.primary)
        noisy = asked_again(recording) if primary is None else frozenset()
        player = Player(shadow, outcome, noisy, options.speed, primary, config.upstream_tls)
        await player.play(recording)

    asyncio.run(play())
    return shadow, outcome


def _shadow(config: Config, name: str) -> ShadowConfig:
    from sidecar.config.shadow import ShadowConfig

    return next(
        (shadow for shadow in config.shadows if shadow.name == name),
        ShadowConfig(name=name, url=NOBODY),
    )


def _url(flag: str, text: str) -> str:
    from sidecar.config.check_shadows import check_url

    check_url(text, flag)
    return text


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as exc:
        raise ConfigError(path, "a file that can be written", (exc.strerror or str(exc)).lower()) from None
