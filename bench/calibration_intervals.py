"""Cells of sections 1 to 3: means, shares, differences, strata, ratios."""

from functools import cache

import numpy as np
from scipy import stats

from bench.calibration_cells import Cell, Measure, Simulate, covers, row, span, width
from bench.calibration_laws import (
    EXPONENTIAL,
    LOGNORMAL,
    NORMAL,
    RARE,
    SOMETIMES,
    T3,
    Law,
    Rng,
    items,
    with_one_of_60,
)  # fmt: skip
from microtome.statistics import (
    difference,
    mean,
    ratio,
    ratio_of_geometric_means,
    share,
    signed_share,
)  # fmt: skip

SHIFT = 0.4507927388
"""Logit that puts the mean of two noisy shares 0.2 apart."""
SIX = (4, 5, 6, 8, 12, 20)
SEVEN = (3, 4, 5, 6, 8, 12, 20)


def cells() -> list[Cell]:
    """All cells of intervals, in the order of the design."""
    return [*_hull(), *_by_item(), *_shares(), *_differences(), *_strata(), *_ratios()]


def _hull() -> list[Cell]:
    section = "1 mean, unbounded"
    widths = {"normal": "1.9 1.4 1.2 1.1 1.1 1.0", "exponential": "2.0 1.6 1.4 1.3 1.3 1.2",
              "lognormal(1)": "2.0 1.7 1.5 1.4 1.4 1.3"}  # fmt: skip
    sizes_01 = {"normal": ".003 .005 .005", "exponential": ".015 .02 .01",
                "lognormal(1)": ".03 .04 .03"}  # fmt: skip

    def more(name: str):
        def of(i: int) -> tuple[Measure, ...]:
            wide = span(widths[name].split()[i]) if name in widths else None
            small = None
            if name in sizes_01 and SIX[i] in (5, 8, 20):
                small = span(sizes_01[name].split()[(5, 8, 20).index(SIX[i])])
            found = (Measure("width / Student's", wide, median=True), Measure("p ≤ .01", small))
            return found if name in sizes_01 else found[:1]

        return of

    rows = [
        (NORMAL, ".975 .970 .960 .963 .960 .943", 0.93),
        (T3, ".980 .976 .974 .962 .965 .960", 0.93),
        (EXPONENTIAL, ".938 .941 .943 .946 .953 .960", 0.93),
        (LOGNORMAL, ".907 .901 .898 .904 .921 .930", 0.88),
        (SOMETIMES, ".71 .71 .75 .83 .93 .98", None),
        (RARE, ".35 .41 .47 .57 .71 .88", None),
    ]
    found: list[Cell] = []
    for law, targets, bar in rows:
        found += row(section, law.name, SIX, targets, lambda n, law=law: _mean_of(law, n),
                     bar=bar, more=more(law.name))  # fmt: skip
    return found


def _mean_of(law: Law, n: int) -> Simulate:
    def simulate(rng: Rng) -> tuple[float, ...]:
        x = law.draw(rng, n)
        found = mean(x, null=law.mean)
        student = 2 * stats.t.ppf(0.975, n - 1) * x.std(ddof=1) / np.sqrt(n)
        return covers(found, law.mean), width(found, student), float((found.p or 1) <= 0.01)

    return simulate


def _by_item() -> list[Cell]:
    section = "0 sizes of clusters differ"

    def of(law: Law, sizes, weight: str):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                m = sizes(n, rng)
                clusters = np.repeat(np.arange(n), m)
                # Half of an item's variance is its cluster's.
                noise = rng.normal(0, 1, len(clusters))
                x = law.draw(rng, n)[clusters] + noise
                return (covers(mean(x, clusters.tolist(), weight=weight), law.mean),)

            return simulate

        return make

    one_large = lambda n, rng: with_one_of_60(n)  # noqa: E731
    ragged = lambda n, rng: rng.integers(1, 21, n)  # noqa: E731
    return [
        *row(section, "one of 60 among fives, items weigh the same", (4, 8, 20), ".997 .997 .97",
             of(NORMAL, one_large, "item")),
        *row(section, "one of 60 among fives, clusters weigh the same", (4, 8, 20), ".97 .96 .96",
             of(NORMAL, one_large, "cluster"), bar=0.93),
        *row(section, "sizes 1-20, exponential, items weigh the same", (4, 8, 20), ".95 .94 .94",
             of(EXPONENTIAL, ragged, "item")),
        *row(section, "sizes 1-20, exponential, clusters weigh the same", (4, 8, 20), ".95 .94 .95",
             of(EXPONENTIAL, ragged, "cluster"), bar=0.93),
    ]  # fmt: skip


