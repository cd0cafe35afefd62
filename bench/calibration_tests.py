"""Cells of sections 4 to 7: AUROC, tests of many columns, peers, the largest of many, a family."""

import numpy as np
from scipy import stats

from bench.calibration_cells import Cell, Measure, Simulate, covers, row, span, width
from bench.calibration_laws import EXPONENTIAL, LOGNORMAL, NORMAL, T3, Law, Rng
from microtome.statistics import (
    Family,
    auroc,
    decide,
    held_out_maximum,
    mean_is_0,
    rank_among_peers,
    symmetric_about_0,
)  # fmt: skip

FOUR = (6, 8, 12, 20)
SIDES = (8, 12, 24, 48)
TESTS = {"mean_is_0": mean_is_0, "symmetric_about_0": symmetric_about_0}


def cells() -> list[Cell]:
    """All cells of tests, in the order of the design."""
    return [*_auroc(), *_columns(), *_peers(), *_held_out(), *_family()]


def _auroc() -> list[Cell]:
    section = "4 AUROC"
    widths = dict(zip(SIDES, [".47", ".33", ".20", ".13"], strict=True))

    def of(area: float, sd: float = 1.0, more: int = 1, rho: float | None = None):
        shift = float(np.sqrt(1 + sd**2) * stats.norm.ppf(area))

        def make(n: int) -> Simulate:
            positive = np.arange(n * (1 + more)) < n
            pairs = None if rho is None else np.concatenate([np.arange(n)] * 2).tolist()

            def simulate(rng: Rng) -> tuple[float, ...]:
                first, second = rng.normal(size=n), rng.normal(size=n * more)
                if rho is not None:
                    second = rho * first + np.sqrt(1 - rho**2) * second
                scores = np.concatenate([shift + sd * first, second])
                found = auroc(scores, positive, pairs)
                return covers(found, area), width(found)

            return simulate

        return make

    def wide(plain: bool):
        def at(i: int) -> tuple[Measure, ...]:
            target = span(widths[SIDES[i]]) if plain else None
            return (Measure("width", target, median=True),)

        return at

    rows = {
        "unpaired": ({}, [".99 .99 .97 .96", "1.00 .98 .96 .95", ".99 .99 .96 .96",
                          ".99 .98 .98 .97"]),
        "paired, rho .5": ({"rho": 0.5}, [".99 .98 .96 .96", ".98 .98 .97 .96", ".99 .98 .96 .96",
                                          ".99 .98 .97 .93"]),
        "paired, rho .9": ({"rho": 0.9}, [".99 .99 .98 .97", ".99 .98 .97 .96", ".97 .98 .96 .95",
                                          ".98 .98 .98 .95"]),
        "one side's sd 3 times the other's": ({"sd": 3.0}, [
            ".99 .99 .97 .96", "1.00 .97 .97 .96", ".99 .99 .94 .95", ".99 .99 .97 .93"]),
        "3 times as many negatives": ({"more": 3}, [
            ".98 .98 .97 .96", ".98 .97 .96 .96", ".99 .97 .95 .95", ".99 .98 .98 .93"]),
    }  # fmt: skip
    found: list[Cell] = []
    for name, (options, targets) in rows.items():
        for area, line in zip((0.5, 0.7, 0.9, 0.99), targets, strict=True):
            found += row(section, f"{name}, A = {area:g}", SIDES, line, of(area, **options),
                         more=wide(area == 0.9 and not options))  # fmt: skip
        found += row(section, f"{name}, A = .9", (3, 5), ".97-1", of(0.9, **options),
                     more=wide(False))  # fmt: skip
    return found


def _columns() -> list[Cell]:
    section = "5 any of 20 columns claimed"
    bernoulli = Law("Bernoulli(.9)", 0.9, lambda rng, n: rng.binomial(1, 0.9, n).astype(float))
    nulls = [
        (NORMAL, ".00 .00 .02 .03", ".03 .04 .04 .04"),
        (T3, ".00 .00 .00 .01", ".03 .05 .05 .05"),
        (EXPONENTIAL, ".01 .01 .03 .02", ".20 .33 .36 .35"),
        (LOGNORMAL, ".01 .02 .02 .01", ".33 .58 .70 .67"),
        (bernoulli, ".00 .00 .00 .00", "1.0 1.0 1.0 .93"),
    ]

    def of(law: Law, test: str, shift: float = 0.0):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                x = law.draw(rng, (n, 20)) - law.mean + shift  # type: ignore[arg-type]
                claimed = TESTS[test](x).p <= 0.05
                return float(claimed.any()), float(claimed.mean())

            return simulate

        return make

    each = lambda i: (Measure("share of columns"),)  # noqa: E731
    found: list[Cell] = []
    for law, drawn, flipped in nulls:
        symmetric = law in (NORMAL, T3)
        found += row(
            section,
            f"{law.name}, mean_is_0",
            FOUR,
            drawn,
            of(law, "mean_is_0"),
            bar=0.06,
            first="claims",
            more=each,
        )
        found += row(section, f"{law.name}, symmetric_about_0", FOUR, flipped,
                     of(law, "symmetric_about_0"), bar=0.06 if symmetric else None,
                     first="claims", more=each)  # fmt: skip
    for test, shift, targets in (
        ("symmetric_about_0", 1.0, ".61 .95 1.0 1.0"),
        ("mean_is_0", 1.0, ".05 .39 .98 1.0"),
        ("mean_is_0", 1.5, ".19 .83 1.0 1.0"),
    ):
        found += row("5 power", f"20 columns shifted by {shift:g} sd, {test}", FOUR, targets,
                     of(NORMAL, test, shift), first="any claimed", more=each)  # fmt: skip
    return found


