"""One soak from start to end, and what must be true after it."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.arena import get
from benchmarks.children import Child, free_port
from benchmarks.peers.registry import INTERPRETED, ROOT, sidecar_here
from benchmarks.soak.answers import UNHASHED_TAG
from benchmarks.soak.callers import Caller
from benchmarks.soak.faults import Hands, Stage, schedule
from benchmarks.soak.tally import Tally
from benchmarks.soak.watch import SHORT_WINDOW, Sample, Trend, Watch, trends

EARLY_SHARE = 0.4  # of a run, in which processes of the sidecar are killed; afterwards they live
IDLE_LIMIT_S = 30.0
READY = f"/length/1/1/0/{UNHASHED_TAG}"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a soak runs."""

    seconds: float
    seed: int = 1
    n_callers: int = 24
    sabotage: str = "none"


@dataclass(slots=True)
class Report:
    """What a soak found; `faults` is empty when all is well."""

    tally: Tally
    faults_injected: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    trends: list[Trend] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def demand(self, true: bool, what: str) -> None:
        """Notes what was looked at, as a fault when it is not so."""
        (self.notes if true else self.faults).append(what)


def configuration(ports: dict[str, int], folder: Path) -> dict[str, Any]:
    """Short time-outs, so that every limit is met within a soak; a small ring, so that it fills."""
    return {
        "upstream": f"http://127.0.0.1:{ports['line']}",
        **{name: f"127.0.0.1:{ports[name]}" for name in ("listen", "health", "admin")},
        "log_format": "json",
        "tap": {"ring_bytes": 4_194_304},
        "timeouts": {
            "connect_s": 1.0,
            "queue_s": 3.0,
            "first_byte_s": 5.0,
            "response_idle_s": 5.0,
            "body_idle_s": 5.0,
            "caller_idle_s": 10.0,
            "upstream_idle_s": 1.0,
            "half_close_s": 2.0,  # a loaded machine may deliver a caller's end that late
        },
        "breaker": {"longest_s": 1.0},
        "drain": {"quiet_s": 0.0},
        "window": SHORT_WINDOW,
        "state": {"path": str(folder / "state"), "every_s": 1.0},
        "access_log": {"path": str(folder / "access.log")},
    }


def run_soak(settings: Settings, folder: Path, say: Callable[[str], None] = lambda _line: None) -> Report:
    """Starts everything, runs the load with its faults, and judges.

    Raises:
        NotStarted: something did not start.
    """
    ports = {name: free_port() for name in ("upstream", "line", "listen", "health", "admin")}
    stage = Stage(folder, ports, settings.seed, settings.sabotage)
    config = folder / "sidecar.yaml"
    config.write_text(json.dumps(configuration(ports, folder)), encoding="utf-8")  # JSON is YAML
    peer = sidecar_here()
    command = peer.command(peer.find() or "", config, {})
    sidecar: Child | None = None
    try:
        stage.start("upstream")
        stage.start("line")
        sidecar = Child("sidecar", command, folder, environment={"PYTHONPATH": str(ROOT)})
        sidecar.wait_until(lambda: get(ports["listen"], READY)[0] == 200)
        sidecar.wait_until(lambda: get(ports["admin"], "/metrics")[0] == 200)
        return _soak(settings, ports, stage, sidecar, say)
    finally:
        if sidecar is not None:
            sidecar.stop()
        stage.stop()


def _soak(
    settings: Settings, ports: dict[str, int], stage: Stage, sidecar: Child, say: Callable[[str], None]
) -> Report:
    tally = Tally()
    report = Report(tally)
    watch = Watch(sidecar.pid, INTERPRETED.role_of)
    at_rest = _settle_down(lambda: _accounting(ports), lambda _found: True)
    before = _figures(watch)
    tally.n_seen_surely = int(at_rest["seen"])
    say(f"at rest: {_shown(before)}")
    watch.start()
    begin_s = time.monotonic()
    hands = Hands(stage, sidecar.pid, tally, settings.seed)
    _load(settings, ports["listen"], tally, hands, begin_s, say)
    end_s = time.monotonic()
    watch.stop()
    report.faults_injected = hands.done
    _judge_callers(report)
    _judge_accounting(report, ports)
    _judge_rest(report, watch, before)
    report.samples = watch.samples
    report.trends = trends(watch.samples, begin_s + EARLY_SHARE * (end_s - begin_s), end_s)
    for trend in report.trends:
        if trend.climbs:
            report.faults.append(f"growth: {trend.role}: {trend.figure} gained {trend.gain:,.0f}")
    _judge_journal(report, stage.journal)
    code = sidecar.stop()
    report.demand(code == 0, f"end: expected exit code 0 after SIGTERM, got {code}")
    return report


