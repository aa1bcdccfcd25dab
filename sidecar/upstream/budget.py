"""How many retries may be sent: a share of the requests, so that retrying never doubles an overload.

Requests and retries are counted in slots of a second over the last ten. A request costs one addition: the
sweep, or whoever asks for a retry, moves what was added into the slot of that moment.
"""

from __future__ import annotations

from sidecar.config.traffic import RetriesConfig

WINDOW_S = 10  # as the retry budgets of finagle and linkerd


class RetryBudget:
    """The retries that one worker may send to one upstream.

    Over any ten seconds or so: at most `budget_ratio` of the requests, and `least_per_s` a second more, which
    may be spent in one go.

    Args:
        config: both.
        now_s: seconds on the loop's clock.

    Attributes:
        n_new: requests since the last sweep; a hot path may add to it without a call.
    """

    __slots__ = ("_config", "_requests", "_retries", "_second", "n_new")

    def __init__(self, config: RetriesConfig, now_s: float) -> None:
        self._config = config
        self._requests = [0] * WINDOW_S
        self._retries = [0] * WINDOW_S
        self._second = int(now_s)  # whose slot is the newest
        self.n_new = 0

    def note_request(self) -> None:
        """A request came; a retry of it is not another."""
        self.n_new += 1

    def try_spend(self, now_s: float) -> bool:
        """Whether a retry may be sent now; one that may is counted.

        Args:
            now_s: seconds on the loop's clock, never falling.
        """
        self.sweep(now_s)
        allowed = self._config.budget_ratio * sum(self._requests) + self._config.least_per_s * WINDOW_S
        if sum(self._retries) + 1 > allowed:
            return False
        self._retries[self._second % WINDOW_S] += 1
        return True

    def sweep(self, now_s: float) -> None:
        """Moves the window on; called a few times a second, so that requests count in the second they came.

        Args:
            now_s: seconds on the loop's clock, never falling.
        """
        second = int(now_s)
        for passed in range(max(self._second + 1, second - WINDOW_S + 1), second + 1):
            self._requests[passed % WINDOW_S] = 0
            self._retries[passed % WINDOW_S] = 0
        self._second = max(second, self._second)
        self._requests[self._second % WINDOW_S] += self.n_new
        self.n_new = 0
