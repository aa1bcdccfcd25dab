from __future__ import annotations

from collections.abc import Iterator

import pytest

from sidecar.mirror.job import KEPT_BYTES, Job
from sidecar.monitor.decoding import Decoded
from sidecar.monitor.heads import HeadReader
from sidecar.monitor.mirroring import offer_exchange, unfit
from sidecar.payload.message import Message
from sidecar.payload.registry import decode
from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.record import ExchangeFlag, Outcome
from tests.support.ring_pair import Pair, ring_pair, write_exchange

TAKEN = int(ExchangeFlag.PAYLOAD_TAKEN)
HEAD = b"POST /v2/models/m/infer?x=1 HTTP/1.1\r\nX-Request-Id: 7\r\n\r\n"
BODIES = (b"asked", b"answered")
ROWS = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[0.5]}]}'


class Recorder:
    """What a mirror is told."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.skipped: list[str] = []

    def offer(self, job: Job) -> None:
        self.jobs.append(job)

    def skip(self, reason: str) -> None:
        self.skipped.append(reason)

    def flush(self) -> None:
        """Nothing waits here."""


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ring_pair(1 << 20) as made:
        yield made


def record(pair: Pair, flags: int = TAKEN, outcome: Outcome = Outcome.OK) -> ExchangeRecord:
    writer, reader = pair.writer(), pair.reader()
    assert write_exchange(writer, 600, b"asked", request_head=HEAD, flags=flags, outcome=outcome)
    writer.publish()
    assert reader.drain()
    (found,) = reader.read_batch()
    assert isinstance(found, ExchangeRecord)
    return found


def offered(
    found: ExchangeRecord,
    bodies: tuple[bytes, bytes] | None = BODIES,
    decoded: Decoded = Decoded("undecoded"),  # noqa: B008 - immutable
) -> Recorder:
    recorder, heads = Recorder(), HeadReader()
    request = heads.request(bytes(found.request_head))
    offer_exchange([recorder], found, request, bodies, heads, decoded)
    return recorder


@pytest.mark.parametrize(
    ("flags", "outcome", "reason"),
    [
        (TAKEN, Outcome.OK, None),
        (TAKEN, Outcome.UPSTREAM_TIMEOUT, None),
        (0, Outcome.OK, "not_taken"),
        (TAKEN | int(ExchangeFlag.NO_MIRROR), Outcome.OK, "route"),
        (TAKEN | int(ExchangeFlag.EXCLUDED), Outcome.OK, "route"),
        (TAKEN | int(ExchangeFlag.TUNNEL), Outcome.OK, "tunnel"),
        (TAKEN | int(ExchangeFlag.REQUEST_CUT), Outcome.OK, "cut"),
        (TAKEN | int(ExchangeFlag.RESPONSE_CUT), Outcome.OK, "cut"),
        (TAKEN, Outcome.CALLER_GONE, "incomplete"),
        (TAKEN, Outcome.REJECTED, "incomplete"),
    ],
)
def test_why_an_exchange_cannot_be_mirrored(
    pair: Pair, flags: int, outcome: Outcome, reason: str | None
) -> None:
    found = record(pair, flags, outcome)
    assert unfit(found, is_whole=True) == reason
    recorder = offered(found)
    assert recorder.skipped == ([] if reason is None else [reason])
    assert len(recorder.jobs) == (reason is None)


def test_bodies_of_which_pieces_are_missing_are_not_mirrored(pair: Pair) -> None:
    assert offered(record(pair), None).skipped == ["incomplete"]


def test_what_a_shadow_is_offered(pair: Pair) -> None:
    found = record(pair)
    (job,) = offered(found).jobs
    assert (job.method, job.target, job.path) == ("POST", "/v2/models/m/infer?x=1", "/v2/models/m/infer")
    assert (job.headers["x-request-id"], job.body) == ("7", b"asked")
    assert (job.primary.status, job.primary.body) == (found.status, b"answered")
    assert job.span_id == found.span_id == job.number.to_bytes(8, "big")


def test_a_primary_that_did_not_answer_counts_as_failed(pair: Pair) -> None:
    (job,) = offered(record(pair, outcome=Outcome.UPSTREAM_TIMEOUT)).jobs
    assert (job.primary.status, job.primary.failure) == (0, "broken")


@pytest.mark.parametrize(
    ("body", "kept"), [(b"x" * KEPT_BYTES, True), (b"x" * (KEPT_BYTES + 1), False)], ids=["short", "long"]
)
def test_rows_that_were_read_go_along_with_bodies_that_are_short(pair: Pair, body: bytes, kept: bool) -> None:
    rows = decode(Message("request", "POST", "/v2/models/m/infer", {}, ROWS), body_limit_bytes=1000)
    (job,) = offered(record(pair), (body, b""), Decoded("analysed", rows, None)).jobs
    assert job.decoded == ((rows, None) if kept else (None, None))
    assert (job.inputs(1 << 20).columns is rows) is kept
