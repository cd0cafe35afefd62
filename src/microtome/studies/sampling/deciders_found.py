"""What the split of the top forks shows: what writes most, and whether ablating it tells.

What is largest is selected on half of the problems and estimated on the other half.
"""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab import evidence
from microtome.lab.claims import Claim
from microtome.lab.study import Finding, Tables
from microtome.statistics import Interval
from microtome.studies.sampling import effects
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.deciders import size_of
from microtome.studies.sampling.decisions import FORK
from microtome.studies.sampling.frames import evidence_of
from microtome.studies.sampling.largest import Largest, largest

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "deciders"


def decision_findings(tables: Tables, study: Configuration) -> list[Finding]:
    """Layers and components of the forks, how true their contributions are, the original's sum."""
    layers, parts = tables["attribution_layers"], tables["attribution_forks"]
    own = parts[parts["kind"].isin(("head", "mlp"))]
    found = _most(largest(layers, "layer", "total", study), "layer", _forks(layers))
    found += _most(largest(own, "component", "contribution", study), "component", _forks(own))
    found += _ablation(tables["attribution_ablations"], study)
    if study.formula == "seed":
        found.append(_original(layers, study))
    return found


def _forks(rows: "pd.DataFrame") -> str:
    """How many forks there are, and how close their two logits."""
    forks = rows[rows["condition"] == FORK].drop_duplicates(["problem", "t"])
    return (
        f"{len(forks)} forks of {forks['problem'].nunique()} problems, where logit top 1 − top 2 "
        f"is {forks['delta'].mean():.2f} on average."
    )


def _most(found: Largest | None, kind: str, forks: str) -> list[Finding]:
    """The largest and its held-out size, a description; its differences to the controls."""
    about = f"{kind} that writes most at forks"
    if found is None:
        return [
            Finding.stated(
                f"One problem cannot show which {kind} writes most at forks.", unit="logits", n=1,
                about=about, question=QUESTION, detail=forks,
                control="none: selection and estimate need two problems",
            )
        ]  # fmt: skip
    one, other = found.chosen
    size = f"{found.size.value:.2f} logits"
    answer = f"Halves of the problems choose {one} and {other} as largest {kind}: {size} held-out."
    if found.agreed is not None:
        answer = (
            f"Both halves of the problems choose {kind} {one} as the largest at forks: {size} "
            f"held-out."
        )
    controls = ", ".join(found.over) or "none: no problem has a fork and a control"
    detail = f"Mean size of what it writes to either side, at {forks}"
    proof = evidence_of(found.size, "logits", controls, detail)
    return [
        Finding(answer, proof, about, QUESTION),
        *(_beyond(found, kind, name, gap) for name, gap in found.over.items()),
    ]


def _beyond(found: Largest, kind: str, name: str, gap: Interval) -> Finding:
    """The claim that the largest writes more at forks than under a control.

    Only more: forks are ranked by p1 · p2, which is largest where the two logits are close, and
    contributions that sum to nearly 0 are smaller than others in any model.
    """
    subject = f"the largest {kind}" if found.agreed is None else f"{kind} {found.agreed}"
    begun, size = f"{subject[0].upper()}{subject[1:]} writes", f"{abs(gap.value):.2f} logits"
    claim = Claim(
        p=gap.p, least=effects.LOGITS, side=1,
        above=f"{begun} {size} more at forks than for the {name}.",
        false_in=f"fork and {name} of a problem exchanged at random",
    )  # fmt: skip
    one, other = found.chosen
    proof = evidence_of(
        gap, "logits, fork − control", f"the {name}, on the same problems",
        f"Halves of the problems choose {one} and {other}; the other half estimates. Less is no "
        f"claim: forks are selected for close logits, which makes contributions small.", "+.2f",
    )  # fmt: skip
    answer = (
        f"That {subject} exceeds at forks what it writes for the {name} is not shown: "
        f"{gap.value:+.2f} logits."
    )
    return Finding(answer, proof, f"largest {kind} against the {name}", QUESTION, claim)


