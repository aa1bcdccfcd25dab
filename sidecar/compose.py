"""`sidecar run`, composed: the supervisor with the entry points of its children."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from sidecar.config.address import TcpUpstream, parse_upstream
from sidecar.config.model import Config
from sidecar.config.river import check_river
from sidecar.estate import Estate
from sidecar.family import ChildMain
from sidecar.heap import keep_freed_memory, return_large_blocks
from sidecar.log import Log
from sidecar.profile.envelope import open_envelope, read_reference_file
from sidecar.proxy.app import run_worker
from sidecar.scheduling import step_back, step_forward
from sidecar.supervisor import Mains, supervise
from sidecar.telemetry.environment import parse_span_settings
from sidecar.telemetry.sampling import parse_sampling
from sidecar.tls.context import client_context, server_context


def run(read_config: Callable[[], Config]) -> int:
    """Runs the sidecar until a signal ends it.

    Args:
        read_config: reads the settings from where the command line says; called again for a reload.

    Returns:
        Exit code 0.

    Raises:
        ConfigError: the settings are wrong.
        StartError: an address cannot be listened on.
        BadReference: the reference file is none.
    """

    def read() -> Config:
        config = read_config()
        check_files(config)
        return config

    config = read()
    log = Log("supervisor", config.log_format, sys.stderr)
    return supervise(config, log, Mains(_worker_main, _monitor_main), read)


def check_files(config: Config) -> None:
    """Sees to it that the files and libraries which the settings name can be used.

    Raises:
        BadReference: the reference file is none.
        ConfigError: a certificate or key is none, or `river` is not installed.
    """
    check_river(config.alarm.river)
    server_context(config.tls)
    upstream = parse_upstream(config.upstream)
    if isinstance(upstream, TcpUpstream) and upstream.tls:
        client_context(config.upstream_tls)
    if config.reference.path is not None:
        open_envelope(read_reference_file(config.reference.path), config.reference.path)


def _worker_main(index: int) -> ChildMain:
    place = 1 + index

    def main(config: Config, estate: Estate, log: Log) -> int:
        step_forward()
        keep_freed_memory()
        return run_worker(
            config,
            listener=estate.listeners[index],
            health_listener=estate.health_listeners[index],
            ring=estate.rings[index],
            hand_off_fd=estate.hand_offs[index][1],
            life_fd=estate.life[0],
            trace_ratio=_root_trace_ratio(),
            load_config=estate.settings.load,
            beat=lambda now_ns: estate.board.beat(place, now_ns),
            log=log,
        )

    return main


def _root_trace_ratio() -> float:
    """A trace that begins here is marked as sampled only when somebody gets its spans."""
    return parse_sampling(os.environ).root_ratio if parse_span_settings(os.environ).enabled else 0.0


def _monitor_main(config: Config, estate: Estate, log: Log) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload restarts it
    # Read by numpy at its import. The blocks multiplied here are too small to share: threads of BLAS only
    # spin, on cores that are somebody else's.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    step_back()  # before the import: a second of work, again and again should the monitor die so
    return_large_blocks()
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
