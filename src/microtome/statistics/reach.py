"""How far an interval reaches at any level: five rules, and the p-value that is dual to them.

    Hull        Student's t and the full bootstrap-t, the wider; at most 3 times Student's
    Share       Clopper-Pearson at the Korn-Graubard effective n, within [a, b]
    Mover       difference of two: square-and-add of the single intervals (Zou & Donner 2008)
    Logit       AUROC on the logit scale (Hanley & McNeil; DeLong), Student's t
    Separation  no error in k clusters: the rate whose k-fold repetition has probability α/2

p is the least α at which the interval leaves the null value out, in closed form or by bisection,
so that a p-value and an interval never disagree.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from microtome.statistics.level import Floats

LIMIT = 3.0
"""Most times Student's half-width that the bootstrap may reach."""


class Reach(Protocol):
    """An interval at every level."""

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""


def p_value(reach: Reach, null: float) -> float:
    """The least α at which the ends leave `null` out; 1 if none does."""
    if isinstance(reach, Hull | Logit):
        return min(max(reach.p(null), float(np.exp(-35.0))), 1.0)
    low, high = -35.0, -1e-3  # log α, from 6e-16 to .999
    if not _leaves_out(reach, high, null):
        return 1.0
    if _leaves_out(reach, low, null):
        return float(np.exp(low))
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if _leaves_out(reach, middle, null) else (middle, high)
    return float(np.exp(high))


def _leaves_out(reach: Reach, log_alpha: float, null: float) -> bool:
    low, high = reach.ends(float(np.exp(log_alpha)))
    return not low <= null <= high


def student(alpha: float, df: float) -> float:
    """Upper α/2 quantile of Student's t."""
    from scipy import special

    return float(-special.stdtrit(df, alpha / 2))


def two_sided(t: float, df: float) -> float:
    """Student's two-sided p."""
    from scipy import special

    return float(2 * special.stdtr(df, -t))


@dataclass(frozen=True, eq=False)
class Hull:
    """value ± min(max(bootstrap-t, t), 3t) · error; `up` and `down` are t* and −t*, sorted."""

    value: float
    error: float
    df: float
    up: tuple[Floats, Floats] | None = None
    down: tuple[Floats, Floats] | None = None

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""
        q = student(alpha, self.df)
        below, above = (min(max(s, q), LIMIT * q) for s in self.stretch(alpha))
        return self.value - below * self.error, self.value + above * self.error

    def stretch(self, alpha: float) -> tuple[float, float]:
        """Quantiles of t* and −t* at 1 − α/2; 0 where nothing was drawn."""
        if self.up is None or self.down is None:
            return 0.0, 0.0
        return _quantile(self.up, alpha), _quantile(self.down, alpha)

    def p(self, null: float) -> float:
        """Larger of Student's and the equal-tailed bootstrap-t p, unless the limit acts."""
        if null == self.value:
            return 1.0
        t, steps = abs(self.value - null) / self.error, self.up if null < self.value else self.down
        drawn = 0.0 if steps is None else 2 * (1 - _below(steps, t))
        return min(max(drawn, two_sided(t, self.df)), two_sided(t / LIMIT, self.df))

    def limited(self, alpha: float) -> bool:
        """Whether the limit on the reach acts."""
        return max(self.stretch(alpha)) > LIMIT * student(alpha, self.df)


def _quantile(steps: tuple[Floats, Floats], alpha: float) -> float:
    """Inverted distribution function at 1 − α/2 of sorted values with cumulated weights."""
    values, cumulated = steps
    at = int(np.searchsorted(cumulated, 1 - alpha / 2 - 1e-12))
    return float(values[at]) if at < len(values) else np.inf


def _below(steps: tuple[Floats, Floats], t: float) -> float:
    """Weight of the draws below t."""
    values, cumulated = steps
    before = int(np.searchsorted(values, t, side="left"))
    return float(cumulated[before - 1]) if before else 0.0


def studentised(t: Floats, weight: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """t* and −t*, each sorted with its cumulated weights; what is no number is the farthest."""

    def steps(values: Floats) -> tuple[Floats, Floats]:
        kept = np.where(np.isnan(values), np.inf, values)
        order = np.argsort(kept)
        return kept[order], np.cumsum(weight[order])

    return steps(t), steps(-t)


@dataclass(frozen=True)
class Share:
    """Mean y of values within [0, 1] (Clopper-Pearson at n*), mapped to `within`.

    `variance` is that of the mean; None where all `n` values are equal: then fewer than
    1 − (α/2)^(1/n) of the clusters differ.
    """

    y: float
    variance: float | None
    n: float
    df: float
    within: tuple[float, float]

    def effective(self, alpha: float) -> float:
        """Korn and Graubard's n* = max(n, y(1 − y)/v · (z/t)²)."""
        from scipy import special

        if self.variance is None:
            return self.n
        z = float(-special.ndtri(alpha / 2))
        ratio = self.y * (1 - self.y) / self.variance * (z / student(alpha, self.df)) ** 2
        return max(self.n, ratio)

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""
        low, high = self._unit(alpha)
        start, width = self.within[0], self.within[1] - self.within[0]
        return start + width * max(low, 0.0), min(start + width * high, self.within[1])

    def _unit(self, alpha: float) -> tuple[float, float]:
        from scipy import special

        if self.variance is None:
            differ = 1 - (alpha / 2) ** (1 / self.n)
            return self.y * (1 - differ), self.y + differ * (1 - self.y)
        n = self.effective(alpha)
        hits = self.y * n
        low = special.betaincinv(hits, n - hits + 1, alpha / 2) if hits > 0 else 0.0
        high = special.betaincinv(hits + 1, n - hits, 1 - alpha / 2) if hits < n else 1.0
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class Mover:
    """Difference of two independent means from their own intervals."""

    first: Reach
    second: Reach
    values: tuple[float, float]

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""
        (a, b), (a_low, a_high) = self.values, self.first.ends(alpha)
        b_low, b_high = self.second.ends(alpha)
        below, above = np.hypot(a - a_low, b_high - b), np.hypot(a_high - a, b - b_low)
        return float(a - b - below), float(a - b + above)


@dataclass(frozen=True)
class Logit:
    """logit(value) ± t · error / (value (1 − value)), mapped back."""

    value: float
    error: float
    df: float

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""
        from scipy import special

        reach = student(alpha, self.df) * self.error / (self.value * (1 - self.value))
        centre = special.logit(self.value)
        return float(special.expit(centre - reach)), float(special.expit(centre + reach))

    def p(self, null: float) -> float:
        """Student's p of the distance on the logit scale."""
        from scipy import special

        apart = abs(float(special.logit(self.value) - special.logit(null)))
        return two_sided(apart * self.value * (1 - self.value) / self.error, self.df)


@dataclass(frozen=True)
class Separation:
    """k clusters without an error: [(α/2)^(1/k), 1], or its mirror where all are wrong."""

    value: float
    k: int

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""
        least = float((alpha / 2) ** (1 / self.k))
        return (least, 1.0) if self.value == 1 else (0.0, 1 - least)


@dataclass(frozen=True, eq=False)
class Mapped:
    """Another reach through an increasing function: exp, or a cut to what is possible."""

    inner: Reach
    within: tuple[float, float] = (-np.inf, np.inf)
    exp: bool = False

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""
        low, high = self.inner.ends(alpha)
        if self.exp:
            low, high = float(np.exp(low)), float(np.exp(high))
        least, most = self.within
        return min(max(low, least), most), min(max(high, least), most)
