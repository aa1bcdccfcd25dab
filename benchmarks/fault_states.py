"""The states in which bench_faults measures a sidecar, and how each is brought about.

A state is settings, something that is done while the load runs, and a question that its own counters must
answer with yes: a fault that did not happen would be measured as one that does no harm.

*Monitoring off* has no setting of its own. What stands for it here is the least that a sidecar can do: no
payload is taken (`tap.ratio: 0`), and the monitor stands still beside a ring that never fills, so that no CPU
goes to it. What is left is one record of metadata an exchange.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.arena import Standing, get

Status = Mapping[str, Any]
LARGE_RING = 268_435_456
KILL_EVERY_S = 0.3


@contextmanager
def undisturbed(_standing: Standing) -> Iterator[None]:
    """Does nothing."""
    yield


@contextmanager
def monitor_stands_still(standing: Standing) -> Iterator[None]:
    """The monitor is stopped for as long as the load runs."""
    standing.signal_monitor(signal.SIGSTOP)
    try:
        yield
    finally:
        standing.signal_monitor(signal.SIGCONT)


@contextmanager
def monitor_dies_again_and_again(standing: Standing) -> Iterator[None]:
    """The monitor is killed as often as it comes back, three times a second at most."""
    ended = threading.Event()

    def kill() -> None:
        while True:
            standing.signal_monitor(signal.SIGKILL)
            if ended.wait(KILL_EVERY_S):
                return

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _n_dropped(reason: str) -> Callable[[Status], int]:
    return lambda status: int(status["accounting"]["dropped"][reason])


def _n_seen(status: Status) -> int:
    return int(status["accounting"]["seen"])


def _n_analysed(status: Status) -> int:
    return int(status["accounting"]["analysed"])


def _n_ended(reason: str) -> Callable[[Status], int]:
    return lambda status: sum(int(entry["ended"].get(reason, 0)) for entry in status["shadow"])


def _n_restarts(status: Status) -> int:
    return int(status["monitor"]["restarts"])


@dataclass(frozen=True, slots=True)
class State:
    """One state.

    Attributes:
        name: in results.
        title: for the eye.
        settings: of the sidecar, as in its configuration file.
        disturb: what is done while the load runs.
        grows: a figure of `status_of` that must have grown over the load, else the fault did not happen.
        full_disk: whether checkpoint and access log lie on a disk without room.
        manner: how its shadow behaves, of `bad_shadows.MANNERS`; without one it has none.
        shadow: settings of that shadow beyond its name and URL.
        judged: whether the budget holds for it; the others say what the figures can mean.
    """

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    disturb: Callable[[Standing], AbstractContextManager[None]] = undisturbed
    grows: Callable[[Status], int] = _n_analysed
    full_disk: bool = False
    manner: str = ""
    shadow: Mapping[str, Any] = field(default_factory=dict)
    judged: bool = True


# A shadow that fails is asked on and on.
ON_AND_ON: Mapping[str, Any] = {"timeout_s": 0.5, "breaker": {"failures": 0}}

_OFF = {"tap": {"ratio": 0.0, "ring_bytes": LARGE_RING}}
OFF = State("off", "monitoring off", _OFF, monitor_stands_still, _n_seen, judged=False)
STATES: tuple[State, ...] = (
    State(
        "off again", "monitoring off, again (the noise)", _OFF, monitor_stands_still, _n_seen, judged=False
    ),
    State("on", "monitoring on", judged=False),
    State("stopped", "monitor stopped", disturb=monitor_stands_still),
    State(
        "ring full",
        "ring full",
        {"tap": {"ring_bytes": 65_536}},
        monitor_stands_still,
        _n_dropped("ring_full"),
    ),
    State(
        "shadow hangs",
        "shadow hangs",
        grows=_n_ended("timeout"),
        manner="hang",
        shadow={**ON_AND_ON, "most_per_s": 10_000.0, "concurrency": 64},
    ),
    State(
        "killed",
        "monitor killed again and again",
        {},
        monitor_dies_again_and_again,
        _n_restarts,
        judged=False,  # of the time it takes to start, three times a second, no budget speaks
    ),
    State(
        "disk full",
        "disk full (state and access log)",
        {"state": {"every_s": 0.5}},
        full_disk=True,
    ),
)

# The shadows' rate, concurrency and longest answer are the defaults. A flood is measured twice: nothing but
# the breaker keeps a shadow from sending what its limits allow, which is 400 MB/s.
WITHOUT_SHADOWS = State("without", "no shadow", judged=False)
SHADOW_STATES: tuple[State, ...] = (
    State("off again", "no shadow, again (the noise)", judged=False),
    *(
        State(f"shadow {does}", f"shadow {does}", grows=_n_ended(ended), manner=manner, shadow=ON_AND_ON)
        for does, manner, ended in (
            ("answers well", "good", "answered"),
            ("answers late", "late", "answered"),
            ("lies", "lie", "answered"),
            ("hangs", "hang", "timeout"),
            ("trickles", "trickle", "timeout"),
            ("resets", "reset", "broken"),
            ("floods on and on", "flood", "too_long"),
            ("answers nonsense", "nonsense", "broken"),
        )
    ),
    State(
        "shadow floods",
        "shadow floods, with its breaker",
        grows=_n_ended("too_long"),
        manner="flood",
        shadow={"breaker": {"longest_s": 0.5}},  # so that it floods within every measurement
    ),
)


def status_of(standing: Standing) -> dict[str, Any]:
    """The sidecar's own status, with what it says of shadows; empty while it does not answer."""
    status, shadows = (get(standing.admin_port or 0, f"/api/v1/{name}") for name in ("status", "shadow"))
    if (status[0], shadows[0]) != (200, 200):
        return {}
    return {**json.loads(status[1]), "shadow": json.loads(shadows[1])["shadows"]}


# --- a disk without room ----------------------------------------------------------------------------


@contextmanager
def open_full_disk(folder: Path) -> Iterator[Path]:
    """A folder, with `state` and `access.log` in it, where not a byte can be written.

    A small file system of its own without room, which only root can make; for others a folder that may not be
    written and a file that is /dev/full.
    """
    place = folder / "full"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        (place / "state").mkdir(mode=0o500)
        (place / "access.log").symlink_to("/dev/full")
        yield place
        return
    try:
        (place / "state").mkdir()
        (place / "access.log").touch()
        fill_up(place)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def fill_up(place: Path) -> None:
    """Writes until nothing more goes in."""
    file = os.open(place / "filler", os.O_WRONLY | os.O_CREAT)
    with suppress(OSError):
        while os.write(file, b"x" * 4096):
            pass
    os.close(file)


def is_full(place: Path) -> bool:
    """Whether not a byte more goes in."""
    log = place / "access.log"
    return log.is_symlink() or os.statvfs(place).f_bavail == 0
