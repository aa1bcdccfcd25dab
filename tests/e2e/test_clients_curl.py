"""What curl sees of a server is the same through the sidecar, whatever it is told to do."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.origin import FILE, Origin, end_to_end, origin
from tests.support.running import Sidecar
from tests.support.tools import require_tool
from tests.support.upstream import FakeUpstream, Request

LIMIT_BYTES = 4_000_000
LARGE = bytes(range(256)) * 8192  # curl asks before it sends more than a megabyte
DIGEST = hashlib.sha256(LARGE).hexdigest()
TRAILED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-checksum\r\n\r\n"
    b"3\r\nabc\r\n0\r\nx-checksum: 900150983cd2\r\n\r\n"
)

pytestmark = [pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What curl did: exit code, then of its last answer the status, end-to-end lines and body."""

    code: int
    status: int
    lines: list[tuple[str, str]]
    body: bytes
    interim: list[bytes]


def curl(port: int, path: str, *arguments: str | Path, body: bytes = b"") -> Outcome:
    """Runs curl on a path of the server at this port; what it reads from standard input is `body`."""
    command = [require_tool("curl", "curl"), "-sS", "-i", "--max-time", "30", *arguments]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], input=body, capture_output=True, timeout=60, check=False
    )
    interim, rest = [], done.stdout
    while rest.startswith(b"HTTP/1.1 1"):
        first, _, rest = rest.partition(b"\r\n\r\n")
        interim.append(first)
    head, _, received = rest.partition(b"\r\n\r\n")
    if not head:
        return Outcome(done.returncode, 0, [], b"", interim)
    first, *lines = head.decode("latin-1").split("\r\n")
    named = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Outcome(done.returncode, int(first.split(" ")[1]), end_to_end(named), received, interim)


