"""What the factors say, in sentences."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Sides
from microtome.studies.misconceptions.factoring import HALF, VERDICTS, Effects

Rows = list[dict[str, Any]]
QUESTION = "specific"


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
        return [Finding.stated("No significant feature to tell voice and domain apart.", n=0,
                               about="verdicts", question=QUESTION,
                               detail=lacking.strip())]  # fmt: skip
    counted = Counter(one.verdict for one in found)
    counts = ", ".join(f"{counted[v]} {v}" for v in VERDICTS if counted[v])
    first = Finding.stated(
        f"Of {len(found)} significant features: {counts}.",
        n=len(found), about="verdicts", question=QUESTION,
        control=_controlled(*control),
        detail=f"Intervals at 1 − {study.alpha:.2g} / {len(found)}; the features share their "
        f"pairs, so the counts have no interval.{lacking}",
    )  # fmt: skip
    if outside is None:
        return [first]
    return [first, _strongest(found[0], made[0], control, study)]


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


def _strongest(
    one: Effects, row: dict[str, Any], control: tuple[int, int], study: Configuration
) -> Finding:
    """The largest feature on pairs outside the domain, which did not choose it."""
    feature, alone = one.feature, one.alone["outside"]
    assert alone is not None
    voiced, tried = control
    marker = "mistaken" if one.side == "misconception" else "right"
    evidence = Evidence(
        alone.value, alone.low, alone.high, "activation outside the domain, paired difference",
        alone.n, f"after the other voice's markers {row['outside_after_other_marker']:.2f}",
        f"It is {one.verdict}: after the markers of the {marker} voice it reads "
        f"{row['inside_after_own_marker']:.2f} inside the domain and "
        f"{row['outside_after_own_marker']:.2f} before sentences of other kinds (fires in "
        f"{row['outside_fires']} of {alone.n}).",
    )  # fmt: skip
    claim = Claim(
        p=alone.p, least=HALF * abs(one.inside.value) or 1.0, side=1,
        above=f"{feature} reads the voice outside the domain too: {alone.value:.2f} more after its "
        f"own markers.",
        control_holds=voiced <= study.alpha * tried if tried else None,
        false_in="labels of the pairs outside the domain exchanged at random",
    )  # fmt: skip
    return Finding(
        f"Whether {feature} reads the voice outside the domain is not shown: {alone.value:+.2f} "
        f"after its own markers.",
        evidence, "the largest claimed feature outside the domain", QUESTION, claim,
    )  # fmt: skip
