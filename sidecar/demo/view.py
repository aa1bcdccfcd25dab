"""What the demonstration shows: a live table on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sidecar.clock import Clock
from sidecar.demo.summary import describe_accounting, describe_overhead
from sidecar.demo.watch import FeatureState, Glance

PLAIN_EVERY_S = 3.0
STATE_STYLES = {"ok": "green", "drift": "bold red", "not_enough_data": "dim"}


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything on the screen at one moment.

    Attributes:
        part: title of what is playing.
        when: the calendar.
        seconds: since the demonstration began.
        requests_per_s, rows_per_s: of late.
        failed: requests that failed so far.
        glance: the admin server's latest reading.
        admin_url: where the dashboard is.
    """

    part: str
    when: str
    seconds: float
    requests_per_s: float
    rows_per_s: float
    failed: int
    glance: Glance
    admin_url: str


class Screen(Protocol):
    """Where the demonstration tells its story."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, line: str) -> None:
        """Shows a line that stays."""

    def show(self, frame: Frame) -> None:
        """Shows the moment; it replaces the one before."""

    def freeze(self) -> None:
        """Leaves the last moment where it is; lines follow it from now on."""


def open_screen(clock: Clock) -> Screen:
    """The screen that suits standard output."""
    return LiveScreen() if sys.stdout.isatty() else PlainScreen(clock)


class LiveScreen:
    """A table that is drawn anew, below the lines that stay."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console if console is not None else Console(highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        """Shows a line that stays, above the table."""
        self._console.print(line, markup=False, soft_wrap=True)

    def show(self, frame: Frame) -> None:
        """Draws the table."""
        self._live.update(draw_frame(frame))

    def freeze(self) -> None:
        """Stops drawing; the table stays."""
        self._live.stop()


class PlainScreen:
    """Lines for a log; the moment only every few seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown_ns: int | None = None

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()

    def say(self, line: str) -> None:
        """Prints the line."""
        print(line, flush=True)

    def show(self, frame: Frame) -> None:
        """Prints the moment, unless one was printed just now."""
        now_ns = self._clock.mono_ns()
        if self._shown_ns is not None and now_ns - self._shown_ns < PLAIN_EVERY_S * 1e9:
            return
        self._shown_ns = now_ns
        print(describe_frame(frame), flush=True)

    def freeze(self) -> None:
        """Lines always follow each other."""


def draw_frame(frame: Frame) -> Group:
    """The live table with its head and foot; fits into 80 columns."""
    head = Text.assemble((frame.part, "bold"), f" · {frame.when} · {frame.seconds:.0f} s")
    rate = (
        f"{frame.requests_per_s:,.0f} requests/s · {frame.rows_per_s:,.0f} rows/s · {frame.failed} failed\n"
        f"added by the sidecar: {describe_overhead(frame.glance)}\n"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("feature", "state", "moved"):
        table.add_column(title, no_wrap=True)
    for title in ("psi", "critical", "log e", "alarm at"):  # psi is the debiased one
        table.add_column(title, justify="right", no_wrap=True)
    for feature in frame.glance.features:
        state = Text(feature.state.replace("_", " "), style=STATE_STYLES.get(feature.state, ""))
        name = Text(feature.name, style="italic" if feature.role == "output" else "")
        table.add_row(name, state, feature.moved, *_numbers(feature))
    foot = Text(f"\n{describe_accounting(frame.glance)}\ndashboard: {frame.admin_url}/", style="dim")
    return Group(head, Text(rate), table, foot)


def describe_frame(frame: Frame) -> str:
    """One line of the moment."""
    drifting = [feature.name for feature in frame.glance.features if feature.state == "drift"]
    parts = (
        f"[{frame.seconds:4.0f} s] {frame.when}: {frame.requests_per_s:,.0f} requests/s",
        f"{frame.rows_per_s:,.0f} rows/s, {frame.failed} failed; added {describe_overhead(frame.glance)}",
        f"drift: {', '.join(drifting) or 'none'}; {describe_accounting(frame.glance)}",
    )
    return ", ".join(parts[:2]) + "; " + parts[2]


def _numbers(feature: FeatureState) -> tuple[str, str, str, str]:
    return (
        _fixed(feature.psi_debiased, 4),
        _fixed(feature.psi_critical, 4),
        _fixed(feature.log_e, 1),
        _fixed(feature.log_e_threshold, 1),
    )


def _fixed(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
