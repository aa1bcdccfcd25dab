from __future__ import annotations

import pytest

from sidecar.telemetry.attributes import (
    LONGEST_PATH,
    ROUTES,
    NameCap,
    normalise_method,
    normalise_route,
    server_attributes,
)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2/models/iris/infer", "/v2/models/{model}/infer"),
        ("/v2/models/iris/infer/", "/v2/models/{model}/infer"),
        ("/v2/models/iris/infer?a=/b", "/v2/models/{model}/infer"),
        ("/v2/models/iris/versions/3/infer", "/v2/models/{model}/versions/{version}/infer"),
        ("/v2/models/iris", "/v2/models/{model}"),
        ("/v2/health/ready", "/v2/health/ready"),
        ("/v1/models/iris:predict", "/v1/models/{model}:predict"),
        ("/v1/models/a:b:predict", "/v1/models/{model}:predict"),
        ("/v1/models/iris:unheard", "/v1/models/{model}"),
        ("/v1/models/iris/versions/3:predict", "/v1/models/{model}/versions/{version}:predict"),
        ("/predictions/m/1.0", "/predictions/{model}/{version}"),
        ("/invocations", "/invocations"),
        ("/", "/"),
        ("//", "/"),
        ("", "__other__"),
        ("/v2/models//infer", "__other__"),
        ("/v2/models/a/b/infer", "__other__"),
        ("/v2/models/iris/inferx", "__other__"),
        ("/x/v2/models/iris/infer", "__other__"),
        ("/users/4711", "__other__"),
        ("*", "__other__"),
        ("/v2/models/" + "m" * LONGEST_PATH + "/infer", "__other__"),
    ],
)
def test_a_path_becomes_its_template(path: str, route: str) -> None:
    assert normalise_route(path) == route


@pytest.mark.parametrize("route", ROUTES)
def test_every_template_is_its_own_template(route: str) -> None:
    assert normalise_route(route) == route


def test_routes_are_bounded_whatever_comes() -> None:
    assert {normalise_route(f"/v2/models/m{turn}/infer") for turn in range(100)} == {
        "/v2/models/{model}/infer"
    }


@pytest.mark.parametrize(
    ("method", "shown"), [("GET", "GET"), ("get", "_OTHER"), ("FOO", "_OTHER"), ("", "_OTHER")]
)
def test_an_unknown_method_is_other(method: str, shown: str) -> None:
    assert normalise_method(method) == shown


def test_server_attributes_of_a_success() -> None:
    assert server_attributes("POST", "/ping", 200) == (
        ("http.request.method", "POST"),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
        ("http.route", "/ping"),
        ("network.protocol.version", "1.1"),
    )


@pytest.mark.parametrize(
    ("status", "error", "shown"),
    [(499, None, None), (500, None, "500"), (504, "timeout", "timeout"), (0, "caller_gone", "caller_gone")],
)
def test_the_error_type_is_the_word_or_the_status(status: int, error: str | None, shown: str | None) -> None:
    attributes = dict(server_attributes("GET", "/", status, error))
    assert attributes.get("error.type") == shown
    assert ("http.response.status_code" in attributes) == (status != 0)


def test_schemes_and_versions_are_bounded() -> None:
    attributes = dict(server_attributes("GET", "/", 200, None, "gopher", "9.9"))
    assert attributes["url.scheme"] == "__other__"
    assert attributes["network.protocol.version"] == "__other__"


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_the_first_names_are_kept(limit: int) -> None:
    cap = NameCap(limit)
    shown = [cap.fold(f"m{turn}") for turn in range(5)]
    assert shown == [f"m{turn}" if turn < limit else "__other__" for turn in range(5)]
    assert cap.fold("m0") == "m0"
    assert cap.folded == 5 - limit
