from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from sidecar.config.address import ListenAddress
from sidecar.errors import StartError
from sidecar.listen import address_of, bind_listeners


def test_one_socket_on_a_free_port() -> None:
    [listener] = bind_listeners("listen", ListenAddress("127.0.0.1", 0), 1)
    with listener, socket.create_connection(listener.getsockname(), timeout=5):
        assert address_of(listener).startswith("127.0.0.1:")


def test_several_sockets_share_one_port() -> None:
    listeners = bind_listeners("listen", ListenAddress("127.0.0.1", 0), 3)
    assert len({address_of(listener) for listener in listeners}) == 1
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize("n_sockets", [1, 2])
def test_a_port_that_a_stranger_shares_is_taken_all_the_same(n_sockets: int) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(StartError) as caught:
            bind_listeners("listen", ListenAddress("127.0.0.1", port), n_sockets)
        assert str(caught.value) == f"listen: cannot listen on 127.0.0.1:{port}: the port is taken"


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(StartError) as caught:
        bind_listeners("admin", ListenAddress("192.0.2.1", 0), 1)
    assert str(caught.value) == "admin: cannot listen on 192.0.2.1:0: cannot assign requested address"


def test_the_limit_of_descriptors_is_raised_as_far_as_it_may() -> None:
    """In a process of its own, whose limit is lowered first."""
    script = (
        "import resource\n"
        "from sidecar.listen import lift_descriptor_limit\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 300))\n"
        "print(lift_descriptor_limit(200), lift_descriptor_limit(150), lift_descriptor_limit(1000))\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["200", "200", "300", "300", "300"]
