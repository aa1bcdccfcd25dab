from __future__ import annotations

import pytest

from sidecar.payload.route import PATH_LIMIT, Route, parse_v1_path, parse_v2_path, path_of


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v2/models/iris/infer", Route("iris", None, "infer")),
        ("/v2/models/iris/infer/", Route("iris", None, "infer")),
        ("/v2/models/iris/versions/v1/infer", Route("iris", "v1", "infer")),
        ("/seldon/ns/name/v2/models/iris/infer", Route("iris", None, "infer")),
        ("/v2/repository/models/iris/infer", Route("iris", None, "infer")),
        ("/v2/models/a%2Fb%20c/versions/%31/infer", Route("a/b c", "1", "infer")),
        ("/v2/models/iris", None),
        ("/v2/models/iris/ready", None),
        ("/v2/models/iris/generate_stream", None),
        ("/xv2/models/iris/infer", None),
        ("/v2/models//infer", None),
        ("/v2/models/iris/infer/more", None),
        ("", None),
    ],
)
def test_v2_path(path: str, route: Route | None) -> None:
    assert parse_v2_path(path) == route


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/v1/models/iris:predict", Route("iris", None, "predict")),
        ("/v1/models/iris/versions/3:predict", Route("iris", "3", "predict")),
        ("/v1/models/iris/labels/canary:predict", Route("iris", "canary", "predict")),
        ("/service/v1/models/iris:explain", Route("iris", None, "explain")),
        ("/v1/models/iris:classify", Route("iris", None, "classify")),
        ("/v1/models/iris:regress", Route("iris", None, "regress")),
        ("/v1/models/a:b:predict", Route("a:b", None, "predict")),
        ("/v1/models/a%3Ab:predict", Route("a:b", None, "predict")),
        ("/v1/models/iris", None),
        ("/v1/models/iris/metadata", None),
        ("/v1/chat/completions", None),
        ("/v1/models/iris:delete", None),
        ("", None),
    ],
)
def test_v1_path(path: str, route: Route | None) -> None:
    assert parse_v1_path(path) == route


def test_a_path_beyond_the_limit_is_nobodys() -> None:
    fill = PATH_LIMIT - len("/v2/models/m/infer")
    assert parse_v2_path("/" * fill + "/v2/models/m/infer") == Route("m", None, "infer")
    assert parse_v2_path("/" * (fill + 1) + "/v2/models/m/infer") is None
    assert parse_v1_path("/" * PATH_LIMIT + "/v1/models/m:predict") is None


@pytest.mark.parametrize(
    ("target", "path"),
    [("/a?b", "/a"), ("http://host:1/a/b?c", "/a/b"), ("http://host", "/"), ("*", "*"), ("/a://b", "/a://b")],
)
def test_the_path_of_a_target(target: str, path: str) -> None:
    assert path_of(target) == path
