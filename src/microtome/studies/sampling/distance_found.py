"""What distances to the oracle show: another problem's oracle, wrong completions, its beginning."""

from typing import TYPE_CHECKING, Any

from microtome.lab import evidence
from microtome.lab.claims import Claim
from microtome.lab.study import Finding, Tables
from microtome.statistics import Interval, mean
from microtome.studies.sampling import effects
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.distance import DISTANCES, Rows
from microtome.studies.sampling.frames import PROBLEMS, evidence_of, p_words

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "oracle"


def manifold_findings(layers: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """Distance in the layer of the study, against the control, and for right and wrong ones."""
    if not layers:
        return []
    row = layers[study.layer_among([r["layer"] for r in layers])]
    layer, frame = row["layer"], tables["manifold"]
    own = frame[frame["layer"] == layer]
    found = [_oracle(own, row, study), _other_oracle(own, row, study)]
    return [*found, *_right_and_wrong(own, layer, study)]


def _oracle(own: "pd.DataFrame", row: dict[str, Any], study: Configuration) -> Finding:
    """How far the oracle is: a description."""
    at = evidence.mean(own, "relative", by="problem", at=study.at, within=DISTANCES)
    return Finding(
        f"At T = {study.manifold_temperature:g}, layer {row['layer']}, completions lie "
        f"{at.value:.2f} √mean|z|² from the oracle's solution.",
        evidence_of(
            at, "distance / √mean|z|²",
            f"oracle of another problem: {row['relative_control']:.2f}, percentile "
            f"{row['percentile_control']:.2f}",
            f"{row['percentile']:.0%} of the distances among a problem's own completions are "
            f"shorter.",
        ),
        "distance to the oracle", QUESTION,
    )  # fmt: skip


def _other_oracle(own: "pd.DataFrame", row: dict[str, Any], study: Configuration) -> Finding:
    """The claim that the oracle of another problem lies elsewhere than the problem's own."""
    gap = evidence.mean(
        own.assign(gap=own["relative_control"] - own["relative"]), "gap", by="problem", at=study.at
    )
    other, size = "the oracle of another problem", f"{abs(gap.value):.2f} √mean|z|²"
    than = "than the problem's own"
    claim = Claim(
        p=gap.p, least=effects.DISTANCE,
        above=f"To completions {other} is {size} farther {than}.",
        below=f"To completions {other} is {size} nearer {than}.",
        false_in="oracles permuted among the problems",
    )  # fmt: skip
    proof = evidence_of(
        gap, "distance / √mean|z|², other oracle − own",
        f"{other} ({row['relative_control']:.2f}) is what the own one is compared with",
        f"Layer {row['layer']}, chosen beforehand; mean of control − own is 0, over layers: "
        f"{p_words(row['p'])}.", "+.2f",
    )  # fmt: skip
    answer = f"That {other} lies at another distance {than} is not shown: {gap.value:+.2f}."
    return Finding(answer, proof, "another problem's oracle", QUESTION, claim)


def _right_and_wrong(own: "pd.DataFrame", layer: int, study: Configuration) -> list[Finding]:
    """Are right completions nearer? Within problems that have both."""
    means = own.groupby(["problem", "correct"])["relative"].mean().unstack()
    if study.grader == "none" or means.shape[1] < 2:
        return []
    both = means.dropna()
    if len(both) < 2:
        return []
    gap = mean(both[False] - both[True], list(both.index), study.at)
    size = f"{abs(gap.value):.2f} √mean|z|²"
    claim = Claim(
        p=gap.p, least=effects.DISTANCE,
        above=f"Wrong completions lie {size} farther from the oracle than right ones.",
        below=f"Wrong completions lie {size} nearer to the oracle than right ones.",
        false_in="the grades of a problem's completions permuted",
    )  # fmt: skip
    proof = evidence_of(
        gap, "distance / √mean|z|², wrong − right",
        "no control: right completions of the same problems",
        f"Layer {layer}, chosen beforehand; problems that have both kinds.", "+.2f",
    )  # fmt: skip
    answer = (
        f"That wrong completions differ from right ones in distance to the oracle is not shown: "
        f"{gap.value:+.2f} √mean|z|²."
    )
    return [Finding(answer, proof, "wrong against right completions", QUESTION, claim)]


def drift_findings(layers: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """What forcing the oracle's beginning changes, in the layer of the study."""
    if not layers:
        return []
    row = layers[study.layer_among([r["layer"] for r in layers])]
    own = tables["drift"][tables["drift"]["layer"] == row["layer"]]
    wide = own.pivot_table(index="problem", columns="arm", values="relative", sort=False).dropna()
    names = list(wide.index)
    change = mean(wide["forced"] - wide["unforced"], names, study.at)
    control = mean(wide["control"] - wide["unforced"], names, study.at)
    claim = Claim(
        p=change.p, least=effects.DISTANCE,
        above=_drifted(study, f"{abs(change.value):.2f} |z*| farther from"),
        below=_drifted(study, f"{abs(change.value):.2f} |z*| nearer to"),
        control_holds=None if control.ends is None else not _likewise(control, change),
        false_in="the forced and the free completions of a problem exchanged at random",
    )  # fmt: skip
    proof = evidence_of(
        change, "distance / |z*|, forced − free",
        f"as many tokens of another problem's oracle forced: {control.value:+.2f} "
        f"({evidence.worded(control, PROBLEMS, '+.2f')})",
        f"Layer {row['layer']}, chosen beforehand; compared over the same tokens; "
        f"{row['forced']:.2f} |z*| remain. Mean of forced − free is 0, over layers: "
        f"{p_words(row['forced_p'])}.", "+.2f",
    )  # fmt: skip
    answer = (
        f"That forcing the oracle's beginning changes the distance of what follows is not shown: "
        f"{change.value:+.2f} |z*|."
    )
    return [Finding(answer, proof, "drift", QUESTION, claim)]


def _drifted(study: Configuration, where: str) -> str:
    return (
        f"Behind {study.oracle_percentage:.0%} of the oracle's tokens completions go on {where} "
        f"its own continuation than free ones."
    )


def _likewise(control: Interval, change: Interval) -> bool:
    """Whether the control moves as well, and the same way."""
    return control.excludes(0.0) and control.value * change.value > 0
