from __future__ import annotations

import socket

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
