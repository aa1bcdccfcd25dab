"""Attribute values from traffic, made bounded.

A path, a method or a model's name comes from callers: taken as it is, each new one is a new series for ever,
and the OpenTelemetry SDK has no limit of its own. So a route is one of the templates below or `__other__`, a
method one that HTTP knows or `_OTHER` (the conventions' word), and of names only the first so many are kept.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sidecar.telemetry.names import ERROR_TYPE, METHOD, PROTOCOL_VERSION, ROUTE, SCHEME, STATUS_CODE
from sidecar.telemetry.points import OTHER, Attributes

METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE"})
OTHER_METHOD = "_OTHER"
SCHEMES = frozenset({"http", "https"})
PROTOCOL_VERSIONS = frozenset({"1.0", "1.1", "2"})
CACHED_PATHS = 4096
LONGEST_PATH = 1024  # no template matches anything longer; longer ones would only fill the cache

ROUTES = (
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/{model}",
    "/v2/models/{model}/ready",
    "/v2/models/{model}/infer",
    "/v2/models/{model}/stats",
    "/v2/models/{model}/generate",
    "/v2/models/{model}/generate_stream",
    "/v2/models/{model}/versions/{version}",
    "/v2/models/{model}/versions/{version}/ready",
    "/v2/models/{model}/versions/{version}/infer",
    "/v2/models/{model}/versions/{version}/stats",
    "/v2/models/{model}/versions/{version}/generate",
    "/v2/models/{model}/versions/{version}/generate_stream",
    "/v2/repository/index",
    "/v2/repository/models/{model}/load",
    "/v2/repository/models/{model}/unload",
    "/v1/models",
    "/v1/models/{model}",
    "/v1/models/{model}/metadata",
    "/v1/models/{model}:predict",
    "/v1/models/{model}:classify",
    "/v1/models/{model}:regress",
    "/v1/models/{model}:explain",
    "/v1/models/{model}/versions/{version}",
    "/v1/models/{model}/versions/{version}:predict",
    "/v1/models/{model}/versions/{version}:classify",
    "/v1/models/{model}/versions/{version}:regress",
    "/v1/models/{model}/labels/{label}:predict",
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/api/v1.0/predictions",
    "/api/v0.1/predictions",
    "/predictions/{model}",
    "/predictions/{model}/{version}",
    "/invocations",
    "/ping",
    "/version",
    "/predict",
    "/health",
    "/healthz",
    "/livez",
    "/readyz",
    "/metrics",
    "/",
)


def _pattern(route: str) -> str:
    # A colon ends a model's name only before a verb, so names with colons (some servers allow them) still
    # match.
    literal = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(route))
    return f"({literal})"


_MATCH = re.compile(
    "|".join(_pattern(route) for route in sorted(ROUTES, key=lambda route: -route.count(":")))
)
_BY_GROUP = sorted(ROUTES, key=lambda route: -route.count(":"))


def normalise_route(path: str) -> str:
    """The template of a request's path.

    Args:
        path: path of the request target; a query is ignored, one trailing slash too.

    Returns:
        One of ROUTES, or `__other__`.
    """
    if len(path) > LONGEST_PATH:
        return OTHER
    return _cached_route(path)


@lru_cache(maxsize=CACHED_PATHS)
def _cached_route(path: str) -> str:
    path = path.partition("?")[0]
    if len(path) > 1:
        path = path.removesuffix("/")
    match = _MATCH.fullmatch(path)
    if match is None or match.lastindex is None:
        return OTHER
    return _BY_GROUP[match.lastindex - 1]


def normalise_method(method: str) -> str:
    """A method that HTTP defines (case matters), or `_OTHER`.

    Args:
        method: as in the request line.
    """
    return method if method in METHODS else OTHER_METHOD


@lru_cache(maxsize=CACHED_PATHS)
def server_attributes(
    method: str, route: str, status: int, error: str | None = None, scheme: str = "http", version: str = "1.1"
) -> Attributes:
    """Attributes of the http.server.* histograms.

    Args:
        method: normalised method.
        route: normalised route.
        status: status code sent, 100 to 599; 0 when none was.
        error: how it failed (a fixed word); a status of 500 or more is its own error.
        scheme: `http` or `https`.
        version: HTTP version, `1.1`.
    """
    pairs = [(METHOD, method), (SCHEME, scheme if scheme in SCHEMES else OTHER)]
    if status:
        pairs.append((STATUS_CODE, str(status)))
    pairs.append((ROUTE, route))
    if error is not None or status >= 500:
        pairs.append((ERROR_TYPE, error if error is not None else str(status)))
    pairs.append((PROTOCOL_VERSION, version if version in PROTOCOL_VERSIONS else OTHER))
    return tuple(pairs)


class NameCap:
    """Keeps the first names and folds all later ones.

    Args:
        limit: most names kept, >= 1.
    """

    __slots__ = ("_limit", "_names", "folded")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._names: set[str] = set()
        self.folded = 0

    def fold(self, name: str) -> str:
        """The name itself while there is room, else `__other__`.

        Args:
            name: a model's or feature's name.
        """
        if name in self._names:
            return name
        if len(self._names) < self._limit:
            self._names.add(name)
            return name
        self.folded += 1
        return OTHER
