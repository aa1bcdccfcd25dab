"""A real Prometheus scrapes the admin server: names, labels and values as it stores them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from sidecar.admin.app import make_app
from sidecar.telemetry.names import FEATURE_DRIFT, HTTP_SERVER_REQUEST_DURATION, RECORDS_DROPPED
from sidecar.telemetry.points import CounterSet, Family, HistogramSet, Point
from sidecar.telemetry.prometheus import render
from tests.support.admin_source import FakeSource
from tests.support.listening import free_port
from tests.support.running import PATIENCE_S, eventually
from tests.support.tools import require_tool

TOKEN = "scrape-me"


class Source(FakeSource):
    def metrics_text(self, openmetrics: bool) -> str:
        self.asked_for_openmetrics = openmetrics
        durations = HistogramSet(HTTP_SERVER_REQUEST_DURATION)
        for value in (0.004, 0.03, 20.0):
            durations.observe(value, (("http.route", "/v2/models/{model}/infer"),))
        dropped = CounterSet(RECORDS_DROPPED)
        dropped.add((("reason", "ring_full"),), 7)
        drift = Point((("model", 'm"1\\'), ("feature", "x[0]"), ("statistic", "psi")), 0.25)
        families = [durations.family(), dropped.family(), Family(FEATURE_DRIFT, [drift])]
        return render(families, openmetrics=openmetrics)


@contextmanager
def serving(app: web.Application) -> Iterator[int]:
    """The app on a free port of loopback, in a thread of its own; gives the port."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(app, access_log=None)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port: int = runner.addresses[0][1]
        return port

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE_S)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


def ask(port: int, expression: str) -> list[dict[str, Any]]:
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=PATIENCE_S
    ) as answer:
        return json.load(answer)["data"]["result"]


def test_a_real_prometheus_stores_what_we_show(tmp_path: Path) -> None:
    tool = require_tool("prometheus", "prometheus")
    source = Source()
    with serving(make_app(source, TOKEN)) as port:
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "sidecar",
                    "authorization": {"credentials": TOKEN},
                    "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                }
            ],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        own_port = free_port()
        command = [
            tool,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own_port}",
            "--log.level=error",
        ]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            dropped = eventually(lambda: ask(own_port, "sidecar_records_dropped_total"))
            buckets = ask(own_port, "http_server_request_duration_seconds_bucket")
            drift = ask(own_port, "model_feature_drift")
        finally:
            child.terminate()
            child.wait(PATIENCE_S)
    assert source.asked_for_openmetrics
    assert dropped[0]["metric"]["reason"] == "ring_full"
    assert dropped[0]["value"][1] == "7"
    by_bound = {float(item["metric"]["le"]): item["value"][1] for item in buckets}
    assert (by_bound[0.005], by_bound[0.05], by_bound[10.0], by_bound[float("inf")]) == ("1", "2", "2", "3")
    assert buckets[0]["metric"]["http_route"] == "/v2/models/{model}/infer"
    assert drift[0]["metric"]["model"] == 'm"1\\'
    assert drift[0]["value"][1] == "0.25"
