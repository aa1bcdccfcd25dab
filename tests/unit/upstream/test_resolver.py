from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from sidecar.config.address import TcpUpstream, UnixUpstream, Upstream, parse_upstream
from sidecar.errors import UpstreamError
from sidecar.upstream.resolver import Resolver

NAME = TcpUpstream("model", 8080, tls=True)
UNKNOWN = socket.gaierror(-2, "Name or service not known")


class NameServer:
    """Answers with what it is told, once `open`; counts how often it was asked."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = list(hosts)
        self.error: OSError | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.n_asked = 0

    async def __call__(self, name: str) -> list[str]:
        assert name == NAME.host
        self.n_asked += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return list(self.hosts)


Test = Callable[[NameServer, Resolver], Awaitable[None]]


def with_names(*hosts: str) -> Callable[[Test], Callable[[], None]]:
    def wrap(test: Test) -> Callable[[], None]:
        def run() -> None:
            async def main() -> None:
                names = NameServer(*hosts)
                await test(names, Resolver(NAME, names))

            asyncio.run(main())

        run.__name__ = getattr(test, "__name__", "test")
        return run

    return wrap


def hosts_of(addresses: tuple[Upstream, ...]) -> list[str]:
    assert all(isinstance(address, TcpUpstream) and address[1:] == (8080, True) for address in addresses)
    return [address[0] for address in addresses]


async def settle() -> None:
    """Lets tasks that wait for nothing run to their end."""
    for _ in range(5):
        await asyncio.sleep(0)


class TestNothingToAsk:
    @pytest.mark.parametrize("text", ["http://127.0.0.1:1", "https://[::1]:8443", "unix:/run/model.sock"])
    def test_an_address_is_its_own_answer(self, text: str) -> None:
        async def refuse(name: str) -> list[str]:
            raise AssertionError(f"asked for {name}")

        async def main() -> None:
            upstream = parse_upstream(text)
            resolver = Resolver(upstream, refuse)
            assert await resolver.addresses(0.0) == (upstream,)
            resolver.note_failure(upstream)
            assert await resolver.addresses(100.0) == (upstream,)

        asyncio.run(main())


class TestOrder:
    @staticmethod
    @with_names("fd00::1", "fd00::2", "fd00::3", "10.0.0.1", "10.0.0.1")
    async def test_both_families_are_tried_in_turns_beginning_with_the_best(
        names: NameServer, resolver: Resolver
    ) -> None:
        assert hosts_of(await resolver.addresses(0.0)) == ["fd00::1", "10.0.0.1", "fd00::2", "fd00::3"]
        names.hosts = ["10.0.0.1", "10.0.0.2", "fd00::1"]
        await resolver.addresses(30.0)
        await settle()
        assert hosts_of(await resolver.addresses(30.0)) == ["10.0.0.1", "fd00::1", "10.0.0.2"]

    @staticmethod
    @with_names("10.0.0.1", "10.0.0.2", "10.0.0.3")
    async def test_what_failed_is_tried_last_until_the_others_failed_too(
        names: NameServer, resolver: Resolver
    ) -> None:
        orders = []
        for _ in range(4):
            addresses = await resolver.addresses(0.0)
            orders.append([host[-1] for host in hosts_of(addresses)])
            resolver.note_failure(addresses[0])
        assert orders == [["1", "2", "3"], ["2", "3", "1"], ["3", "1", "2"], ["1", "2", "3"]]
        assert names.n_asked == 1

    @staticmethod
    @with_names("10.0.0.1", "10.0.0.2")
    async def test_a_new_answer_does_not_bring_back_to_the_front_what_failed(
        names: NameServer, resolver: Resolver
    ) -> None:
        resolver.note_failure((await resolver.addresses(0.0))[0])
        names.hosts = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        assert hosts_of(await resolver.addresses(2.0)) == ["10.0.0.2", "10.0.0.3", "10.0.0.1"]

    @staticmethod
    @with_names("10.0.0.1")
    async def test_the_failure_of_an_address_that_is_gone_changes_no_order(
        names: NameServer, resolver: Resolver
    ) -> None:
        (gone,) = await resolver.addresses(0.0)
        names.hosts = ["10.0.0.2"]
        await resolver.addresses(40.0)
        await settle()
        resolver.note_failure(gone)
        assert hosts_of(await resolver.addresses(40.5)) == ["10.0.0.2"]


class TestAge:
    @staticmethod
    @with_names("10.0.0.1")
    async def test_an_answer_is_kept_for_half_a_minute(names: NameServer, resolver: Resolver) -> None:
        for now_s in (0.0, 1.0, 29.9):
            await resolver.addresses(now_s)
        await settle()
        assert names.n_asked == 1

    @staticmethod
    @with_names("10.0.0.1")
    async def test_an_old_answer_is_used_while_the_new_one_is_on_its_way(
        names: NameServer, resolver: Resolver
    ) -> None:
        await resolver.addresses(0.0)
        names.open.clear()
        names.hosts = ["10.0.0.2"]
        assert hosts_of(await resolver.addresses(30.0)) == ["10.0.0.1"]
        assert hosts_of(await resolver.addresses(31.0)) == ["10.0.0.1"]
        names.open.set()
        await settle()
        assert hosts_of(await resolver.addresses(31.0)) == ["10.0.0.2"]
        assert names.n_asked == 2

    @staticmethod
    @with_names("10.0.0.1")
    async def test_after_a_failed_connection_the_new_answer_is_awaited(
        names: NameServer, resolver: Resolver
    ) -> None:
        resolver.note_failure((await resolver.addresses(0.0))[0])
        names.hosts = ["10.0.0.2"]
        assert hosts_of(await resolver.addresses(1.0)) == ["10.0.0.2"]

    @staticmethod
    @with_names("10.0.0.1")
    async def test_but_only_for_a_moment_and_only_by_the_first(names: NameServer, resolver: Resolver) -> None:
        resolver.note_failure((await resolver.addresses(0.0))[0])
        names.open.clear()
        async with asyncio.timeout(10.0):
            assert hosts_of(await resolver.addresses(1.0)) == ["10.0.0.1"]
        waiting = resolver.addresses(1.0)
        with pytest.raises(StopIteration):  # ended without a single pause
            waiting.send(None)

    @staticmethod
    @with_names("10.0.0.1")
    async def test_an_upstream_that_refuses_everybody_is_asked_for_once_a_second(
        names: NameServer, resolver: Resolver
    ) -> None:
        for tenth in range(30):
            resolver.note_failure((await resolver.addresses(tenth / 10))[0])
        assert names.n_asked == 3


class TestFailure:
    @staticmethod
    @with_names()
    async def test_a_name_that_nobody_knows_is_a_502_that_says_so(
        names: NameServer, resolver: Resolver
    ) -> None:
        names.error = UNKNOWN
        for now_s in (0.0, 0.5):
            with pytest.raises(UpstreamError) as caught:
                await resolver.addresses(now_s)
            assert (caught.value.status, str(caught.value)) == (
                502,
                "cannot resolve the upstream's name 'model': name or service not known",
            )
        assert names.n_asked == 1

    @staticmethod
    @with_names("10.0.0.1")
    async def test_it_is_asked_for_again_a_second_later(names: NameServer, resolver: Resolver) -> None:
        names.error = UNKNOWN
        with pytest.raises(UpstreamError):
            await resolver.addresses(0.0)
        names.error = None
        assert hosts_of(await resolver.addresses(1.0)) == ["10.0.0.1"]

    @staticmethod
    @with_names("10.0.0.1")
    async def test_old_addresses_outlive_the_name_server(names: NameServer, resolver: Resolver) -> None:
        resolver.note_failure((await resolver.addresses(0.0))[0])
        names.error = UNKNOWN
        assert hosts_of(await resolver.addresses(1.0)) == ["10.0.0.1"]
        assert hosts_of(await resolver.addresses(3600.0)) == ["10.0.0.1"]


class TestManyAtOnce:
    @staticmethod
    @with_names("10.0.0.1")
    async def test_one_question_answers_all_who_wait(names: NameServer, resolver: Resolver) -> None:
        names.open.clear()
        waiting = [asyncio.ensure_future(resolver.addresses(0.0)) for _ in range(100)]
        await settle()
        names.open.set()
        assert {hosts_of(await answer)[0] for answer in waiting} == {"10.0.0.1"}
        assert names.n_asked == 1

    @staticmethod
    @with_names("10.0.0.1")
    async def test_who_gives_up_leaves_the_question_to_the_others(
        names: NameServer, resolver: Resolver
    ) -> None:
        names.open.clear()
        impatient, patient = (asyncio.ensure_future(resolver.addresses(0.0)) for _ in range(2))
        await settle()
        impatient.cancel()
        await settle()
        names.open.set()
        assert hosts_of(await patient) == ["10.0.0.1"]
        assert names.n_asked == 1


def test_the_system_knows_localhost_and_no_name_that_is_not_one() -> None:
    async def main() -> None:
        found = await Resolver(parse_upstream("http://localhost:1")).addresses(0.0)
        assert {address[0] for address in found} <= {"127.0.0.1", "::1"}
        assert isinstance(found[0], TcpUpstream)
        assert not isinstance(found[0], UnixUpstream)
        with pytest.raises(UpstreamError) as caught:
            await Resolver(parse_upstream(f"http://{'a' * 70}:1")).addresses(0.0)
        assert str(caught.value) == f"cannot resolve the upstream's name '{'a' * 70}': not a name"

    asyncio.run(main())