@cache
def _of_ones(ones: int, n: int):
    return share([1] * ones + [0] * (n - ones))


def _shares() -> list[Cell]:
    section = "2 within a range"

    def binary(p: float):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                found = _of_ones(int(rng.binomial(n, p)), n)
                return covers(found, p), width(found)

            return simulate

        return make

    def shares(sizes, truth: float, a: float, b: float):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                y, clusters = items(rng.beta(a, b, n), sizes(n, rng), rng)
                found = share(y, clusters.tolist())
                return covers(found, truth), width(found)

            return simulate

        return make

    def bounded(draw, truth: float, within: tuple[float, float]):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                found = mean(draw(rng, n), within=within)
                return covers(found, truth), width(found, within[1] - within[0])

            return simulate

        return make

    def wide(at_8: str = ""):
        def of(i: int) -> tuple[Measure, ...]:
            target = span(at_8) if at_8 and SEVEN[i] == 8 else None
            return (Measure("width / range", target, median=True),)

        return of

    ragged = lambda n, rng: rng.integers(1, 25, n)  # noqa: E731
    lone = lambda n, rng: with_one_of_60(n)  # noqa: E731
    all_64 = lambda n, rng: np.full(n, 64)  # noqa: E731
    ari_1 = lambda rng, n: np.where(rng.random(n) < 0.3, 1.0, rng.uniform(0.1, 0.9, n))  # noqa: E731
    near_0 = lambda rng, n: np.clip(rng.normal(0, 0.1, n), -0.5, 1)  # noqa: E731
    mostly_1 = lambda rng, n: np.where(rng.random(n) < 0.9, 1, rng.integers(2, 6, n))  # noqa: E731
    either = lambda rng, n: rng.choice([1, -1, 0], n, p=[0.25, 0.05, 0.7])  # noqa: E731
    rare = lambda rng, n: rng.binomial(64, np.where(rng.random(n) < 0.1, 0.3, 0.99)) / 64  # noqa: E731
    far = LOGNORMAL.mean
    rows = [
        ("binary, p = .05", binary(0.05), ".99 .98 .98 1.00 .99 .98 .98", 0.93, ""),
        ("binary, p = .8", binary(0.8), ".99 1.00 .99 .98 .99 .98 .98", 0.93, ""),
        ("binary, p = .5", binary(0.5), "1.00 1.00 1.00 .97 .99 .96 .95", 0.93, ".67"),
        ("Beta(4, 1), sizes 1-24", shares(ragged, 0.8, 4, 1), ".99 .97 .97 .96 .96 .96 .96",
         0.92, ""),
        ("Beta(.5, .5), one of 60 among fives", shares(lone, 0.5, 0.5, 0.5),
         ".97 .96 .96 .97 .98 .98 .97", 0.92, ""),
        ("64 x Beta(9.5, .5)", shares(all_64, 0.95, 9.5, 0.5), "1.00 .94 .92 .93 .93 .94 .94",
         0.92, ".11"),
        ("ARI in [-.5, 1], 30 % at 1", bounded(ari_1, 0.65, (-0.5, 1)),
         ".96 .96 .95 .96 .97 .96 .97", None, ""),
        ("ARI in [-.5, 1], near 0, sd .1", bounded(near_0, 0.0, (-0.5, 1)),
         ".96 .95 .96 .94 .95 .95 .95", None, ".11"),
        ("K in 1 to 5", bounded(lambda rng, n: 1 + rng.binomial(4, 0.5, n), 3.0, (1, 5)),
         "1.00 1.00 1.00 .99 .95 .94 .95", None, ""),
        ("K mostly 1", bounded(mostly_1, 1.25, (1, 5)), ".99-1", None, ""),
        ("paired difference, binary", bounded(either, 0.2, (-1, 1)),
         "1.00 1.00 1.00 1.00 .96 .98 .96", 0.93, ""),
        ("paired difference, shares of 64", bounded(_paired_64, 0.2, (-1, 1)),
         ".96 .96 .97 .95 .95 .97 .95", 0.93, ""),
        ("distances in [0, 2], exponential, mean .005",
         bounded(lambda rng, n: np.minimum(0.005 * rng.exponential(size=n), 2), 0.005, (0, 2)),
         ".94 .94 .93 .94 .94 .94 .94", None, ""),
        ("distances in [0, 2], lognormal(1), mean .005",
         bounded(lambda rng, n: np.minimum(0.005 * rng.lognormal(size=n) / far, 2), 0.005, (0, 2)),
         ".91 .90 .90 .90 .88 .88 .90", None, ""),
        ("10 % of clusters at .3, the rest at .99 (of 64)", bounded(rare, 0.921, (0, 1)),
         ".82 .49 .46 .49 .57 .73 .87", None, ""),
    ]  # fmt: skip
    found: list[Cell] = []
    for name, make, targets, bar, at_8 in rows:
        found += row(section, name, SEVEN, targets, make, bar=bar, more=wide(at_8))
    return found


