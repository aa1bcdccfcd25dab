from __future__ import annotations

from sidecar.admin.source import AdminSource
from tests.support.admin_source import FakeSource


def test_the_fake_answers_what_is_asked() -> None:
    source: AdminSource = FakeSource()
    account = source.status()["accounting"]
    settled = (
        account["analysed"] + account["sampled_out"] + account["in_flight"] + sum(account["dropped"].values())
    )
    assert account["seen"] == settled
    assert source.feature("nothing", None, None, None) is None
