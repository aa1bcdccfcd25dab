"""Reads a running sidecar's admin server, as anybody could: drift, accounting and the added latency."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from sidecar.demo.model import MODEL_NAME

OVERHEAD = "sidecar_proxy_overhead_seconds"
TIMEOUT_S = 5.0

_SAMPLE = re.compile(r"^(\w+?)_bucket\{(.*)\}\s+(\S+)")
_BOUND = re.compile(r'(?:^|,)\s*le="([^"]+)"')


@dataclass(frozen=True, slots=True)
class FeatureState:
    """One feature in GET /api/v1/drift; a number that is not known is NaN."""

    name: str
    role: str
    state: str
    rows: int
    psi_debiased: float
    psi_critical: float
    log_e: float
    log_e_threshold: float
    moved: str


@dataclass(frozen=True, slots=True)
class Accounting:
    """Where the exchanges went: seen = analysed + sampled_out + in_flight + all dropped."""

    seen: int = 0
    analysed: int = 0
    sampled_out: int = 0
    in_flight: int = 0
    dropped: tuple[tuple[str, int], ...] = ()

    @property
    def lost(self) -> int:
        """Exchanges that monitoring dropped, for any reason."""
        return sum(count for _, count in self.dropped)

    @property
    def balances(self) -> bool:
        """Whether every exchange is accounted for."""
        return self.seen == self.analysed + self.sampled_out + self.in_flight + self.lost


@dataclass(frozen=True, slots=True)
class Overhead:
    """Time that requests spent inside the sidecar: upper bounds in seconds, cumulative counts."""

    bounds: tuple[float, ...] = ()
    counts: tuple[float, ...] = ()

    def quantile_guess(self, share: float) -> float:
        """A quantile in seconds, interpolated within its bucket; NaN without observations.

        Args:
            share: 0.5 for the median.
        """
        total = self.counts[-1] if self.counts else 0.0
        below, lower = 0.0, 0.0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if total > 0.0 and count >= share * total:
                if math.isinf(bound):
                    return lower  # beyond the last bound nothing more is known
                return lower + (bound - lower) * (share * total - below) / max(count - below, 1e-12)
            below, lower = count, bound
        return math.nan


@dataclass(frozen=True, slots=True)
class Glance:
    """What the admin server said at one moment."""

    features: tuple[FeatureState, ...] = ()
    accounting: Accounting = Accounting()
    overhead: Overhead = Overhead()


class Watch:
    """Asks the admin server.

    Args:
        session: aiohttp's client; the caller closes it.
        url: the admin server, `http://host:port`.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.url = url
        self._session = session
        self._timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)

    async def look(self) -> Glance | None:
        """One reading, or None while the admin server does not answer."""
        try:
            drift = await self._get(f"/api/v1/drift?model={MODEL_NAME}")
            status = await self._get("/api/v1/status")
            metrics = await self._get("/metrics")
        except (aiohttp.ClientError, TimeoutError):
            return None
        if status is None or metrics is None:
            return None
        return Glance(
            () if drift is None else read_features(msgspec.json.decode(drift)),
            read_accounting(msgspec.json.decode(status)),
            read_overhead(metrics.decode()),
        )

    async def _get(self, path: str) -> bytes | None:
        async with self._session.get(self.url + path, timeout=self._timeout) as answer:
            body = await answer.read()
            return body if answer.status == 200 else None  # 404 before the model's first request


def read_features(document: Mapping[str, Any]) -> tuple[FeatureState, ...]:
    """The features of a GET /api/v1/drift document, in its order."""
    return tuple(
        FeatureState(
            name=str(feature["name"]),
            role=str(feature["role"]),
            state=str(feature["state"]),
            rows=int(feature["rows"]),
            psi_debiased=_number(feature["psi_debiased"]),
            psi_critical=_number(feature["psi_critical"]),
            log_e=_number(feature["log_e"]),
            log_e_threshold=_number(feature["log_e_threshold"]),
            moved=_describe_move(feature["moved"]),
        )
        for feature in document.get("features", ())
    )


def read_accounting(document: Mapping[str, Any]) -> Accounting:
    """The accounting of a GET /api/v1/status document."""
    counts = document["accounting"]
    return Accounting(
        seen=int(counts["seen"]),
        analysed=int(counts["analysed"]),
        sampled_out=int(counts["sampled_out"]),
        in_flight=int(counts["in_flight"]),
        dropped=tuple((str(reason), int(count)) for reason, count in counts["dropped"].items()),
    )


def read_overhead(text: str) -> Overhead:
    """The overhead histogram of a Prometheus exposition, summed over all label sets."""
    totals: dict[float, float] = {}
    for line in text.splitlines():
        sample = _SAMPLE.match(line)
        if sample is None or sample[1] != OVERHEAD:
            continue
        bound = _BOUND.search(sample[2])
        if bound is not None:
            totals[float(bound[1])] = totals.get(float(bound[1]), 0.0) + float(sample[3])
    bounds = tuple(sorted(totals))
    return Overhead(bounds, tuple(totals[bound] for bound in bounds))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _describe_move(moved: Mapping[str, Any] | None) -> str:
    return "" if moved is None else f"{moved.get('at', '')} {moved.get('direction', '')}".strip()