def _peers() -> list[Cell]:
    section = "6 rank of a component named beforehand"

    def of(law: Law):
        def make(peers: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                effects = law.draw(rng, (6, peers))  # type: ignore[arg-type]
                return (float(rank_among_peers(effects).p[3] <= 0.05),)

            return simulate

        return make

    three = (20, 64, 200)
    return [
        *row(section, "normal", three, ".048 .054 .049-.058", of(NORMAL), first="claims", bar=0.06),
        *row(section, "exponential, all positive", three, ".048 .054 .049-.058", of(EXPONENTIAL),
             first="claims", bar=0.06),
        *row(section, "normal, too few peers", (8, 19), "0 0", of(NORMAL), first="claims"),
    ]  # fmt: skip


def _held_out() -> list[Cell]:
    section = "6 held-out maximum of 30"

    def of(truth):
        def make(n: int) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                means = truth(rng)
                found = held_out_maximum(means + rng.normal(size=(n, 30)))
                even, odd = (n + 1) // 2, n // 2
                aim = (even * means[found.chosen[1]] + odd * means[found.chosen[0]]) / n
                return (covers(found.interval, float(aim)),)

            return simulate

        return make

    sizes = (4, 6, 8, 12, 20)
    return [
        *row(section, "all equal", sizes, ".93-1", of(lambda rng: np.zeros(30)), bar=0.93),
        *row(section, "N(0, .5)", sizes, ".92-1", of(lambda rng: rng.normal(0, 0.5, 30)), bar=0.92),
        *row(section, "one true of 1.5", sizes, ".95-1",
             of(lambda rng: 1.5 * (np.arange(30) == 7)), bar=0.93),
    ]  # fmt: skip


def _family() -> list[Cell]:
    section = "7 a run's claims"

    def singles(sizes: tuple[int, ...], rho: float, skip: bool):
        def make(_: object) -> Simulate:
            def simulate(rng: Rng) -> tuple[float, ...]:
                families, true = {}, set()
                for i, n in enumerate(sizes):
                    x = np.sqrt(rho) * rng.normal(size=(n, 20))[:, :1] + np.sqrt(
                        1 - rho
                    ) * rng.normal(size=(n, 20))
                    x[:, :4] += 1.5
                    test = symmetric_about_0(x)
                    for j, p in enumerate(test.single):
                        families[f"{i} {j}"] = Family((float(p),), test.floor if skip else 0.0)
                        true |= {f"{i} {j}"} if j < 4 else set()
                chosen = {name for name, hits in decide(families).claimed.items() if hits}
                wrong = len(chosen - true) / max(1, len(chosen))
                return wrong, len(chosen & true) / len(true)

            return simulate

        return make

    def inside(_: object) -> Simulate:
        def simulate(rng: Rng) -> tuple[float, ...]:
            families = {}
            for f in range(20):
                x = rng.normal(size=(12, 20))
                x[:, :4] += 1.5 if f < 5 else 0.0
                families[str(f)] = Family(tuple(symmetric_about_0(x).p))
            claimed = decide(families).claimed
            wrong = [any(i >= 4 or int(name) >= 5 for i in hits) for name, hits in claimed.items()]
            power = np.mean([len([i for i in claimed.get(str(f), ()) if i < 4]) for f in range(5)])
            return float(np.mean(wrong)) if wrong else 0.0, float(power) / 4

        return simulate

    def power(text: str):
        return lambda i: (Measure("power", span(text), slack=0.05),)

    def claims(name: str, sizes: tuple[int, ...], targets: str, found: str, rho=0.0, skip=True):
        return row(section, name, (" + ".join(map(str, sizes)),), targets,
                   singles(sizes, rho, skip), more=power(found), first="false share",
                   most=250)  # fmt: skip

    return [
        *claims("60 claims, 12 true", (12, 12, 12), ".04", ".96"),
        *claims("60 claims, 12 true", (8, 8, 8), ".01", ".08"),
        *claims("60 claims, 12 true, all counted", (5, 8, 12), ".014", ".27", skip=False),
        *claims("60 claims, 12 true, undecidable left out", (5, 8, 12), ".031", ".42"),
        *claims("60 claims, 12 true, correlation .5", (12, 12, 12), "0-.04", ".9-1", rho=0.5),
        *row(section, "20 families of 20, 5 with signal", ("12",), ".045", inside,
             more=power(".65"), first="error in chosen", most=100),
    ]  # fmt: skip
