"""An estimate, its interval, and what the interval rests on; or the reason why there is none."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate of `n` items in `clusters` with its interval at `level`.

    `low` and `high` are None where there is no interval, and `reason` says why. `p` is the least
    1 − level at which the interval leaves the null value out. `effective` is n* of shares.
    `limited`: one cluster (`decider`) stretched the interval to the limit on its reach; `without`
    is the estimate without it.
    """

    value: float
    low: float | None
    high: float | None
    level: float
    n: int
    clusters: int
    method: str = ""
    p: float | None = None
    effective: float | None = None
    limited: bool = False
    decider: str = ""
    without: float | None = None
    reason: str = ""

    @property
    def ends(self) -> tuple[float, float] | None:
        """Low and high, or None where there is no interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def excludes(self, null: float = 0.0) -> bool:
        """Whether there is an interval and `null` lies outside: what a direction rests on."""
        return self.ends is not None and not self.ends[0] <= null <= self.ends[1]

    def __str__(self) -> str:
        if self.ends is None:
            return f"{self.value:.3g} (no interval{self.reason and ': ' + self.reason})"
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}] (n = {self.n})"


def without_interval(
    value: float, level: float, n: int, clusters: int, reason: str, method: str = "none"
) -> Interval:
    """The estimate alone, with the reason why it has no interval."""
    return Interval(value, None, None, level, n, clusters, method=method, reason=reason)
