"""When to leave a failing upstream alone, so that callers hear at once and the upstream can recover.

    closed --`failures` in a row--> open --after the pause--> half-open: one probe
      ^                              ^                            |
      |                              +--failed: the pause doubles-+
      +-------------------------succeeded-------------------------+

Only one request probes at a time: those that waited would otherwise all fall upon a server that has just come
up. Failures of requests that were on their way when the breaker opened say nothing new, so they do not
lengthen the pause; a success of theirs does close it, for it proves that the upstream answers. A probe is
known by its number, so that one that such a success overtook cannot end the turn of a later one.
"""

from __future__ import annotations

from typing import Literal

from sidecar.config.traffic import BreakerConfig

BreakerState = Literal["closed", "open", "half_open"]


class Breaker:
    """The state for one upstream, as one worker sees it.

    Before sending: a request passes if `closed`; else only with a number of `try_probe`, which then ends in
    exactly one of `note_success`, `note_failure` and `release_probe`. After an answer: `note_success` changes
    nothing unless `n_failures` is above 0. So a sound upstream costs an exchange two attribute reads.

    Args:
        config: when it opens, and for how long.

    Attributes:
        closed: requests pass.
        n_failures: failures in a row; above 0 whenever it is not closed.
        n_opened: how often it opened, a failed probe not counted.
    """

    __slots__ = ("_config", "_n_probes", "_pause_s", "_probe", "_until_s", "closed", "n_failures", "n_opened")

    def __init__(self, config: BreakerConfig) -> None:
        self._config = config
        self._pause_s = 0.0
        self._until_s = 0.0  # when the next probe may go
        self._n_probes = 0
        self._probe = 0  # the number of the one on its way
        self.closed = True
        self.n_failures = 0
        self.n_opened = 0

    @property
    def state(self) -> BreakerState:
        """The state's name for logs; half_open while a probe is on its way."""
        if self.closed:
            return "closed"
        return "half_open" if self._probe else "open"

    def try_probe(self, now_s: float) -> int:
        """Whether a request may see how the upstream is, while the breaker is not closed.

        Args:
            now_s: seconds on the loop's clock.

        Returns:
            The probe's number, above 0; 0 when none may go now.
        """
        if self._probe or now_s < self._until_s:
            return 0
        self._n_probes += 1
        self._probe = self._n_probes
        return self._probe

    def retry_after_s(self, now_s: float) -> float:
        """How long a refused request should wait.

        While a probe is on its way nobody knows: then it is as long as the pause that would follow.

        Args:
            now_s: seconds on the loop's clock.

        Returns:
            Seconds, >= 0; 0 while closed.
        """
        if self.closed:
            return 0.0
        return self._longer_pause_s() if self._probe else max(self._until_s - now_s, 0.0)

    def note_success(self) -> None:
        """The upstream answered, with whatever status: closes the breaker."""
        self.n_failures = 0
        self.closed = True
        self._probe = 0

    def note_failure(self, now_s: float, probe: int = 0) -> None:
        """The upstream could not be reached, did not answer in time, or broke its answer.

        Args:
            now_s: seconds on the loop's clock.
            probe: the number that the request got from `try_probe`, if it did.
        """
        self.n_failures += 1
        if self.closed:
            if 0 < self._config.failures <= self.n_failures:
                self.closed = False
                self.n_opened += 1
                self._open(now_s, min(self._config.open_s, self._config.longest_s))
        elif probe and probe == self._probe:
            self._open(now_s, self._longer_pause_s())

    def release_probe(self, probe: int) -> None:
        """The probe ended without saying anything (its caller went away): the next may go at once.

        Args:
            probe: its number.
        """
        if probe == self._probe:
            self._probe = 0

    def _open(self, now_s: float, pause_s: float) -> None:
        self._probe = 0
        self._pause_s = pause_s
        self._until_s = now_s + pause_s

    def _longer_pause_s(self) -> float:
        return min(2 * self._pause_s, self._config.longest_s)
