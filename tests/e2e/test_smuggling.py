"""No known form of request smuggling gets through a running sidecar, and none that a careful peer refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h11
import pytest

from tests.support.judges import RawUpstream, ask, judge_with_llhttp, running_peer
from tests.support.running import ROOT, Sidecar, eventually
from tests.support.smuggling import EXCEPTIONS, FORMS, Form
from tests.support.smuggling_table import load_verdicts, render_page_part


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    running = RawUpstream()
    yield running
    running.close()


@pytest.fixture(scope="module")
def sidecar(upstream: RawUpstream) -> Iterator[Sidecar]:
    with Sidecar(f"http://127.0.0.1:{upstream.port}") as running:
        yield running


@pytest.fixture(scope="module")
def nginx(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running_peer("nginx", tmp_path_factory.mktemp("nginx"), upstream.port) as port:
        yield port


@pytest.fixture(params=FORMS, ids=lambda form: form.name)
def form(request: pytest.FixtureRequest) -> Form:
    return request.param  # type: ignore[no-any-return]


def requests_in(received: list[bytes]) -> list[bytes]:
    """The targets of the requests that an independent strict parser reads in what the upstream got."""
    targets = []
    for each in received:
        server = h11.Connection(h11.SERVER)
        server.receive_data(each)
        while type(event := server.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                targets.append(event.target)
        assert server.trailing_data[0] == b"", "bytes behind the one request"
    return targets


def target_of(form: Form) -> bytes:
    return b"*" if form.raw.startswith(b"OPTIONS") else b"/m"


def test_a_form_is_answered_as_the_table_says_and_nothing_of_it_leaks(
    form: Form, sidecar: Sidecar, upstream: RawUpstream
) -> None:
    upstream.take()
    assert ask(sidecar.traffic, form.raw, n_expected=len(form.statuses)) == form.statuses
    assert requests_in(upstream.take()) == [target_of(form)] * form.statuses.count(200)


def test_nothing_that_nginx_or_llhttp_refuses_is_forwarded(form: Form, nginx: int) -> None:
    if form.statuses[0] == 200 and form.name not in EXCEPTIONS:
        assert judge_with_llhttp(form.raw) != "refused"
        assert ask(nginx, form.raw)[:1] == (200,)


def test_nothing_that_envoy_refused_is_forwarded(form: Form) -> None:
    if form.statuses[0] == 200 and form.name not in EXCEPTIONS:
        assert load_verdicts(form).envoy[:1] == (200,)


def test_every_exception_is_one_and_has_a_reason() -> None:
    for name, reason in EXCEPTIONS.items():
        form = next(form for form in FORMS if form.name == name)
        verdicts = load_verdicts(form)
        assert reason
        assert form.statuses[0] == 200
        assert verdicts.llhttp == "refused" or max(verdicts.nginx[0], verdicts.envoy[0]) >= 400


def test_there_are_many_forms_and_each_has_a_name_of_its_own() -> None:
    assert len(FORMS) >= 120
    assert len({form.name for form in FORMS}) == len({form.raw for form in FORMS}) == len(FORMS)


def test_the_page_holds_the_stored_verdicts() -> None:
    assert render_page_part() in (ROOT / "docs" / "http.md").read_text()


def test_after_all_of_it_the_sidecar_still_serves_and_its_accounting_is_exact(
    sidecar: Sidecar, upstream: RawUpstream
) -> None:
    assert ask(sidecar.traffic, b"GET /m HTTP/1.1\r\nHost: m\r\n\r\n") == (200,)
    eventually(lambda: sidecar.accounting()["in_flight"] == 0)
    assert [Path(f"/proc/{sidecar.child.pid}").exists(), sidecar.events("worker_exited")] == [True, []]
