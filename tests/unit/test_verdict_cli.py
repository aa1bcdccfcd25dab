from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main


def entry(verdict: str) -> dict[str, Any]:
    finding = {
        "name": "agreement",
        "state": verdict,
        "estimate": 0.01,
        "low": 0.0,
        "high": None,
        "margin": 0.01,
    }
    return {"name": "candidate", "verdict": verdict, "compared": 1234, "findings": [finding]}


class Admin(HTTPServer):
    """An admin server that answers the verdicts given, the last one for good."""

    verdicts: tuple[str, ...] = ("equivalent",)
    status = 200
    asked: tuple[str | None, ...] = ()
    body: bytes | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Admin

    def do_GET(self) -> None:
        admin = self.server
        verdict = admin.verdicts[min(len(admin.asked), len(admin.verdicts) - 1)]
        admin.asked = (*admin.asked, self.headers["Authorization"])
        body = admin.body or json.dumps({"shadows": [entry(verdict)]}).encode()
        self.send_response(admin.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def admin() -> Iterator[Admin]:
    server = Admin(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def ask(admin: Admin, *flags: str, require: str = "equivalent") -> int:
    return main(["verdict", "--shadow", "candidate", "--require", require, "--admin", admin.address, *flags])


@pytest.mark.parametrize(
    ("verdict", "equivalent", "better"),
    [("equivalent", 0, 1), ("better", 0, 0), ("worse", 1, 1), ("undecided", 1, 1)],
)
def test_the_exit_code_says_whether_what_is_required_holds(
    admin: Admin, verdict: str, equivalent: int, better: int
) -> None:
    admin.verdicts = (verdict,)
    assert (ask(admin), ask(admin, require="better")) == (equivalent, better)


def test_what_it_prints(admin: Admin, capsys: pytest.CaptureFixture[str]) -> None:
    ask(admin)
    assert capsys.readouterr().out == (
        "candidate: equivalent (1,234 answers compared)\n"
        "  agreement    equivalent 0.01 in [0, ?], margin 0.01\n"
    )
    ask(admin, "--json")
    assert json.loads(capsys.readouterr().out) == entry("equivalent")


def test_it_waits_for_a_decision(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.verdict_cli.LOOK_S", 0.001)
    admin.verdicts = ("undecided", "undecided", "better")
    assert ask(admin, "--wait", "30") == 0
    assert len(admin.asked) == 3


def test_the_token_is_read_from_a_file(admin: Admin, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    assert ask(admin, "--token-file", str(tmp_path / "token")) == 0
    assert admin.asked == ("Bearer secret",)


def test_what_cannot_be_asked_is_told(
    admin: Admin, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none")
    assert ask(admin, "--shadow", "nobody") == 2
    assert ask(admin, "--token-file", missing) == 2
    admin.status = 401
    assert ask(admin) == 1
    assert capsys.readouterr().err.splitlines() == [
        "sidecar: --shadow: expected one of: candidate, got 'nobody'",
        f"sidecar: --token-file: expected a readable file, got {missing}: No such file or directory",
        f"sidecar: {admin.address}: expected status 200, got 401",
    ]


class TestBadUse:
    """Exit code 2, and one line that says where."""

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            (
                ("--admin", "http://127.0.0.1:9002"),
                "--admin: expected HOST:PORT, got 'http://127.0.0.1:9002'",
            ),
            (("--admin", "localhost"), "--admin: expected HOST:PORT, got 'localhost'"),
            (("--admin", "localhost:x"), "--admin: expected HOST:PORT, got 'localhost:x'"),
            (("--wait", "nan"), "--wait: expected a number of seconds from 0 on, got nan"),
            (("--wait", "-1"), "--wait: expected a number of seconds from 0 on, got -1"),
        ],
    )
    def test_of_a_flag(
        self, admin: Admin, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
    ) -> None:
        admin.verdicts = ("undecided", "equivalent")
        assert ask(admin, *flags) == 2
        assert capsys.readouterr().err == f"sidecar: {message}\n"

    @pytest.mark.parametrize("content", [b"", b"\xed\xff", b"se\r\ncret"])
    def test_of_a_token_file_whose_content_is_not_shown(
        self, admin: Admin, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
    ) -> None:
        path = tmp_path / "token"
        path.write_bytes(content)
        assert ask(admin, "--token-file", str(path)) == 2
        assert capsys.readouterr().err == (
            f"sidecar: --token-file: expected one line of ASCII, got {path}: other bytes\n"
        )


class TestAnotherServer:
    """Exit code 1: nothing is known of the shadow."""

    def test_nobody_listens(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{bound.getsockname()[1]}"
            assert main(["verdict", "--shadow", "a", "--require", "better", "--admin", address]) == 1
        assert capsys.readouterr().err == (
            f"sidecar: {address}: expected a running sidecar's admin server, got Connection refused\n"
        )

    @pytest.mark.parametrize(
        "body", [b"<html>", b"[]", b"{}", b'{"shadows": 1}', b'{"shadows": [3]}', b'{"shadows": null}']
    )
    def test_one_that_says_something_else(
        self, admin: Admin, capsys: pytest.CaptureFixture[str], body: bytes
    ) -> None:
        admin.body = body
        assert ask(admin) == 1
        assert capsys.readouterr().err == (
            f"sidecar: {admin.address}: expected a running sidecar's admin server, got another answer\n"
        )

    def test_one_that_speaks_no_http(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            thread = threading.Thread(target=_greet, args=(listener,))
            thread.start()
            assert main(["verdict", "--shadow", "a", "--require", "better", "--admin", address]) == 1
            thread.join()
        assert capsys.readouterr().err == (
            f"sidecar: {address}: expected a running sidecar's admin server, got another answer\n"
        )


def _greet(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65_536)
        connection.sendall(b"220 mail.example ESMTP\r\n")
