"""Loopback listeners whose connections are served by a thread each, and ports for those of others."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

_held: list[socket.socket] = []


def free_port() -> int:
    """A loopback port for one server, or for none: until then, and between two, connections are refused.

    It stays bound for as long as the tests run, so that the system gives it to nobody who asks for any port;
    who asks for this one with `SO_REUSEADDR`, as servers do, gets it.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    return int(holder.getsockname()[1])


def listen(serve: Callable[[socket.socket], None]) -> socket.socket:
    """Serves every connection to a free loopback port until the listener is closed.

    Args:
        serve: called in a thread of its own with the connection; closes it.

    Returns:
        The listener.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener


def close(listener: socket.socket) -> None:
    """Takes no more connections, also for the thread that waits for one."""
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
