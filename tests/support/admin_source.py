"""A fake of what the monitor answers, with numbers of a model that has begun to drift."""

from __future__ import annotations

import math
from typing import Any

from sidecar.telemetry.names import LEVEL
from sidecar.telemetry.points import single
from sidecar.telemetry.prometheus import render


def _feature(name: str, evidence: float, **others: Any) -> dict[str, Any]:
    drifted = evidence >= 7.7
    entry = {
        "name": name,
        "role": "input",
        "kind": "numeric",
        "rows": 5120,
        "missing_ratio": 0.004,
        "state": "drift" if drifted else "ok",
        "psi": 0.02 + max(0.0, evidence) / 50,
        "psi_debiased": 0.001 + max(0.0, evidence) / 60,
        "psi_critical": 0.012,
        "js_distance": 0.03 + max(0.0, evidence) / 90,
        "ks": 0.02 + max(0.0, evidence) / 60,
        "wasserstein": 1.4 * max(0.1, evidence),
        "log_e": evidence,
        "log_e_threshold": 7.7,
        "moved": {"at": "q0.95", "direction": "up"} if drifted else None,
        "since_unix_s": 1_790_000_000.0 if drifted else None,
    }
    return entry | others


FEATURES = [
    _feature("dep_hour", -0.8),
    _feature("temperature", 21.4),
    _feature("dew_point", 11.9, moved={"at": "q0.5", "direction": "up"}),
    _feature("visibility", 3.1),
    _feature("carrier", 0.4, kind="categorical", wasserstein=math.nan),
    _feature(
        "wind_gust",
        0.0,
        state="not_enough_data",
        missing_ratio=0.83,
        log_e=None,
        psi=None,
        psi_debiased=None,
        js_distance=None,
        ks=None,
        wasserstein=None,
    ),
    _feature("delay", 1.9, role="output"),
]


class FakeSource:
    """An AdminSource whose numbers are fixed; `seen` may be moved by the test."""

    def __init__(self) -> None:
        self.seen = 184_220
        self.models = [{"model": "flights", "version": "1", "memory_most_bytes": 4_200_000}]
        self.fault: Exception | None = None

    def status(self) -> dict[str, Any]:
        if self.fault is not None:
            raise self.fault
        dropped = {"ring_full": 310, "decode_error": 12, "too_large": 0}
        rest = self.seen - 322 - 9_000 - 18
        return {
            "version": "0.1.0",
            "worker_code": "interpreted",
            "uptime_s": 5_321.0,
            "workers": [{"worker": 0, "pid": 11, "restarts": 0}, {"worker": 1, "pid": 12, "restarts": 1}],
            "monitor": {"lag_s": 0.021, "restarts": 0},
            "level": "reduced",
            "tap_ratio": 0.95,
            "models": self.models,
            "accounting": {
                "seen": self.seen,
                "analysed": rest,
                "sampled_out": 9_000,
                "in_flight": 18,
                "dropped": dropped,
            },
        }

    def drift(self, model: str | None, version: str | None) -> dict[str, Any] | None:
        if model not in (None, "flights") or version not in (None, "1"):
            return None
        return {
            "model": "flights",
            "version": "1",
            "reference": {"id": "sha256:0a1b", "rows": 20_000},
            "window": {"start_unix_s": 1_790_000_000.0, "end_unix_s": 1_790_000_300.0, "rows": 5_120},
            "features": FEATURES,
        }

    def feature(
        self, name: str, model: str | None, version: str | None, role: str | None
    ) -> dict[str, Any] | None:
        for entry in FEATURES:
            if entry["name"] == name and role in (None, entry["role"]):
                return {**entry, "model": "flights", "version": "1", **_detail(entry["kind"])}
        return None

    def shadow(self) -> dict[str, Any]:
        return {"shadows": []}

    def switch_shadow(self, name: str, enabled: bool) -> dict[str, Any] | None:
        return {"name": name, "enabled": enabled} if name == "candidate" else None

    def performance(self) -> dict[str, Any]:
        return {"models": []}

    def alerts(self) -> dict[str, Any]:
        return {"alerts": []}

    def metrics_text(self, openmetrics: bool) -> str:
        return render([single(LEVEL, 1)], openmetrics=openmetrics)

    def versions(self, model: str | None) -> dict[str, Any] | None:
        drift = self.drift(model, None)
        if drift is None:
            return None
        return {"model": "flights", "versions": [{"version": "1", "roles": [drift]}]}

    def snapshot(self) -> bytes:
        return b"\x81\xa1v\x01"


def _detail(kind: str) -> dict[str, Any]:
    if kind == "categorical":
        shares = {"AA": (900, 1000), "UA": (700, 300), "DL": (500, 500), "missing": (10, 9)}
        bins = [
            {"label": label, "low": None, "high": None, "reference": reference, "current": current}
            for label, (reference, current) in shares.items()
        ]
        return {"histogram": {"bins": bins}, "quantiles": {"reference": {}, "current": {}}}
    bins = []
    for place in range(31):
        low = 10 + 3 * place
        reference = 1000 * math.exp(-(((place - 12) / 6) ** 2))
        current = 250 * math.exp(-(((place - 19) / 5) ** 2))
        label = f"[{low}, {low + 3})"
        bins.append(
            {
                "label": label,
                "low": low,
                "high": low + 3,
                "reference": round(reference),
                "current": round(current),
            }
        )
    bins.append({"label": "missing", "low": None, "high": None, "reference": 40, "current": 5})
    names = ("q0.05", "q0.25", "q0.5", "q0.75", "q0.95")
    return {
        "histogram": {"bins": bins},
        "quantiles": {
            "reference": dict(zip(names, (28.0, 38.9, 46.9, 55.0, 66.2), strict=True)),
            "current": dict(zip(names, (48.0, 58.1, 66.9, 75.3, math.nan), strict=True)),
        },
    }
