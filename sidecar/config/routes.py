"""What holds for which path: the routes of the settings, resolved against what holds for all.

The first route whose path matches decides; a path that no route names gets the default policy. Paths are
compared as they were sent. Servers differ in what they make of `/a/../b`, `%2e`, `//`, a backslash or `;x`,
so such a path has a second reading, its plain form. Where that leads to another policy, the limits are those
of the path as sent, but nothing is analysed or mirrored: no spelling gains a tap that the literal path would
not have. (Rejected: rewriting the path, which changes what the model server is asked for; refusing it, which
breaks callers that meant no harm.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from sidecar.config.model import Config
from sidecar.config.traffic import RouteConfig
from sidecar.errors import ConfigError

_PATTERN = re.compile(r"/[!-\"$->@-~]*")  # visible ASCII without # and ?
_PLAIN = re.compile(rb"/|(?:/(?!\.{1,2}(?:/|\Z))[^/%;\\]+)+")  # one way to read it; `/a/` may be `/a`
_ANYWHERE = RouteConfig(path="/**")


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """What holds for an exchange.

    Attributes:
        place: its index in `RoutePolicies.all`.
        tap: whether the payload is analysed.
        mirror: whether a copy may go to shadows.
        ratio: share of exchanges analysed, 0 to 1.
        body_bytes: longest request body.
        cancel_on_disconnect: whether the upstream's work ends when the caller goes away.
        body_idle_s, queue_s, first_byte_s, response_idle_s, caller_idle_s, tunnel_idle_s: as the time-outs of
            these names, seconds.
    """

    place: int
    tap: bool
    mirror: bool
    ratio: float
    body_bytes: int
    cancel_on_disconnect: bool
    body_idle_s: float
    queue_s: float
    first_byte_s: float
    response_idle_s: float
    caller_idle_s: float
    tunnel_idle_s: float


class _Choice(NamedTuple):
    """A route's policies, by what is known of the path."""

    pattern: re.Pattern[bytes]
    listed: RoutePolicy  # `tap.paths` allows the tap, or the route's own word decides
    unlisted: RoutePolicy
    doubtful: RoutePolicy  # the path could be read as another route's


class RoutePolicies:
    """Every policy there is, and which one holds for a path.

    Args:
        config: the settings.

    Attributes:
        all: in the order of `place`; the first is what holds for a path that nothing names.
    """

    def __init__(self, config: Config) -> None:
        self._places: dict[RoutePolicy, RoutePolicy] = {}
        self._tap_paths = [compile_path(path, "tap.paths") for path in config.tap.paths]
        self._alone = not config.routes and not self._tap_paths  # one policy holds for everything
        self._default = self._choice(config, _ANYWHERE)
        self._choices = [self._choice(config, route) for route in config.routes]
        self.all: tuple[RoutePolicy, ...] = tuple(self._places.values())

    def find(self, path: bytes) -> RoutePolicy:
        """The policy for a path.

        Args:
            path: of the request target, as sent; a query behind it is ignored.
        """
        if self._alone:
            return self._default.listed
        path = path.partition(b"?")[0]
        choice, policy = self._match(path)
        if _PLAIN.fullmatch(path) or self._match(plain_path(path))[1] is policy:
            return policy
        return choice.doubtful

    def _match(self, path: bytes) -> tuple[_Choice, RoutePolicy]:
        choice = next((each for each in self._choices if each.pattern.fullmatch(path)), self._default)
        listed = not self._tap_paths or any(pattern.fullmatch(path) for pattern in self._tap_paths)
        return choice, choice.listed if listed else choice.unlisted

    def _choice(self, config: Config, route: RouteConfig) -> _Choice:
        policy = _resolve(config, route)
        unlisted = replace(policy, tap=False) if route.tap is None and self._tap_paths else policy
        pattern = compile_path(route.path, "routes.path")
        first = unlisted if route is _ANYWHERE else policy
        self._place(first)
        listed, unlisted = self._place(policy), self._place(unlisted)
        if self._alone:
            return _Choice(pattern, listed, unlisted, listed)
        return _Choice(pattern, listed, unlisted, self._place(replace(policy, tap=False, mirror=False)))

    def _place(self, policy: RoutePolicy) -> RoutePolicy:
        return self._places.setdefault(policy, replace(policy, place=len(self._places)))