def _paired_64(rng: Rng, n: int) -> np.ndarray:
    common = rng.normal(0, 0.5, n)
    first = 1 / (1 + np.exp(-(common + rng.normal(SHIFT, 0.5, n))))
    second = 1 / (1 + np.exp(-(common + rng.normal(-SHIFT, 0.5, n))))
    return (rng.binomial(64, first) - rng.binomial(64, second)) / 64


def _differences() -> list[Cell]:
    section = "3 unpaired difference"
    against = ((3, 2), (4, 4), (8, 8), (12, 4))
    three = ((4, 4), (8, 8), (12, 4))

    def of(first, second, truth: float, within: tuple[float, float] | None = None):
        def make(sizes: tuple[int, int]) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                a, b = first(rng, sizes[0]), second(rng, sizes[1])
                found = difference(a, b, within=within) if within else difference(a, b)
                return covers(found, truth), width(found)

            return simulate

        return make

    def shares(p: float):
        return lambda rng, n: rng.binomial(64, rng.beta(6 * p, 6 * (1 - p), n)) / 64

    def binary(p: float):
        return lambda rng, n: rng.binomial(1, p, n)

    def wide(first: str = ""):
        target = span(first) if first else None
        return lambda i: (Measure("width", None if i else target, median=True),)

    return [
        *row(section, "shares of 64", against, ".97-.99 .98 .98-.99 .97",
             of(shares(0.6), shares(0.4), 0.2, (0, 1)), bar=0.93, more=wide("1.2")),
        *row(section, "binary", against, ".97-1", of(binary(0.6), binary(0.3), 0.3, (0, 1)),
             bar=0.93, more=wide()),
        *row(section, "normal, sd 1 and 2", three, ".96-.99",
             of(NORMAL.draw, lambda rng, n: 2 * rng.normal(size=n), 0.0), bar=0.93, more=wide()),
        *row(section, "exponential against lognormal(1)", three, ".95-.99",
             of(EXPONENTIAL.draw, LOGNORMAL.draw, 1 - LOGNORMAL.mean), bar=0.93,
             more=wide()),
    ]  # fmt: skip


