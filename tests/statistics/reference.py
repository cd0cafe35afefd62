"""The definitions of docs/calibration.md's methods in plain loops: slow, and sharing no code.

Only scipy's quantiles are the same. Ends are None where there is no interval.
"""

from collections import defaultdict
from itertools import product
from math import copysign, exp, fsum, inf, isfinite, log, sqrt

import numpy as np
from scipy import stats

Ends = tuple[float, float] | None


def cluster_means(values, clusters):
    """Means of clusters in any order."""
    members = defaultdict(list)
    for value, name in zip(values, clusters, strict=True):
        members[name].append(float(value))
    return [fsum(m) / len(m) for m in members.values()]


def equal(values) -> bool:
    return max(values) - min(values) <= 1e-9 * max(abs(v) for v in values)


def error_of_ratio(tops, bottoms) -> tuple[float, float]:
    """Σ top / Σ bottom and its linearised error (0 where all are equal)."""
    n = len(tops)
    if fsum(bottoms) == 0:
        return inf, inf
    r, middle = fsum(tops) / fsum(bottoms), fsum(bottoms) / n
    z = [(t - r * b) / middle for t, b in zip(tops, bottoms, strict=True)]
    if max(abs(one) for one in z) <= 1e-9 * max(abs(t / middle) for t in tops):
        return r, 0.0
    return r, sqrt(fsum(one * one for one in z) / (n - 1) / n)


def upper(values, weights, at: float) -> float:
    """The least value whose cumulated weight reaches `at`; infinite if none does."""
    total = 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        total += weight
        if total >= at - 1e-12:
            return value
    return inf


def bootstrap_t(tops, bottoms, alpha, resamples=1999, seed=42) -> tuple[float, float]:
    """Upper quantiles of t* and -t* of a ratio: every draw for n ≤ 7, drawn from 8 on."""
    order = sorted(range(len(tops)), key=lambda i: (tops[i], bottoms[i]))
    tops, bottoms = [tops[i] for i in order], [bottoms[i] for i in order]
    n = len(tops)
    r, error = error_of_ratio(tops, bottoms)
    apart = [abs(t - r * b) for t, b in zip(tops, bottoms, strict=True)]
    order = sorted(range(n), key=lambda i: apart[i])
    tops, bottoms = [tops[i] for i in order], [bottoms[i] for i in order]
    if n <= 7:
        drawn, weight = list(product(range(n), repeat=n)), n**-n
    else:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(n, size=(resamples, n), dtype=np.int32).tolist()
        weight = 1 / (resamples + 1)
    t = []
    for index in drawn:
        value, spread = error_of_ratio([tops[i] for i in index], [bottoms[i] for i in index])
        apart = value - r
        if not isfinite(value):
            t.append(None)
        elif spread == 0:
            t.append(0.0 if abs(apart) <= 1e-12 * error else copysign(inf, apart))
        else:
            t.append(apart / spread)
    # A draw whose denominator is 0 is the farthest on both sides.
    return (
        upper([inf if one is None else one for one in t], [weight] * len(t), 1 - alpha / 2),
        upper([inf if one is None else -one for one in t], [weight] * len(t), 1 - alpha / 2),
    )


def hull(tops, bottoms, alpha=0.05, resamples=1999, seed=42) -> Ends:
    """The wider of Student's t and the bootstrap-t, at most three times Student's."""
    r, error = error_of_ratio(tops, bottoms)
    if len(tops) < 4 or error == 0:
        return None
    q = stats.t.ppf(1 - alpha / 2, len(tops) - 1)
    u, v = bootstrap_t(tops, bottoms, alpha, resamples, seed)
    return r - min(max(u, q), 3 * q) * error, r + min(max(v, q), 3 * q) * error


def clopper(y: float, hits: float, n: float, alpha: float) -> tuple[float, float]:
    low = stats.beta.ppf(alpha / 2, hits, n - hits + 1) if hits > 0 else 0.0
    high = stats.beta.ppf(1 - alpha / 2, hits + 1, n - hits) if hits < n else 1.0
    return min(float(low), y), max(float(high), y)


def bounded(means, within, alpha=0.05, variance=None, floor=None, df=None) -> Ends:
    """Clopper-Pearson at Korn and Graubard's effective n, of the means of clusters."""
    n = len(means)
    if n < 2:
        return None
    a, b = within
    y = fsum((m - a) / (b - a) for m in means) / n
    if variance is None:
        variance = 0.0 if equal(means) else stats.tvar([(m - a) / (b - a) for m in means]) / n
    floor, df = floor or n, df or n - 1
    if variance == 0:
        u = 1 - (alpha / 2) ** (1 / floor)
        low, high = y - u * y, y + u * (1 - y)
    else:
        z, q = stats.norm.ppf(1 - alpha / 2), stats.t.ppf(1 - alpha / 2, df)
        star = max(floor, y * (1 - y) / variance * (z / q) ** 2)
        low, high = clopper(y, y * star, star, alpha)
    return a + (b - a) * low, a + (b - a) * high


def mover(a: Ends, m_a: float, b: Ends, m_b: float) -> tuple[float, float]:
    d = m_a - m_b
    return (
        d - sqrt((m_a - a[0]) ** 2 + (b[1] - m_b) ** 2),
        d + sqrt((a[1] - m_a) ** 2 + (m_b - b[0]) ** 2),
    )


def auroc(scores, positive, clusters=None, alpha=0.05) -> tuple[float, Ends]:
    """A and its logit DeLong interval, by comparing every pair."""
    n = len(scores)
    yes = [i for i in range(n) if positive[i]]
    no = [i for i in range(n) if not positive[i]]

    def wins(i, j):
        return 1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0

    v1 = {i: fsum(wins(i, j) for j in no) / len(no) for i in yes}
    v0 = {j: fsum(wins(i, j) for i in yes) / len(yes) for j in no}
    a = fsum(v1.values()) / len(yes)
    names = list(range(n)) if clusters is None else list(clusters)
    sides = [len({names[i] for i in side}) for side in (yes, no)]
    if min(sides) < 3:
        return a, None
    if all(v == 1 for v in v1.values()) or all(v == 0 for v in v1.values()):
        least = (alpha / 2) ** (1 / min(sides))
        return a, ((least, 1.0) if a > 0.5 else (0.0, 1 - least))
    shared = {names[i] for i in yes} & {names[j] for j in no}
    variance = 0.0
    for side in [yes + no] if shared else [yes, no]:
        parts = defaultdict(float)
        for i in side:
            parts[names[i]] += (v1[i] - a) / len(yes) if i in v1 else (v0[i] - a) / len(no)
        c = len(parts)
        variance += c / (c - 1) * fsum(d * d for d in parts.values())
    if variance < 1e-18:
        return a, None
    q = stats.t.ppf(1 - alpha / 2, min(*sides, len(set(names))) - 1)
    reach, centre = q * sqrt(variance) / (a * (1 - a)), log(a / (1 - a))
    return a, (1 / (1 + exp(reach - centre)), 1 / (1 + exp(-reach - centre)))


def t_statistic(x) -> float:
    """|Student's t|; infinite where equal values are not 0."""
    mean = fsum(x) / len(x)
    spread = sqrt(fsum((v - mean) ** 2 for v in x) / (len(x) - 1) / len(x))
    if spread <= 1e-12 * max(map(abs, x), default=0):
        return inf if abs(mean) > 1e-12 else 0.0
    return abs(mean / spread)


def finite(ends: Ends) -> bool:
    return ends is not None and all(map(isfinite, ends))
