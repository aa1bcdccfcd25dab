"""Between what the mirror works with and what is recorded of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from sidecar.mirror.answer import Answer, Failure
from sidecar.mirror.job import Job
from sidecar.mirror.request import CREDENTIALS
from sidecar.payload.route import path_of
from sidecar.recording.records import Compared, Exchange, Reply

HELD_BYTES = 1024  # for a record's heads and objects, about
_LEFT_OUT = CREDENTIALS | {"set-cookie"}


def exchange_of(job: Job) -> Exchange:
    """The record of a job.

    Args:
        job: an exchange that is over.
    """
    return Exchange(
        number=job.number,
        start_unix_ns=job.start_unix_ns,
        span_id=job.span_id,
        method=job.method,
        target=job.target,
        headers=_without_credentials(job.headers),
        body=job.body,
        primary=_reply_of(job.primary),
    )


def compared_of(shadow: str, job: Job, answer: Answer, again: bool) -> Compared:
    """The record of an answer that was compared.

    Args:
        shadow: whose comparison.
        job: the exchange.
        answer: the shadow's, or the primary's second one.
        again: whether it is the latter.
    """
    return Compared(job.number, shadow, again, _reply_of(answer))


def job_of(exchange: Exchange) -> Job:
    """The job that was recorded.

    Args:
        exchange: a record.
    """
    return Job(
        number=exchange.number,
        span_id=exchange.span_id,
        method=exchange.method,
        target=exchange.target,
        path=path_of(exchange.target),
        headers=exchange.headers,
        body=exchange.body,
        primary=answer_of(exchange.primary),
        start_unix_ns=exchange.start_unix_ns,
    )


def answer_of(reply: Reply) -> Answer:
    """The answer that was recorded.

    Args:
        reply: of a record.
    """
    return Answer(
        reply.status, reply.headers, reply.body, reply.latency_s, cast("Failure | None", reply.failure)
    )


def _reply_of(answer: Answer) -> Reply:
    return Reply(
        answer.status, _without_credentials(answer.headers), answer.body, answer.latency_s, answer.failure
    )


def _without_credentials(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _LEFT_OUT}
