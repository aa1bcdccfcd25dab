"""What the supervisor owns and its children share: it outlives every child."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sidecar.board import MONITOR, Board
from sidecar.config.address import parse_listen
from sidecar.config.model import Config
from sidecar.listen import bind_listeners
from sidecar.ring.segment import Segment, create_ring
from sidecar.settings_page import SettingsPage


@dataclass(frozen=True, slots=True)
class Estate:
    """Sockets, rings, pipes and pages.

    Attributes:
        listeners, health_listeners: one a worker.
        admin_listener: the monitor's.
        rings: one shared segment a worker.
        hand_offs: one pipe a worker, (reading end, writing end).
        life: the pipe whose end means that the supervisor is gone.
        state_path: the checkpoint's folder, or None when none can be had.
        board: what supervisor and children know of each other.
        settings: the configuration in force.
        started_unix_ns: when the sidecar began.
    """

    listeners: list[socket.socket]
    health_listeners: list[socket.socket]
    admin_listener: socket.socket
    rings: list[Segment]
    hand_offs: list[tuple[int, int]]
    life: tuple[int, int]
    state_path: Path | None
    board: Board
    settings: SettingsPage
    started_unix_ns: int

    def keep_for(self, place: int) -> None:
        """Closes what a child of this place on the board does not serve: a socket that some process still
        holds takes callers who then wait for nobody, and the life pipe ends only when nobody else can write
        it.
        """
        os.close(self.life[1])
        if place != MONITOR:
            self.admin_listener.close()
        for worker, listener in enumerate(zip(self.listeners, self.health_listeners, strict=True), start=1):
            if worker != place:
                for other in listener:
                    other.close()

    def let_go_of_callers(self) -> None:
        """Closes the supervisor's own hold on the workers' sockets, so that a worker's closing is the end of
        its own; again changes nothing.

        The health sockets too: a probe would otherwise wait in the backlog of a worker that has ended, while
        others still drain.
        """
        for listener in (*self.listeners, *self.health_listeners):
            listener.close()


def make_estate(config: Config) -> Estate:
    """Binds sockets and makes rings.

    Raises:
        StartError: an address cannot be listened on.
        ConfigError: the configuration is too long to be shared.
    """
    admin = parse_listen(config.admin, "admin")
    return Estate(
        listeners=bind_listeners("listen", parse_listen(config.listen, "listen"), config.workers),
        health_listeners=bind_listeners("health", parse_listen(config.health, "health"), config.workers),
        admin_listener=bind_listeners("admin", admin, 1)[0],
        rings=[
            create_ring(f"sidecar-ring-{index}", config.tap.ring_bytes) for index in range(config.workers)
        ],
        hand_offs=[os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) for _ in range(config.workers)],
        life=os.pipe2(os.O_CLOEXEC),
        state_path=_state_folder(config),
        board=Board(config.workers),
        settings=SettingsPage(config),
        started_unix_ns=time.time_ns(),
    )


def clear_estate(config: Config, estate: Estate) -> None:
    """Removes the checkpoint's folder if it was made for this run only."""
    if config.state.path is None and estate.state_path is not None:
        shutil.rmtree(estate.state_path, ignore_errors=True)


def _state_folder(config: Config) -> Path | None:
    try:
        if config.state.path is None:
            return Path(tempfile.mkdtemp(prefix="sidecar-state-"))
        path = Path(config.state.path)
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A read-only file system: monitoring then starts anew when the monitor dies; the monitor says so
        return None
    return path
