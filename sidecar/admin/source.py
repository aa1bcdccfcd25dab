"""What the admin server asks of the monitor."""

from __future__ import annotations

from typing import Any, Literal, Protocol

Role = Literal["input", "output"]
Document = dict[str, Any]


class AdminSource(Protocol):
    """The monitor's answers as plain documents; called on the event loop, so each is quick and never waits.

    NaN and infinities become null on the way out. Nothing here holds payload values other than a feature's
    histogram borders, categories and quantiles.
    """

    def status(self) -> Document:
        """How the sidecar does.

        Returns:
            `{"version", "worker_code", "uptime_s", "workers": [{"worker", "pid", "restarts"}],
            "monitor": {"lag_s", "restarts"}, "level": "full", "tap_ratio",
            "models": [{"model", "version", "memory_most_bytes"}], "accounting": {...}}`.
        """
        ...

    def drift(self, model: str | None, version: str | None) -> Document | None:
        """The drift of one model, of the first one when `model` is None.

        Returns:
            None when there is no such model; without any model yet
            `{"model": None, "version": None, "reference": None, "window": None, "features": []}`.
        """
        ...

    def feature(
        self, name: str, model: str | None, version: str | None, role: Role | None
    ) -> Document | None:
        """One feature in detail; without a role the input of that name comes before the output.

        Returns:
            The feature's entry of the drift document, and `{"model", "version",
            "histogram": {"bins": [{"label", "low", "high", "reference", "current"}]},
            "quantiles": {"reference": {"q0.05": ...}, "current": {"q0.05": ...}}}`. Counts are by bin in
            order, `low` and `high` null where there is no border. None when unknown.
        """
        ...

    def shadow(self) -> Document:
        """`{"shadows": [...]}`."""
        ...

    def switch_shadow(self, name: str, enabled: bool) -> Document | None:
        """Turns a shadow on or off at once; its entry of the shadow document, None when unknown."""
        ...

    def performance(self) -> Document:
        """`{"models": [...]}`."""
        ...

    def alerts(self) -> Document:
        """`{"alerts": [...]}`."""
        ...

    def metrics_text(self, openmetrics: bool) -> str:
        """The exposition of all families, as `sidecar.telemetry.prometheus.render` gives it."""
        ...

    def snapshot(self) -> bytes:
        """The closed panes of all subjects, msgpack (docs/snapshot-format.md); called on another thread."""
        ...

    def versions(self, model: str | None) -> Document | None:
        """The versions of one model side by side, of the first one when `model` is None.

        Returns:
            `{"model", "versions": [{"version", "roles": [the drift document of each role]}]}`; None when
            there is no such model.
        """
        ...