def _ablation(rows: "pd.DataFrame", study: Configuration) -> list[Finding]:
    """What ablating each fork's top component does, against a random one, and as predicted."""
    top, other = rows[rows["role"] == "top"], rows[rows["role"] == "random"]
    error = (top["observed"] - top["predicted"]).abs().mean()
    change = size_of(top, "observed", study)
    compared = f"{other['observed'].abs().mean():.2f} logits" if len(other) else "there is none"
    proof = evidence_of(
        change, "logits", f"a random component of the same kind moves it by {compared}",
        f"Its contribution predicts {top['predicted'].abs().mean():.2f}; the mean error is "
        f"{error:.2f}, from later layers and the final norm.",
    )  # fmt: skip
    answer = (
        f"Ablating each fork's top component moves the logit difference by {change.value:.2f} "
        f"logits."
    )
    described = Finding(answer, proof, "ablation of the top component", QUESTION)
    return [described, *_more_than(top, other, study), _sign(top, study)]


def _more_than(top: "pd.DataFrame", other: "pd.DataFrame", study: Configuration) -> list[Finding]:
    """The claim that ablating the top component moves more than ablating the random one."""
    both = top.merge(other, on=["problem", "t"], suffixes=("", "_random"))
    if both.empty:
        return []
    both = both.assign(gap=both["observed"].abs() - both["observed_random"].abs())
    gap = evidence.mean(both, "gap", by="problem", at=study.at)
    claim = Claim(
        p=gap.p, least=effects.LOGITS, side=1,
        above=f"Ablating each fork's top component moves the logit difference by {gap.value:.2f} "
        f"more than ablating a random one.",
        false_in="top and random component of a fork exchanged at random",
    )  # fmt: skip
    proof = evidence_of(
        gap, "logits, top − random", "a random component of the same kind at the same fork",
        "By size, fork by fork. The top component is the one that writes most at that very fork.",
        "+.2f",
    )  # fmt: skip
    answer = (
        f"That ablating each fork's top component moves the logit difference beyond a random one "
        f"is not shown: {gap.value:+.2f}."
    )
    return [Finding(answer, proof, "top component against a random one", QUESTION, claim)]


def _sign(top: "pd.DataFrame", study: Configuration) -> Finding:
    """The claim that a contribution predicts the sign of what ablating it does."""
    right = top.assign(right=np.sign(top["predicted"]) == np.sign(top["observed"]))
    found = evidence.mean(
        right, "right", by="problem", at=study.at, within=(0.0, 1.0), null=0.5
    )  # fmt: skip
    many = f"{int(right['right'].sum())} of {len(right)} forks"
    claim = Claim(
        p=found.p, least=effects.SHARE, null=0.5, side=1,
        above=f"The top component's contribution predicts the sign of its ablation at {many}.",
        false_in="the signs of what ablations do exchanged at random",
    )  # fmt: skip
    proof = evidence_of(found, "share of forks", "0.5 if contributions said nothing of the sign")
    answer = (
        f"That the top component's contribution predicts the sign of its ablation is not shown: "
        f"{many}."
    )
    return Finding(answer, proof, "sign of the ablation", QUESTION, claim)


def _original(rows: "pd.DataFrame", study: Configuration) -> Finding:
    """How far the original's formula misses the logit difference: a description."""
    own = rows[rows["condition"] == FORK]
    forks = [part for _, part in own.groupby(["problem", "t"], sort=False)]
    sums = [float(part["seed"].sum() - part["delta"].iloc[0]) for part in forks]
    same = sum(
        int(part["seed"].abs().to_numpy().argmax() == part["total"].abs().to_numpy().argmax())
        for part in forks
    )
    gaps = own.drop_duplicates(["problem", "t"]).assign(off=np.abs(sums))
    off = size_of(gaps, "off", study)
    return Finding(
        f"The original's formula misses the logit difference by {off.value:.2f} logits on average.",
        evidence_of(
            off, "logits", f"gap of the exact split: {own['gap'].abs().max():.1g}",
            f"(W_U[top 1] − W_U[top 2])·(h_l − h_l−1); it names the same top layer as the exact "
            f"split at {same} of {len(forks)} forks.",
        ),
        "gap of the original's formula", QUESTION,
    )  # fmt: skip
