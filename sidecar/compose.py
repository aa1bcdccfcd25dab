"""`sidecar run`, composed: the supervisor with the entry points of its children."""

from __future__ import annotations

import os
import sys

from sidecar.config.model import Config
from sidecar.log import Log
from sidecar.profile.envelope import open_envelope, read_reference_file
from sidecar.proxy.app import run_worker
from sidecar.supervisor import ChildMain, Estate, supervise
from sidecar.telemetry.environment import parse_span_settings
from sidecar.telemetry.sampling import parse_sampling


def run(config: Config) -> int:
    """Runs the sidecar until a signal ends it.

    Returns:
        Exit code 0.

    Raises:
        StartError: an address cannot be listened on.
        BadReference: the reference file is none.
    """
    if config.reference.path is not None:
        open_envelope(read_reference_file(config.reference.path), config.reference.path)
    log = Log("supervisor", config.log_format, sys.stderr)
    return supervise(config, log, _worker_main, _monitor_main)


def _worker_main(index: int) -> ChildMain:
    def main(config: Config, estate: Estate, log: Log) -> int:
        return run_worker(
            config,
            listener=estate.listeners[index],
            health_listener=estate.health_listeners[index],
            ring=estate.rings[index],
            hand_off_fd=estate.hand_offs[index][1],
            life_fd=estate.life[0],
            trace_ratio=_root_trace_ratio(),
            log=log,
        )

    return main


def _root_trace_ratio() -> float:
    """A trace that begins here is marked as sampled only when somebody gets its spans."""
    return parse_sampling(os.environ).root_ratio if parse_span_settings(os.environ).enabled else 0.0


def _monitor_main(config: Config, estate: Estate, log: Log) -> int:
    from sidecar.monitor.app import run_monitor

    return run_monitor(
        config,
        rings=estate.rings,
        hand_off_fds=[reading for reading, _ in estate.hand_offs],
        admin_listener=estate.admin_listener,
        life_fd=estate.life[0],
        state_path=estate.state_path,
        board=estate.board,
        started_unix_ns=estate.started_unix_ns,
        environ=os.environ,
        log=log,
    )
