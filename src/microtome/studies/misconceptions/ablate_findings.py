"""What ablating says, in sentences."""

from typing import Any

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.study import Tables
from microtome.studies.misconceptions.configuration import Configuration

Rows = list[dict[str, Any]]
QUESTION = "cause"
LEAST_NATS = 0.1
"""Smallest effect of interest: the odds of the right answer change by a tenth."""


def ablation_findings(made: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """One sentence over all layers, one per layer and side, one on token detectors."""
    if not made:
        return [
            Finding.stated(
                "Nothing was ablated: no feature fires in enough pairs, or none is held out."
            )
        ]
    own = [_one(row, study) for row in made]
    return [*_overall(made, study), *own, *_after_the_answer(tables), _tokens(tables)]


def _after_the_answer(tables: Tables) -> list[Finding]:
    """Features that were chosen where the answer already stands cannot change its first token."""
    read = tables["features_prompts"]
    late = read.loc[read["role"] == "select", "read"] == "answer"
    if not late.any():
        return []
    return [
        Finding.stated(
            f"On {int(late.sum())} of {len(late)} prompts to select on the features were read on "
            f"the answer's own tokens.",
            n=len(late), about="features read on answers", question=QUESTION,
            detail="Ablating them acts on an answer only through tokens before it, so on an answer "
            "of one token mostly not at all.",
        )
    ]  # fmt: skip


def _overall(made: Rows, study: Configuration) -> list[Finding]:
    """How many ablations are claims, and what their random sets can show."""
    predicted = [row for row in made if row["predicted"]]
    own = [row for row in predicted if row["n_claimed"]]
    if not own:
        return []
    rest, n, floor = len(predicted) - len(own), own[0]["n_random"], own[0]["smallest_p"]
    explored = f" {rest} more have no such feature and are exploratory." if rest else ""
    return [
        Finding.stated(
            f"{len(own)} of {len(predicted)} ablations (layer × side) are of a feature that is "
            f"significant in the contrast.",
            len(own) / len(predicted), unit="share", n=len(predicted),
            about="ablations beyond random sets", question=QUESTION,
            detail=f"Each of them is a claim: the answer moves in the predicted direction by more "
            f"than under random atoms of the same size at the same tokens; {n} random sets reach "
            f"p = {floor:.2g} at best.{explored}{_too_few(floor, len(own), study)} The ablations "
            f"share their pairs.",
        )
    ]  # fmt: skip


def _too_few(floor: float, n: int, study: Configuration) -> str:
    """What the correction leaves possible where few sets were drawn."""
    if floor * n <= study.alpha:
        return ""
    return (
        f" A single one of {n} could not reach q ≤ {study.alpha:.2g} with so few sets; raise "
        f"--controls."
    )


def _one(row: dict[str, Any], study: Configuration) -> Finding:
    features = str(row["features"]).split()
    named = f"feature {features[0]}" if len(features) == 1 else f"{len(features)} features"
    where = f"layer {row['layer']}"
    of = f" of {row['side']} members" if row["predicted"] else ""
    without, size = f"Without {named}{of} at {where}", f"{abs(row['mean_change']):.3g} nats"
    evidence, about = _evidence(row, study), f"ablation at {where}, {row['side']}"
    if row["predicted"] and not row["n_claimed"]:
        answer = f"Exploratory: {without[0].lower()}{without[1:]} Δ changes by"
        return Finding(f"{answer} {row['mean_change']:+.3g} nats.", evidence, about, QUESTION)
    return Finding(
        f"{without} Δ is not shown to move{' as predicted' * bool(row['predicted'])}: "
        f"{row['mean_change']:+.3g} nats.",
        evidence, about, QUESTION, _claim(row, f"{without} Δ", size),
    )  # fmt: skip


def _evidence(row: dict[str, Any], study: Configuration) -> Evidence:
    claimed = f"{row['n_claimed']} of the features are significant in the contrast."
    explores = "" if row["n_claimed"] or not row["predicted"] else " This ablation is exploratory."
    decides = (
        f" One pair decides: without {row['decider']} the change is {row['without']:+.3g}."
        if row["limited"] and row["without"] is not None else ""
    )  # fmt: skip
    return Evidence(
        row["mean_change"], row["low"], row["high"], "nats", row["n"],
        f"{row['n_random']} random sets at the same {row['tokens']} tokens with the same size: "
        f"mean {row['random_mean']:+.3g} that way, largest {row['random_max']:+.3g}, "
        f"p = {row['p_random']:.2g}",
        f"Δ = log p(correct) − log p(misconception). It falls on {row['decreased']}, rises on "
        f"{row['increased']} and stays within {study.tolerance:g} on {row['unchanged']} prompts. "
        f"{claimed}{explores}{decides}",
    )  # fmt: skip


def _claim(row: dict[str, Any], without: str, size: str) -> Claim:
    """Beyond random sets in the predicted direction; in either where none is predicted.

    Away from 0 and beyond random sets: p is the larger of both, as either can be false alone.
    """
    as_predicted = ", as predicted" * bool(row["predicted"])
    beyond = "by more than without random atoms"
    return Claim(
        p=max(row["p_random"], row["p_change"] or 0.0), floor=row["smallest_p"], least=LEAST_NATS,
        side=int(row["predicted"]),
        above=f"{without} rises by {size}{as_predicted} and {beyond}.",
        below=f"{without} falls by {size}{as_predicted} and {beyond}.",
        false_in="random atoms of the same size at the same tokens in the features' place",
    )  # fmt: skip


def _tokens(tables: Tables) -> Finding:
    frame = tables["ablate_features"]
    found = int(frame["token_detector"].sum())
    return Finding.stated(
        f"{found} of {len(frame)} ablated features may detect a token rather than who speaks.",
        n=len(frame), about="token detectors", question=QUESTION,
        detail="These gain half of their own activation when one of their strongest tokens is put "
        "into a neutral sentence.",
        control=f"without the token they reach {frame['without'].mean():.2g} on average, with it "
        f"{frame['injected'].mean():.2g}, on their own prompts {frame['natural'].mean():.2g}",
    )  # fmt: skip
