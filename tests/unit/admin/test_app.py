from __future__ import annotations

import re

import pytest

from sidecar.admin.app import PAGE_FILES, STATIC, make_app
from tests.support.admin_source import FakeSource


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/dashboard.js",
        "/dashboard.css",
        "/metrics",
        "/api/v1/status",
        "/api/v1/drift",
        "/api/v1/shadow",
        "/api/v1/performance",
        "/api/v1/alerts",
        "/api/v1/versions",
        "/api/v1/snapshot",
    ],
)
def test_every_path_can_be_read(path: str) -> None:
    resources = {resource.canonical: resource for resource in make_app(FakeSource(), None).router.resources()}
    assert {route.method for route in resources[path]} == {"GET", "HEAD"}


@pytest.mark.parametrize("name", PAGE_FILES.values())
def test_the_page_asks_for_nothing_from_elsewhere(name: str) -> None:
    text = (
        (STATIC / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    )  # a name, not an address
    assert not re.search(r"https?://|@import|url\(|//[a-z]+\.", text)
    assert " style=" not in text  # the content security policy would drop it


def test_the_page_makes_no_markup_from_data() -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(",
        (STATIC / "dashboard.js").read_text(),
    )
