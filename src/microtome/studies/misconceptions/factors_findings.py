"""What the factors say, in sentences."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from microtome.lab.study import Finding
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Sides
from microtome.studies.misconceptions.factoring import VERDICTS, Effects

Rows = list[dict[str, Any]]


def factor_findings(
    found: Sequence[Effects],
    made: Rows,
    outside: Sides | None,
    content: Sides | None,
    control: tuple[int, int],
    study: Configuration,
) -> list[Finding]:
    """The verdicts over all claimed features, the strongest feature, and what the data lack."""
    lacking = _lacking(outside, content)
    if not found:
        return [Finding.stated(f"No claimed feature to tell voice and domain apart.{lacking}",
                        n=0, about="verdicts")]  # fmt: skip
    counted = Counter(one.verdict for one in found)
    counts = ", ".join(f"{counted[v]} {v}" for v in VERDICTS if counted[v])
    first = Finding.stated(
        f"Of {len(found)} claimed features: {counts} (intervals at 1 − {study.alpha:.2g} / "
        f"{len(found)}; the features share their pairs, so the counts have no interval).{lacking}",
        n=len(found), about="verdicts",
        control=_controlled(*control),
    )  # fmt: skip
    return [first, *([_strongest(found[0], made[0])] if outside is not None else [])]


def _controlled(voiced: int, tried: int) -> str:
    if not tried:
        return ""
    return f"{voiced} of {tried} verdicts are of the voice with labels exchanged outside the domain"


def _lacking(outside: Sides | None, content: Sides | None) -> str:
    """The factors that are not in these data, and what a verdict can then not say."""
    missing = [name for name, one in (("domain", outside), ("content", content)) if one is None]
    if not missing:
        return ""
    rest = (
        " A feature specific to the domain may then answer to what is stated."
        if content is None and outside is not None else ""
    )  # fmt: skip
    return f" Factor {' and '.join(missing)}: not in these data.{rest}"


def _strongest(one: Effects, row: dict[str, Any]) -> Finding:
    feature, alone = one.feature, one.alone["outside"]
    assert alone is not None
    marker = "mistaken" if one.side == "misconception" else "right"
    return Finding.stated(
        f"{feature} is {one.verdict}: after the markers of the {marker} voice it reads "
        f"{row['inside_after_own_marker']:.2f} inside the domain and "
        f"{row['outside_after_own_marker']:.2f} before sentences of other kinds (fires in "
        f"{row['outside_fires']} of {alone.n}).",
        alone.value, alone.low, alone.high, unit="activation outside the domain, paired difference",
        n=alone.n, about="the largest claimed feature outside the domain",
        control=f"after the other voice's markers {row['outside_after_other_marker']:.2f}",
    )  # fmt: skip
