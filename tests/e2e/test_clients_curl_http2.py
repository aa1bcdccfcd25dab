"""curl that speaks HTTP/2 from its first byte sees an HTTP/2 server (nginx) and nothing of the sidecar."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.listening import free_port
from tests.support.mlserver import exchange
from tests.support.origin import FILE, origin
from tests.support.peers import serving
from tests.support.running import Sidecar
from tests.support.tools import require_tool

CONFIGURATION = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_max_body_size 16m;
    client_body_buffer_size 4m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{plain}; location / {{ return 200 "up"; }} }}
    server {{
        listen 127.0.0.1:{port} http2;
        location = /said {{ return 200 "$request_method $http_x_team $server_protocol $http_via\\n"; }}
        location / {{ proxy_pass http://127.0.0.1:{origin}; proxy_http_version 1.1; }}
    }}
}}
"""

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def server_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder, port, plain = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    nginx = require_tool("nginx", "nginx-light")
    with origin(tmp_path_factory.mktemp("origin")) as behind:
        text = CONFIGURATION.format(folder=folder, port=port, plain=plain, origin=behind.port)
        (folder / "nginx.conf").write_text(text)
        command = [nginx, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
        with serving(command, folder, lambda: exchange(plain, "GET", "/")[0] == 200):
            yield port


@pytest.fixture(scope="module")
def ports(server_port: int) -> Iterator[dict[str, int]]:
    with Sidecar(f"http://127.0.0.1:{server_port}") as sidecar:
        yield {"direct": server_port, "sidecar": sidecar.traffic}


@pytest.fixture(params=["direct", "sidecar"])
def port(request: pytest.FixtureRequest, ports: dict[str, int]) -> int:
    return ports[request.param]


def curl(port: int, *arguments: str | Path) -> bytes:
    command = [require_tool("curl", "curl"), "-sS", "--max-time", "30", "--http2-prior-knowledge", *arguments]
    places = [f"http://127.0.0.1:{port}{one}" if str(one).startswith("/") else one for one in command[1:]]
    return subprocess.run([command[0], *places], capture_output=True, timeout=60, check=True).stdout


def test_the_server_is_spoken_to_in_http_2_and_told_what_the_caller_said(port: int) -> None:
    answer = curl(port, "-H", "x-team: flowers", "-w", "%{http_version} %{http_code}", "/said")
    assert answer == b"GET flowers HTTP/2.0 \n2 200"


def test_a_megabyte_comes_down(port: int) -> None:
    assert curl(port, "/file") == FILE


def test_a_megabyte_goes_up_and_comes_down(port: int, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(FILE)
    assert curl(port, "--data-binary", f"@{tmp_path / 'sent'}", "/echo") == FILE


def test_many_connections_at_once(port: int) -> None:
    # Debian's curl 7.88 cannot use such a connection twice, with or without a proxy.
    asked = [f"/stream/{number * 100}" for number in range(1, 21)]
    answer = curl(port, "--parallel", "--parallel-immediate", *asked)
    assert len(answer.split(b"\n")) - 1 == sum(number * 100 for number in range(1, 21))


def test_an_error_is_the_servers_own(port: int) -> None:
    assert curl(port, "-w", "%{http_version} %{http_code}", "/status/418") == b"2 418"