def _strata() -> list[Cell]:
    section = "3 five strata"
    sizes = (3, 4, 6, 12)

    def of(law: Law, scale=lambda s: 1.0):
        def make(n: int) -> Simulate:
            strata = np.repeat(np.arange(5), n).tolist()

            def simulate(rng: Rng) -> tuple[float, ...]:
                parts = [3 * s + scale(s) * (law.draw(rng, n) - law.mean) for s in range(5)]
                return (covers(mean(np.concatenate(parts), strata=strata), 6.0),)

            return simulate

        return make

    def of_shares(n: int) -> Simulate:
        strata = np.repeat(np.arange(5), n).tolist()

        def simulate(rng: Rng) -> tuple[float, ...]:
            p = np.repeat([0.2, 0.35, 0.5, 0.7, 0.9], n)
            y = rng.binomial(64, rng.beta(8 * p, 8 * (1 - p))) / 64
            return (covers(share(y, strata=strata), 0.53),)

        return simulate

    spread = lambda s: (0.2, 0.5, 1.0, 2.0, 3.0)[s]  # noqa: E731
    return [
        *row(section, "normal", sizes, ".98 .97 .96 .96", of(NORMAL), bar=0.93),
        *row(section, "normal, sd .2 to 3", sizes, ".97 .96 .96 .96", of(NORMAL, spread), bar=0.93),
        *row(section, "exponential", sizes, ".96 .96 .95 .96", of(EXPONENTIAL), bar=0.93),
        *row(section, "lognormal(1)", sizes, ".93 .93 .94 .95", of(LOGNORMAL), bar=0.88),
        *row(section, "normal, two in each", (2,), ".93-.98", of(NORMAL)),
        *row(section, "exponential, two in each", (2,), ".93-.98", of(EXPONENTIAL)),
        *row(section, "shares of 64", (2, *sizes), ".97-.99", of_shares, bar=0.92),
    ]


def _ratios() -> list[Cell]:
    section = "3 ratio"

    def of(bottom, noise, truth: float = 2.0):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                b = bottom(rng, n)
                return _covered_or_refused(ratio(truth * b + noise(rng, n), b), truth)

            return simulate

        return make

    def signed(varies: bool):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                gap = rng.normal(1, 1, n)
                part = 0.6 + (0.3 * rng.normal(size=n) if varies else 0.0)
                noise = 0.0 if varies else 0.3 * rng.normal(size=n)
                return _covered_or_refused(signed_share(part * gap + noise, gap), 0.6)

            return simulate

        return make

    def geometric(draw):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                return (covers(ratio_of_geometric_means(3 * draw(rng, n), draw(rng, n)), 3.0),)

            return simulate

        return make

    def refused(text: str):
        shares = text.split()
        return lambda i: (Measure("refused", span(shares[i]), slack=0.05),)

    half = lambda rng, n: 0.5 * rng.normal(size=n)  # noqa: E731
    skewed = lambda rng, n: 0.5 * (rng.lognormal(size=n) - LOGNORMAL.mean)  # noqa: E731
    uniform = lambda rng, n: rng.uniform(0.5, 1.5, n)  # noqa: E731
    return [
        *row(section, "bottom uniform(.5, 1.5)", SIX, ".975 .972 .961 .962 .964 .955",
             of(uniform, half), bar=0.93, more=refused("0 0 0 0 0 0")),
        *row(section, "bottom exponential", SIX, ".99 .97 .97 .98 .97 .96",
             of(EXPONENTIAL.draw, half), more=refused(".73 .55 .35 .13 .01 0")),
        *row(section, "bottom N(1, 1)", SIX, ".98 .98 .97 .98 .98 .97",
             of(lambda rng, n: rng.normal(1, 1, n), half),
             more=refused(".70 .58 .50 .29 .13 .01")),
        *row(section, "bottom uniform, lognormal noise", SIX, ".91 .89 .87 .89 .91 .93",
             of(uniform, skewed), more=refused("0 0 0 0 0 0")),
        *row(section, "signed share, gaps of both signs", SIX, ".98 .98 .98 .97 .97 .96",
             signed(False), more=refused(".51 .25 .09 .01 0 0")),
        *row(section, "signed share, share itself varies", SIX, ".97 .96 .95 .94 .94 .95",
             signed(True), more=refused(".53 .25 .10 .01 0 0")),
        *row(section, "geometric means, gamma(2)", (4, 8, 20), ".96-.98",
             geometric(lambda rng, n: rng.gamma(2, size=n))),
        *row(section, "geometric means, lognormal(1)", (4, 8, 20), ".96-.98",
             geometric(LOGNORMAL.draw)),
    ]  # fmt: skip


def _covered_or_refused(found: object, truth: float) -> tuple[float, float]:
    covered = covers(found, truth)
    return covered, float(np.isnan(covered))
