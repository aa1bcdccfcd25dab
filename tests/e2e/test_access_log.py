"""The access log of a real sidecar: a line an exchange, whatever happens to the file."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
from pathlib import Path
from typing import Any

from tests.support.running import Sidecar, eventually, request, split
from tests.support.traffic import Load, infer_body, post_all
from tests.support.upstream import FakeUpstream

BODY = infer_body([[1.0, 2.0]])
TRACE = "0af7651916cd43dd8448eb211c80319c"


def logging(upstream: FakeUpstream, path: Path, *flags: str, **variables: str) -> Sidecar:
    """A sidecar that writes its access log there."""
    return Sidecar(
        f"http://127.0.0.1:{upstream.port}",
        *flags,
        SIDECAR_ACCESS_LOG__PATH=str(path),
        **variables,
    )


def entries(*paths: Path) -> list[dict[str, Any]]:
    """All lines of some files; each must be a whole one."""
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def metric(metrics: str, name: str) -> int:
    """One of the access log's, with its attributes if it has any; 0 when it is not there."""
    found = re.search(rf"^sidecar_access_log_{re.escape(name)} (\d+)$", metrics, re.MULTILINE)
    return int(found[1]) if found else 0


def test_an_exchange_is_a_json_line_with_the_ids_that_went_upstream(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    with logging(upstream, path) as sidecar:
        sidecar.monitored()
        agent = 'User-Agent: a "b"\\c'
        sidecar.send(request("/echo?x=1", b"hello", agent, "X-Request-Id: mine"))
        sidecar.send(request("/204", None, f"traceparent: 00-{TRACE}-b7ad6b7169203331-01"))
        sidecar.send(request("/204"))
        sidecar.send(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")  # refused: no exchange, and no line
        mine, traced, plain = eventually(lambda: len(entries(path)) >= 3 and entries(path))
    assert (mine["method"], mine["target"], mine["status"]) == ("POST", "/echo?x=1", 200)
    assert (mine["caller"], mine["host"], mine["user_agent"]) == ("127.0.0.1", "model", 'a "b"\\c')
    assert (mine["request_bytes"], mine["outcome"], mine["request_id"]) == (5, "ok", "mine")
    assert 0 < mine["first_byte_s"] <= mine["duration_s"] >= mine["upstream_s"] > 0
    assert (traced["trace_id"], traced["sampled"], traced["status"]) == (TRACE, True, 204)
    for entry, sent in zip((mine, traced, plain), upstream.requests, strict=True):
        assert sent.lines("x-request-id") == [entry["request_id"].encode()]
        [parent] = sent.lines("traceparent")
        assert parent.decode().split("-")[1:3] == [entry["trace_id"], entry["span_id"]]
    assert len({entry["request_id"] for entry in (mine, traced, plain)}) == 3


def test_text_is_the_combined_format(upstream: FakeUpstream, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with logging(upstream, path, SIDECAR_ACCESS_LOG__FORMAT="text") as sidecar:
        sidecar.monitored()
        sidecar.send(request("/short", None, 'User-Agent: evil" 200 0 "-', "Referer: http://a/"))
        [line] = eventually(lambda: (text := path.read_text()).endswith("\n") and text.splitlines())
    when = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\]"
    agent = re.escape(r'"http://a/" "evil\x22 200 0 \x22-"')
    assert re.fullmatch(rf'127\.0\.0\.1 - - {when} "GET /short HTTP/1\.1" 200 3 {agent}', line)


def test_a_file_renamed_under_load_loses_no_line_and_repeats_none(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    paths = [path]
    with logging(upstream, path, "--workers", "2") as sidecar:
        sidecar.monitored()
        with Load(sidecar.traffic, BODY) as load:
            for number in range(3):
                eventually(lambda: path.exists() and path.stat().st_size)
                paths.append(path.rename(tmp_path / f"access.log.{number}"))
                eventually(path.exists)
        n_sent = load.statuses.total()
        assert not load.errors
        sidecar.settled(n_sent)
        eventually(lambda: len(entries(*paths)) >= n_sent)
        eventually(lambda: metric(sidecar.metrics(), "lines_total") == n_sent)
    found = entries(*paths)
    assert len(found) == n_sent
    assert len({entry["span_id"] for entry in found}) == n_sent


def test_a_monitor_killed_under_load_repeats_no_line(upstream: FakeUpstream, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    with logging(upstream, path) as sidecar:
        sidecar.monitored()
        with Load(sidecar.traffic, BODY) as load:
            eventually(lambda: path.exists() and len(path.read_bytes()) > 20_000)
            os.kill(sidecar.pid("monitor"), signal.SIGKILL)
            sidecar.monitored(2)
            size = path.stat().st_size
            eventually(lambda: path.stat().st_size > size + 20_000)
        sidecar.settled(load.statuses.total())
    found = entries(path)
    assert len({entry["span_id"] for entry in found}) == len(found)
    assert load.statuses.total() - 128 <= len(found) <= load.statuses.total()  # one batch, at most


def test_a_full_disk_stops_neither_traffic_nor_monitoring_and_is_survived(
    upstream: FakeUpstream, tmp_path: Path
) -> None:
    path = tmp_path / "access.log"
    with logging(upstream, path, SIDECAR_STATE__EVERY_S="3600") as sidecar:
        sidecar.monitored()
        post_all(sidecar.traffic, [BODY] * 3)
        eventually(lambda: len(entries(path)) == 3)
        monitor = sidecar.pid("monitor")
        limits = resource.prlimit(monitor, resource.RLIMIT_FSIZE)
        resource.prlimit(monitor, resource.RLIMIT_FSIZE, (path.stat().st_size + 100, limits[1]))
        assert post_all(sidecar.traffic, [BODY] * 20) == {200: 20}
        assert sidecar.settled(23)["analysed"] == 23
        [failed] = eventually(lambda: sidecar.events("access_log_failed"))
        assert failed["reason"] == "full"
        eventually(lambda: metric(sidecar.metrics(), "waiting") == 20)
        resource.prlimit(monitor, resource.RLIMIT_FSIZE, limits)
        eventually(lambda: metric(sidecar.metrics(), "lines_total") == 23)
    *before, torn, again = [line for line in path.read_text().splitlines()][:5]
    assert len(torn) == 100  # what had room, and then the whole line on its own
    assert again.startswith(torn)
    whole = [line for line in path.read_text().splitlines() if line.endswith("}")]
    assert len({json.loads(line)["span_id"] for line in whole}) == len(whole) == 23
    assert len(before) == 3


def test_lines_that_a_full_device_never_takes_are_counted_and_callers_do_not_notice(
    upstream: FakeUpstream,
) -> None:
    with logging(upstream, Path("/dev/full")) as sidecar:
        sidecar.monitored()
        line = "Referer: " + "r" * 60_000
        for _ in range(25):
            assert split(sidecar.send(request("/204", None, line)))[0] == 204
        sidecar.settled(25)

        def lost_and_waiting() -> tuple[int, int]:
            metrics = sidecar.metrics()
            return metric(metrics, 'lost_total{reason="full"}'), metric(metrics, "waiting")

        eventually(lambda: (found := lost_and_waiting())[0] > 0 and sum(found) == 25)
        assert len(sidecar.events("access_log_failed")) == 1
