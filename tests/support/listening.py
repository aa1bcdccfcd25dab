"""A loopback listener whose connections are served by a thread each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable


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
