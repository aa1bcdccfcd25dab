from __future__ import annotations

import json
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
    body: bytes | None = None
    asked: tuple[str | None, ...] = ()

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
        if not body.startswith((b"{", b"[")):
            self.wfile.write(body)
            return
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


@pytest.mark.parametrize(
    "body", [b"[]", b'{"shadows": [3]}', b'{"shadows": null}', b"no HTTP at all\r\n\r\n"]
)
def test_a_server_that_is_no_sidecar_is_told_in_one_line(
    admin: Admin, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    admin.body = body
    assert ask(admin) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"sidecar: {admin.address}: expected a running sidecar's admin server, got ")
