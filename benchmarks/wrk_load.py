"""Closed-loop load by wrk: as many requests as so many connections can carry."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.payloads import Payload

SCRIPTS = Path(__file__).resolve().parent / "wrk"


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk saw."""

    requests: int
    seconds: float
    errors: int
    p50_us: int
    p99_us: int

    @property
    def per_s(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def run_wrk(
    port: int,
    payload: Payload,
    body: Path,
    *,
    connections: int,
    seconds: float,
    fresh_heads: bool,
    core: int | None,
) -> Load:
    """Runs wrk for some seconds.

    Args:
        port: loopback port of the proxy, or of the upstream.
        payload: what is posted.
        body: file that holds the payload's body.
        connections: connections, each with one request under way at any time.
        seconds: length of the run; wrk counts in whole seconds, so it is rounded up.
        fresh_heads: whether every head differs (traceparent, x-request-id).
        core: core that wrk is kept on.

    Raises:
        FileNotFoundError: wrk is not installed.
        RuntimeError: wrk failed.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise FileNotFoundError("wrk: not installed: apt-get install wrk")
    whole_s = max(1, round(seconds + 0.49))
    script = SCRIPTS / ("fresh.lua" if fresh_heads else "post.lua")
    headers = [text for pair in payload.headers.items() for text in pair]
    command = [
        *([] if core is None else ["taskset", "--cpu-list", str(core)]),
        *[
            wrk,
            "--threads",
            "1",
            "--connections",
            str(connections),
            "--duration",
            f"{whole_s}s",
            "--timeout",
            "30s",
        ],
        *["--script", str(script), f"http://127.0.0.1:{port}{payload.path}", "--"],
        *[str(body), payload.content_type, *headers],
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=whole_s + 60, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            seen = json.loads(line.removeprefix("RESULT "))
            errors = sum(seen[kind] for kind in ("connect", "read", "write", "status", "timeout"))
            return Load(seen["requests"], seen["duration_us"] / 1e6, errors, seen["p50_us"], seen["p99_us"])
    raise RuntimeError(f"wrk: expected a RESULT line, got {(done.stdout + done.stderr).strip()[-300:]!r}")