def _load(
    settings: Settings, port: int, tally: Tally, hands: Hands, begin_s: float, say: Callable[[str], None]
) -> None:
    """Runs callers and faults for the given time; callers finish the visits they have begun."""
    until = threading.Event()
    callers = [Caller(number, settings.seed, port, tally) for number in range(settings.n_callers)]
    threads = [threading.Thread(target=caller.run, args=(until,), daemon=True) for caller in callers]
    faults = schedule(settings.seed, settings.seconds, EARLY_SHARE * settings.seconds)
    threads.append(threading.Thread(target=hands.carry_out, args=(faults, begin_s, until), daemon=True))
    for thread in threads:
        thread.start()
    while (left_s := begin_s + settings.seconds - time.monotonic()) > 0:
        until.wait(min(10.0, left_s))
        say(f"{time.monotonic() - begin_s:5.0f} s  {_progress(tally, hands)}")
    until.set()
    for thread in threads:
        thread.join()


def _progress(tally: Tally, hands: Hands) -> str:
    n_faults = sum(hands.done.values())
    return (
        f"{sum(tally.outcomes.values()):,} requests, {n_faults} faults injected, {tally.n_faults} violations"
    )


# --- what must be true afterwards ---------------------------------------------------------------------


def _accounting(ports: dict[str, int]) -> dict[str, Any]:
    status, body = get(ports["admin"], "/api/v1/status")
    if status != 200:
        return {}
    found: dict[str, Any] = json.loads(body)["accounting"]
    return found


def _settle_down(
    ask: Callable[[], dict[str, Any]], enough: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Asks until nothing is in flight and it is `enough`, or the time is up; the last accounting."""
    deadline_s = time.monotonic() + IDLE_LIMIT_S
    found: dict[str, Any] = {}
    while time.monotonic() < deadline_s:
        found = ask() or found
        if found and found["in_flight"] == 0 and enough(found):
            break
        time.sleep(0.1)  # between two looks at a condition
    return found


def _judge_callers(report: Report) -> None:
    tally = report.tally
    report.demand(
        tally.n_faults == 0, f"callers: {sum(tally.outcomes.values()):,} answers, {tally.n_faults} violations"
    )
    report.faults += tally.faults
    n_exact = sum(n for (_kind, name), n in tally.outcomes.items() if name == "exact")
    report.demand(n_exact > 0, f"callers: {n_exact:,} exact answers")


def _judge_accounting(report: Report, ports: dict[str, int]) -> None:
    least, most = report.tally.n_seen_surely, report.tally.n_seen_surely + report.tally.n_seen_perhaps
    found = _settle_down(lambda: _accounting(ports), lambda found: int(found["seen"]) >= least)
    if not found:
        report.faults.append("accounting: the admin server does not answer")
        return
    settled = found["analysed"] + found["sampled_out"] + found["in_flight"] + sum(found["dropped"].values())
    report.demand(found["seen"] == settled, f"accounting: seen {found['seen']:,}, settled {settled:,}")
    report.demand(found["in_flight"] == 0, f"accounting: {found['in_flight']} in flight at rest")
    what = f"accounting: seen {found['seen']:,}, expected {least:,} answered and up to {most - least:,} more"
    report.demand(least <= found["seen"] <= most, what)
    dropped = {name: n for name, n in found["dropped"].items() if n}
    report.notes.append(f"accounting: analysed {found['analysed']:,}, dropped {dropped}")


Figures = dict[str, dict[str, float]]


def _figures(watch: Watch) -> Figures:
    return {sample.role: sample.values for sample in watch.now()}


def _shown(figures: Figures) -> str:
    return "; ".join(
        f"{role} {v['descriptors']:.0f} descriptors, {v['threads']:.0f} threads, {v['memory'] / 1e6:.0f} MB"
        for role, v in figures.items()
    )


def _judge_rest(report: Report, watch: Watch, before: Figures) -> None:
    """Descriptors and threads must come back to what they were before the load."""

    def excess(now: Figures) -> list[str]:
        return [
            f"at rest: {role}: {figure} {before[role][figure]:.0f} before, {now[role][figure]:.0f} after"
            if role in now
            else f"at rest: {role}: gone"
            for role in before
            for figure in ("descriptors", "threads")
            if role not in now or now[role][figure] > before[role][figure]
        ]

    deadline_s = time.monotonic() + IDLE_LIMIT_S
    while (found := excess(now := _figures(watch))) and time.monotonic() < deadline_s:
        time.sleep(0.2)  # between two looks at a condition
    report.faults += found
    report.notes.append(f"at rest: {_shown(now)}")


def _judge_journal(report: Report, journal: Path) -> None:
    """What reached the model server: no body that its caller did not send, and no POST twice."""
    posts: Counter[str] = Counter()
    n_broken = 0
    for line in journal.read_text(encoding="utf-8").splitlines():
        if line.startswith("POST "):
            posts[line] += 1
        elif line.startswith("BROKEN "):
            n_broken += 1
            report.faults.append(f"model server: {line}")
    twice = [line for line, n in posts.items() if n > 1]
    report.demand(not twice, f"model server: {len(posts):,} POSTs, {len(twice)} of them twice {twice[:3]}")
    report.demand(n_broken == 0, f"model server: {n_broken} requests that their callers did not send")
