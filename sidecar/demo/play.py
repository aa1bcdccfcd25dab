"""The play itself: set up, two acts of traffic that are watched, the summary."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import aiohttp

from sidecar.clock import Clock
from sidecar.demo.children import ChildFailed
from sidecar.demo.flights import load_flights, split_flights
from sidecar.demo.stage import PANE_S, Stage
from sidecar.demo.story import Act, Story
from sidecar.demo.summary import summarise
from sidecar.demo.traffic import Callers, Phase, plan_phases
from sidecar.demo.view import Frame, Screen
from sidecar.demo.watch import Glance, Watch

SHORTEST_TRAFFIC_S = 12.0  # a window of several panes must fill in either act
ENDING_S = 5.0  # two settlings, and the children's end
LOOK_EVERY_S = 0.25
RATE_OVER_S = 2.0
SETTLED_S = PANE_S + 0.5  # the last pane of an act is closed by then
SETTLE_LIMIT_S = 4.0
READY_S = 60.0  # the first start on a machine compiles kernels
SILENT_S = 15.0  # longest silence of the admin server


@dataclass(frozen=True, slots=True)
class Scene:
    """One act while it plays."""

    act: Act
    phase: Phase
    callers: Callers
    watch: Watch
    began_ns: int


class Play:
    """Performs the demonstration once.

    Args:
        stage: sets up and holds the processes.
        screen: where to tell the story.
        clock: for pace and rates.
        session: aiohttp's client; the caller closes it.
    """

    def __init__(self, stage: Stage, screen: Screen, clock: Clock, session: aiohttp.ClientSession) -> None:
        self._stage = stage
        self._screen = screen
        self._clock = clock
        self._session = session
        self._start_ns = clock.mono_ns()
        self._heard_ns = self._start_ns
        self._story = Story()
        self._glance = Glance()
        self._samples: deque[tuple[int, int, int]] = deque()

    async def perform(self, length_s: float) -> int:
        """Plays everything.

        Args:
            length_s: time from now to the end, set-up included; the traffic takes 12 s at least.

        Returns:
            0 when the sidecar's claims were right, 1 when not.

        Raises:
            ChildFailed: a process did not come up, or died.
        """
        flights = load_flights()
        split = split_flights(flights)
        addresses = await self._stage.set_up(flights, split)
        watch = Watch(self._session, addresses.admin)
        await self._until_ready(f"{addresses.health}/readyz", watch)
        self._screen.say(f"dashboard  {addresses.admin}/")
        traffic_s = max(SHORTEST_TRAFFIC_S, length_s - self._elapsed_s() - ENDING_S)
        quiet, turning = plan_phases(flights, split, traffic_s)
        callers = Callers(self._session, addresses.traffic, flights.cells(), self._clock)
        await self._act(Scene(Act.QUIET, quiet, callers, watch, self._clock.mono_ns()))
        n_false = len(self._story.false_alarms)
        self._screen.say(
            "           " + (f"{n_false} FALSE ALARMS" if n_false else "no drift claimed, and there was none")
        )
        await self._act(Scene(Act.TURNING, turning, callers, watch, self._clock.mono_ns()))
        self._screen.freeze()
        for line in summarise(self._story, callers.tally, self._glance):
            self._screen.say(line)
        return 1 if self._story.faults() else 0

    async def _until_ready(self, ready_url: str, watch: Watch) -> None:
        self._screen.say("           getting ready; the first start on a machine compiles kernels")
        began_ns = self._clock.mono_ns()
        while not (await self._answers(ready_url) and await watch.look() is not None):
            self._stage.check()
            if self._clock.mono_ns() - began_ns > READY_S * 1e9:
                raise self._silent(READY_S)
            await asyncio.sleep(0.1)
        self._heard_ns = self._clock.mono_ns()

    def _silent(self, limit_s: float) -> ChildFailed:
        tail = self._stage.sidecar_tail()
        return ChildFailed(
            f"sidecar: expected an answer within {limit_s:g} s, got none; its last lines:{tail}"
        )

    async def _answers(self, url: str) -> bool:
        try:
            async with self._session.get(url) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _act(self, scene: Scene) -> None:
        self._screen.say(f"traffic    {scene.phase.title}")
        playing = asyncio.ensure_future(scene.callers.play(scene.phase))
        try:
            while not playing.done():
                await asyncio.wait([playing], timeout=LOOK_EVERY_S)
                await self._look(scene)
            await playing
        finally:
            playing.cancel()
        await self._settle(scene)

    async def _settle(self, scene: Scene) -> None:
        """Waits until what was sent has been judged, so that no verdict is booked under the wrong act."""
        ended_ns = self._clock.mono_ns()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._look(scene)
            waited_s = (self._clock.mono_ns() - ended_ns) / 1e9
            if waited_s > SETTLE_LIMIT_S or (waited_s > SETTLED_S and self._glance.accounting.in_flight == 0):
                return

    async def _look(self, scene: Scene) -> None:
        self._stage.check()
        glance = await scene.watch.look()
        now_ns = self._clock.mono_ns()
        if glance is not None:
            self._glance, self._heard_ns = glance, now_ns
        elif now_ns - self._heard_ns > SILENT_S * 1e9:
            raise self._silent(SILENT_S)
        seconds, tally = (now_ns - scene.began_ns) / 1e9, scene.callers.tally
        alarms = self._story.see(scene.act, self._glance.features, seconds=seconds, when=tally.when)
        for alarm in alarms:
            self._screen.say(f"{'FALSE ALARM' if scene.act is Act.QUIET else 'ALARM     '} {alarm}")
        requests_per_s, rows_per_s = self._rates(now_ns, tally.requests, tally.rows)
        self._screen.show(
            Frame(
                part=scene.phase.title,
                when=tally.when,
                seconds=self._elapsed_s(),
                requests_per_s=requests_per_s,
                rows_per_s=rows_per_s,
                failed=tally.failed,
                glance=self._glance,
                admin_url=scene.watch.url,
            )
        )

    def _rates(self, now_ns: int, requests: int, rows: int) -> tuple[float, float]:
        self._samples.append((now_ns, requests, rows))
        while now_ns - self._samples[0][0] > RATE_OVER_S * 1e9 and len(self._samples) > 2:
            self._samples.popleft()
        then_ns, requests_then, rows_then = self._samples[0]
        over_s = (now_ns - then_ns) / 1e9
        if over_s <= 0.0:
            return 0.0, 0.0
        return (requests - requests_then) / over_s, (rows - rows_then) / over_s

    def _elapsed_s(self) -> float:
        return (self._clock.mono_ns() - self._start_ns) / 1e9
