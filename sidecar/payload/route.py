"""Which model a request path addresses. Prefixes are common (ingress, Seldon, KServe), so only the end of
the path counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

PATH_LIMIT = 1024  # characters; a longer path is no model's, and would make the cache heavy

_V2 = re.compile(r"(?:^|/)v2/(?:repository/)?models/([^/]+)(?:/versions/([^/]+))?/(infer)/?$")
_V1 = re.compile(
    r"(?:^|/)v1/models/([^/]+?)(?:/(?:versions|labels)/([^/]+?))?:(predict|explain|classify|regress)/?$"
)


class Route(NamedTuple):
    """What the path says; the version may be a TensorFlow Serving label."""

    model: str | None
    version: str | None
    verb: str


def parse_v2_path(path: str) -> Route | None:
    """Reads `.../v2/models/{model}[/versions/{version}]/infer`.

    Args:
        path: request path without query.

    Returns:
        The route, or None for every other path.
    """
    return _match(_V2, path) if len(path) <= PATH_LIMIT else None


def parse_v1_path(path: str) -> Route | None:
    """Reads `.../v1/models/{model}[/versions/{version}|/labels/{label}]:{verb}`.

    Args:
        path: request path without query.

    Returns:
        The route, or None for every other path.
    """
    return _match(_V1, path) if len(path) <= PATH_LIMIT else None


@lru_cache(maxsize=1024)
def _match(pattern: re.Pattern[str], path: str) -> Route | None:
    found = pattern.search(path)
    if found is None:
        return None
    model, version, verb = found.groups()
    return Route(unquote(model), None if version is None else unquote(version), verb)


def origin_form(target: str) -> str:
    """Path and query of a request target, as it is put behind the URL of a server.

    Args:
        target: origin form (`/v2?x=1`), absolute form (`http://host/v2`) or `*`.

    Returns:
        What begins with `/`: another begin could change the host.
    """
    if target.startswith("/"):
        return target
    if "://" not in target:
        return f"/{target}"
    return "/" + target.partition("://")[2].partition("/")[2]


def path_of(target: str) -> str:
    """The path of a request target, without its query.

    Args:
        target: as for `origin_form`.
    """
    return target if target == "*" else origin_form(target).partition("?")[0]
