"""TLS for the raw peers of end-to-end tests: callers that speak it to a sidecar, upstreams behind it."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable

from tests.support.certificates import Pair
from tests.support.raw_upstream import Serve, read_head
from tests.support.running import PATIENCE_S, ROOT, Sidecar, eventually

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def serving(sidecar: Sidecar) -> Sidecar:
    """Waits until its worker has read the files of TLS: only a change behind that is one."""
    eventually(lambda: sidecar.events("serving"))
    return sidecar


def callers_tls(pair: Pair, **more: str) -> dict[str, str]:
    """The variables that make a sidecar speak TLS with its callers.

    Args:
        pair: what it shows.
        more: further settings of `tls`, such as `client_ca`.
    """
    settings = {"certificate": pair.certificate, "key": pair.key, **more}
    return {f"SIDECAR_TLS__{name.upper()}": value for name, value in settings.items()}


def upstream_tls(**settings: str) -> dict[str, str]:
    """The variables of `upstream_tls`."""
    return {f"SIDECAR_UPSTREAM_TLS__{name.upper()}": value for name, value in settings.items()}


def over_tls(context: ssl.SSLContext, serve: Serve) -> Serve:
    """What serves over TLS; a handshake that fails is the end of a connection."""

    def serve_tls(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            serve(wrapped)

    return serve_tls


def keep_answering(answer: bytes = OK, seen: Callable[[bytes], None] | None = None) -> Serve:
    """What gives each request without a body the same answer, and shows its head to `seen`."""

    def serve(connection: socket.socket) -> None:
        while True:
            head, _ = read_head(connection)
            if seen is not None:
                seen(head)
            connection.sendall(answer)

    return serve


def connect(sidecar: Sidecar, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    """A caller's connection with its handshake done; an end without TLS's own is an error when it reads.

    Raises:
        ssl.SSLError, ConnectionError: it was refused.
    """
    return context.wrap_socket(sidecar.connect(), server_hostname=name, suppress_ragged_eofs=False)


def ask(caller: socket.socket, asked: bytes) -> bytes:
    """Sends and gives everything up to the end of what came back."""
    caller.sendall(asked)
    received = b""
    while more := caller.recv(65536):
        received += more
    return received


def refuses(sidecar: Sidecar, context: ssl.SSLContext, asked: bytes) -> bool:
    """Whether the handshake fails; with TLS 1.3 a caller hears so only when it reads."""
    try:
        with connect(sidecar, context) as caller:
            return ask(caller, asked) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def shown_by(caller: ssl.SSLSocket) -> bytes:
    """The peer's certificate, DER."""
    der = caller.getpeercert(binary_form=True)
    assert der is not None
    return der


def der_of(pair: Pair) -> bytes:
    """A pair's certificate, DER."""
    with open(pair.certificate) as file:  # noqa: PTH123
        return ssl.PEM_cert_to_DER_cert(file.read())


def started(command: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """Exit code and standard error of a sidecar that cannot start."""
    done = subprocess.run(
        [sys.executable, "-m", "sidecar", *command],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.returncode, done.stderr