def compile_path(pattern: str, setting: str) -> re.Pattern[bytes]:
    """A setting's path as an expression that whole paths are matched with.

    `*` alone is one segment, which is not empty; within a segment it is any bytes of that segment
    (`/v1/models/*:predict`). `**` alone is any number of segments, none among them. Matching takes time in
    proportion to the path's length, whatever a caller sends: what lies between two `**` is settled where it
    is first found, and never looked for again.

    Args:
        pattern: such as `/v2/models/*/infer`.
        setting: its name, for the error.

    Raises:
        ConfigError: no `/` in front, `**` or two `*` within a segment, or what no path can hold.
    """
    if _PATTERN.fullmatch(pattern) is None:
        raise ConfigError(
            setting, "a path of visible ASCII that begins with /, without ? and #", repr(pattern)
        )
    runs = [b""]  # the expressions between `**`
    for segment in pattern[1:].split("/"):
        if segment == "**":
            runs.append(b"")
        elif segment == "*":
            runs[-1] += rb"/[^/]+"
        elif segment.count("*") > 1:
            raise ConfigError(setting, "one * within a segment, or ** as a whole one", repr(pattern))
        else:
            runs[-1] += b"/" + b"[^/]*".join(re.escape(part.encode()) for part in segment.split("*"))
    first, *others = runs
    found = b"".join(b"(?>(?:/[^/]*)*?" + run + b")" for run in others[:-1])
    last = b"(?:/[^/]*)*" + others[-1] if others else b""
    return re.compile(first + found + last)


def plain_path(path: bytes) -> bytes:
    r"""What the most helpful of servers would make of a path.

    Percent-encoding is decoded until none is left, `\` is `/`, parameters (`;x`) are cut off, empty and dot
    segments are removed.

    Args:
        path: as sent, without a query.
    """
    while b"%" in path and (decoded := unquote_to_bytes(path)) != path:
        path = decoded
    segments: list[bytes] = []
    for segment in path.replace(b"\\", b"/").split(b"/"):
        name = segment.partition(b";")[0]
        if name == b"..":
            del segments[-1:]
        elif name not in (b"", b"."):
            segments.append(name)
    return b"/" + b"/".join(segments)


def _resolve(config: Config, route: RouteConfig) -> RoutePolicy:
    own, common = route.timeouts, config.timeouts
    return RoutePolicy(
        place=0,
        tap=route.tap is not False,
        mirror=route.mirror,
        ratio=config.tap.ratio if route.ratio is None else route.ratio,
        body_bytes=route.body_bytes or config.limits.body_bytes,
        cancel_on_disconnect=config.cancel_on_disconnect
        if route.cancel_on_disconnect is None
        else route.cancel_on_disconnect,
        body_idle_s=own.body_idle_s or common.body_idle_s,
        queue_s=own.queue_s or common.queue_s,
        first_byte_s=own.first_byte_s or common.first_byte_s,
        response_idle_s=own.response_idle_s or common.response_idle_s,
        caller_idle_s=own.caller_idle_s or common.caller_idle_s,
        tunnel_idle_s=own.tunnel_idle_s or common.tunnel_idle_s,
    )


def longest_pause_s(config: Config) -> float:
    """How long an exchange may be silent at most before a time-out of the worker ends it; tunnels apart.

    Args:
        config: the settings.

    Returns:
        Seconds, over all routes.
    """
    return max(
        max(policy.body_idle_s, policy.first_byte_s, policy.response_idle_s, policy.caller_idle_s)
        for policy in RoutePolicies(config).all
    )
