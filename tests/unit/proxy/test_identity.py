from __future__ import annotations

import re
from binascii import hexlify

from sidecar.config.model import Config
from sidecar.http1.request import parse_request_head
from sidecar.http1.rules import RequestRules
from sidecar.proxy.identity import Identities, share_limit

PLAIN = parse_request_head(b"GET / HTTP/1.1\r\nHost: m\r\n\r\n", RequestRules.of(Config()))


def test_numbers_are_new_each_time() -> None:
    identities = Identities(1.0)
    assert len({identities.next() for _ in range(10_000)}) == 10_000


def test_a_share_is_nearly_exact_over_any_stretch() -> None:
    identities, limit = Identities(1.0), share_limit(0.1)
    for _ in range(20):
        assert 98 <= sum(identities.next() < limit for _ in range(1000)) <= 102


def test_all_and_none() -> None:
    assert (share_limit(1.0), share_limit(0.0)) == (1 << 64, 0)


def test_the_lines_carry_one_identity() -> None:
    identities = Identities(1.0)
    number = identities.next()
    low = number.to_bytes(8, "big")
    lines = identities.own_lines(PLAIN, number, hexlify(low), b"10.0.0.9").decode()
    match = re.fullmatch(
        r"x-forwarded-for: 10\.0\.0\.9\r\nx-request-id: (\w{32})\r\n"
        r"traceparent: 00-(\w{32})-(\w{16})-01\r\n\r\n",
        lines,
    )
    assert match is not None
    assert match[1] == match[2] == (identities.high_bytes + low).hex()
    assert match[3] == low.hex()
    assert identities.request_id(PLAIN, hexlify(low)) == match[1].encode()


def test_a_root_trace_is_sampled_by_the_ratio() -> None:
    identities = Identities(0.0)
    assert identities.trace_flags(None, identities.next()) == 0
