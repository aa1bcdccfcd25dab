"""The listening sockets, bound by the supervisor before anything else starts, so that a restarted child finds
callers waiting in the backlog and not refused.
"""

from __future__ import annotations

import errno
import resource
import socket

from sidecar.config.address import ListenAddress
from sidecar.errors import StartError

BACKLOG = 4096


def bind_listeners(name: str, address: ListenAddress, n_sockets: int) -> list[socket.socket]:
    """Binds one address once, or several times with SO_REUSEPORT so that the kernel spreads callers over
    workers.

    SO_REUSEPORT would also let us share the port with a stranger of the same user, so the first socket is
    bound without it: that fails when anybody listens there.

    Args:
        name: the setting, for the error.
        address: where; port 0 takes any free port, the same for all.
        n_sockets: how many, >= 1.

    Raises:
        StartError: one clear line.
    """
    probe = _bind(name, address, reuse_port=False)
    if n_sockets == 1:
        probe.listen(BACKLOG)
        return [probe]
    bound = ListenAddress(address.host, probe.getsockname()[1])
    probe.close()
    sockets = [_bind(name, bound, reuse_port=True) for _ in range(n_sockets)]
    for listener in sockets:
        listener.listen(BACKLOG)
    return sockets


def lift_descriptor_limit(wanted: int) -> int:
    """Raises this process's limit of open descriptors as far as it may; children inherit it.

    Shells and containers often start with 1024, which is kept for programs that use select(); we use none.

    Args:
        wanted: descriptors.

    Returns:
        How many it may open now.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
        return enough
    return soft


def address_of(listener: socket.socket) -> str:
    """The bound address as HOST:PORT."""
    host, port = listener.getsockname()[:2]
    return str(ListenAddress(host, port))


def _bind(name: str, address: ListenAddress, *, reuse_port: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
        listener.setblocking(False)
        if not reuse_port and address.port:
            listener.listen(1)  # binding alone does not see a listener that set SO_REUSEADDR as well
    except OSError as exc:
        listener.close()
        reason = "the port is taken" if exc.errno == errno.EADDRINUSE else (exc.strerror or str(exc)).lower()
        raise StartError(f"{name}: cannot listen on {address}: {reason}") from exc
    return listener