def told(port: int, path: str, form: str, *arguments: str | Path) -> str:
    """Runs curl as above; what it says of the transfer in this `--write-out` form."""
    url = f"http://127.0.0.1:{port}{path}"
    quiet = ["-sS", "--max-time", "30", "-o", "/dev/null", "-w", form]
    command = [require_tool("curl", "curl"), *quiet, *arguments, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    with origin(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture(scope="module")
def sidecar(server: Origin) -> Iterator[Sidecar]:
    limits = {"SIDECAR_LIMITS__BODY_BYTES": str(LIMIT_BYTES)}
    with Sidecar(f"http://127.0.0.1:{server.port}", **limits) as running:
        yield running


@pytest.fixture(scope="module")
def ports(server: Origin, sidecar: Sidecar) -> tuple[int, int]:
    return server.port, sidecar.traffic


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("curl") / "large"
    path.write_bytes(LARGE)
    return path


@pytest.mark.parametrize(
    ("path", "arguments", "status"),
    [
        ("/echo?q=%20a&b=c", [], 200),
        ("/echo/../echo?x=/./y", ["--path-as-is"], 404),
        ("/echo", ["--data", "a=b"], 200),
        ("/echo", ["--data-binary", "\x01\x7f", "-H", "content-type: application/x-own"], 200),
        ("/echo", ["-X", "PUT", "--data", "x"], 200),
        ("/echo", ["-X", "DELETE"], 200),
        ("/echo", ["-X", "PATCH", "--data", ""], 200),
        ("/echo", ["-X", "OPTIONS"], 200),
        ("/echo", ["-X", "PROPFIND"], 200),
        ("/file", ["--head"], 200),
        ("/status/404", ["--head"], 404),
        ("/file", ["--range", "0-9"], 206),
        ("/file", ["--range", "1048000-"], 206),
        ("/file", ["--range", "-100"], 206),
        ("/file", ["--range", "9999999-"], 416),
        ("/file", ["-H", "if-modified-since: Fri, 01 Jan 2100 00:00:00 GMT"], 304),
        ("/stream/3000", [], 200),
        ("/gzip", [], 200),
        ("/gzip", ["--compressed"], 200),
        ("/status/204", [], 204),
        ("/status/302", [], 302),
        ("/status/418", [], 418),
        ("/status/503", ["--data", "x"], 503),
        ("/nowhere", [], 404),
    ],
)
def test_an_answer_is_the_servers_own(
    ports: tuple[int, int], path: str, arguments: list[str], status: int
) -> None:
    direct, through = (curl(port, path, *arguments) for port in ports)
    assert (direct.code, direct.status) == (0, status)
    assert through == direct


def test_a_redirect_is_followed_through_the_sidecar(ports: tuple[int, int]) -> None:
    for port in ports:
        seen = told(port, "/status/302", "%{num_redirects} %{http_code} %{url_effective}", "--location")
        assert seen == f"1 200 http://127.0.0.1:{port}/echo?moved"


@pytest.mark.parametrize("flags", [["-T", "-"], ["-T", ".", "-X", "POST"]])
def test_standard_input_goes_up_in_chunks(ports: tuple[int, int], flags: list[str]) -> None:
    direct, through = (curl(port, "/echo", *flags, body=LARGE) for port in ports)
    assert (
        "x-seen",
        f"{'POST' if '-X' in flags else 'PUT'} /echo chunked {len(LARGE)} {DIGEST}",
    ) in direct.lines
    assert direct.body == LARGE
    assert through == direct


def test_a_large_body_waits_for_continue_from_the_server(ports: tuple[int, int], large: Path) -> None:
    direct, through = (
        curl(
            port,
            "/echo",
            "-H",
            "expect: 100-continue",
            "--expect100-timeout",
            "20",
            "--data-binary",
            f"@{large}",
        )
        for port in ports
    )
    assert direct.interim == [b"HTTP/1.1 100 Continue"]
    assert through == direct


def test_a_body_that_the_server_refuses_early_is_never_sent(ports: tuple[int, int], large: Path) -> None:
    sent = ["--expect100-timeout", "20", "-H", "expect: 100-continue", "--data-binary", f"@{large}"]
    direct, through = (curl(port, "/early", *sent) for port in ports)
    assert (direct.status, direct.body, direct.interim) == (413, b"too much\n", [])
    assert through == direct
    assert [told(port, "/early", "%{http_code} %{size_upload}", *sent) for port in ports] == ["413 0"] * 2


def test_a_body_beyond_the_sidecars_limit_is_never_sent(sidecar: Sidecar, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(LARGE * 3)
    sent = [
        "--expect100-timeout",
        "20",
        "-H",
        "expect: 100-continue",
        "--data-binary",
        f"@{tmp_path / 'huge'}",
    ]
    refused = curl(sidecar.traffic, "/echo", *sent)
    assert (refused.code, refused.status, refused.interim) == (0, 413, [])
    assert ("content-type", "application/problem+json") in refused.lines
    assert told(sidecar.traffic, "/echo", "%{http_code} %{size_upload}", *sent) == "413 0"


def test_an_old_caller_gets_whole_bodies(ports: tuple[int, int]) -> None:
    for path in ("/file", "/stream/3000", "/echo"):
        direct, through = (curl(port, path, "--http1.0") for port in ports)
        assert (direct.code, direct.status) == (0, 200)
        assert (through.code, through.status, through.body) == (0, 200, direct.body)


def test_a_form_with_a_file_arrives_as_sent(ports: tuple[int, int], large: Path) -> None:
    parts = ["-F", "name=iris", "-F", f"weights=@{large};type=application/x-weights;filename=w.bin"]
    direct, through = (curl(port, "/form", *parts) for port in ports)
    assert DIGEST.encode() in direct.body
    assert through == direct


def test_an_answer_that_breaks_off_breaks_off_for_the_caller(ports: tuple[int, int]) -> None:
    direct, through = (curl(port, "/cut") for port in ports)
    assert (direct.code, direct.body) == (18, b"x" * 10)
    assert through == direct


def test_one_connection_serves_many_requests(ports: tuple[int, int]) -> None:
    for port in ports:
        urls = [f"http://127.0.0.1:{port}/echo?{number}" for number in range(20)]
        told = ["-o", "/dev/null"] * 20
        command = [require_tool("curl", "curl"), "-sS", "-w", "%{num_connects} %{http_code}\n", *told, *urls]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.split("\n")[:-1] == ["1 200", *["0 200"] * 19]


def test_trailers_arrive_behind_the_body() -> None:
    def trailed(request: Request) -> bytes:
        return TRAILED

    with FakeUpstream(answer=trailed) as upstream, Sidecar(f"http://127.0.0.1:{upstream.port}") as sidecar:
        direct, through = (
            curl(port, "/", "--raw", "-H", "te: trailers", "-H", "connection: te")
            for port in (upstream.port, sidecar.traffic)
        )
        assert direct.body.endswith(b"\r\n0\r\nx-checksum: 900150983cd2\r\n\r\n")
        assert through.body.endswith(b"\r\n0\r\nx-checksum: 900150983cd2\r\n\r\n")
        assert curl(sidecar.traffic, "/").body == curl(upstream.port, "/").body


def test_a_server_on_a_unix_socket_is_the_same_server(server: Origin, large: Path) -> None:
    def by_socket(path: str, *arguments: str) -> Outcome:
        return curl(server.port, path, "--unix-socket", server.path, *arguments)

    with Sidecar(f"unix:{server.path}") as sidecar:
        assert by_socket("/file") == curl(sidecar.traffic, "/file")
        assert curl(sidecar.traffic, "/file").body == FILE
        sent = ["--data-binary", f"@{large}"]
        assert by_socket("/echo", *sent) == curl(sidecar.traffic, "/echo", *sent)
