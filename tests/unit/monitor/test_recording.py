"""Which exchanges are recorded, with which answers, and what is left out of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sidecar.clock import SystemClock
from sidecar.config.recording import RecordingConfig
from sidecar.log import Log
from sidecar.mirror.answer import Answer
from sidecar.mirror.job import Job
from sidecar.mirror.recorded import job_of
from sidecar.monitor.recording import Recorder
from sidecar.recording.reader import Recording
from sidecar.recording.records import Compared, Exchange

PATH = "/v2/models/m/infer"


def job(number: int = 1, path: str = PATH, **headers: str) -> Job:
    primary = Answer(200, {"content-type": "application/json", "set-cookie": "s"}, b"\x00answer", 0.5)
    target = path + "?a=1"
    return Job(number, b"12345678", "POST", target, path, headers, b"asked", primary, 10**18)


@contextmanager
def recording(folder: Path, **settings: Any) -> Iterator[Recorder]:
    config = RecordingConfig(path=str(folder), **settings)
    recorder = Recorder(config, "0.1.0", SystemClock(), Log("test", "json"))
    recorder.start()
    yield recorder
    assert recorder.stop(10)


def told(recorder: Recorder) -> dict[tuple[str, ...], float]:
    return {
        (
            family.instrument.name.removeprefix("sidecar.recording."),
            *(value for _, value in point.attributes),
        ): (point.value)
        for family in recorder.families()
        for point in family.points
    }


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    given = replace(job(**{"x-request-id": "7"}), primary=Answer(0, {}, b"", 0.5, "broken"))
    with recording(tmp_path) as recorder:
        recorder.offer(given)
    (record,) = Recording([tmp_path])
    assert isinstance(record, Exchange)
    assert job_of(record) == given


def test_credentials_are_not_recorded_even_if_they_came_so_far(tmp_path: Path) -> None:
    secret = {"authorization": "a", "cookie": "b", "x-api-key": "c", "proxy-authorization": "d"}
    with recording(tmp_path) as recorder:
        given = job(**secret, accept="json")
        recorder.offer(given)
        recorder.note("s", given, given.primary, False)
    exchange, compared = Recording([tmp_path])
    assert isinstance(exchange, Exchange)
    assert isinstance(compared, Compared)
    assert exchange.headers == {"accept": "json"}
    assert exchange.primary.headers == compared.reply.headers == {"content-type": "application/json"}


def test_inferences_are_recorded_or_what_routes_say(tmp_path: Path) -> None:
    with recording(tmp_path / "1") as recorder:
        recorder.offer(job(1, "/v2/health/live"))
        recorder.offer(job(2))
        recorder.skip("tunnel")
    found = told(recorder)
    assert (found["records",], found["skipped", "route"], found["skipped", "tunnel"]) == (1, 1, 1)
    with recording(tmp_path / "2", routes=("/own/*",)) as recorder:
        recorder.offer(job(1, "/own/x"))
        recorder.offer(job(2))
    assert [record.number for record in Recording([tmp_path / "2"]) if isinstance(record, Exchange)] == [1]


def test_sessions_are_recorded_whole_with_their_answers(tmp_path: Path) -> None:
    with recording(tmp_path, ratio=0.5, by="session", session_header="x-who") as recorder:
        for number in range(200):
            given = job(number, **{"x-who": str(number % 20)})
            recorder.offer(given)
            recorder.note("s", given, given.primary, False)
    records = list(Recording([tmp_path]))
    exchanges = [record for record in records if isinstance(record, Exchange)]
    sessions = {record.headers["x-who"] for record in exchanges}
    assert 0 < len(sessions) < 20
    assert len(exchanges) == 10 * len(sessions)
    compared = [record.number for record in records if isinstance(record, Compared)]
    assert compared == [record.number for record in exchanges]
    assert told(recorder)["skipped", "sampled_out"] == 200 - len(exchanges)
