"""What ablating says, in sentences."""

from typing import Any

import numpy as np

from microtome.lab.study import Finding, Tables
from microtome.studies.misconceptions.configuration import Configuration

Rows = list[dict[str, Any]]


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
            f"the answer's own tokens; ablating them acts on an answer only through tokens before "
            f"it, so on an answer of one token mostly not at all.",
            n=len(late), about="features read on answers",
        )
    ]  # fmt: skip


def _overall(made: Rows, study: Configuration) -> list[Finding]:
    """Whether the ablations with claimed features went where they should."""
    predicted = [row for row in made if row["predicted"]]
    own = [row for row in predicted if row["n_claimed"]]
    if not own:
        return []
    significant = sum(row["q_random"] <= study.alpha for row in own)
    rest, n, floor = len(predicted) - len(own), own[0]["n_random"], own[0]["smallest_p"]
    explored = f"; {rest} more have no such feature and are exploratory" if rest else ""
    return [
        Finding.stated(
            f"In {significant} of {len(own)} ablations (layer × side) with a feature claimed by "
            f"the contrast, the answer moves in the predicted direction by more than under random "
            f"atoms of the same size at the same tokens (q ≤ {study.alpha:.2g}, Benjamini-Hochberg "
            f"over {len(predicted)} ablations; {n} random sets reach p = {floor:.2g} at "
            f"best){explored}.{_too_few(floor, len(predicted), study)} The ablations share their "
            f"pairs, so the count has no interval.",
            significant / len(own), unit="share", n=len(own),
            control=f"{study.alpha:.2g} of ablations without an effect, at most",
            about="ablations beyond random sets",
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
    of = f", higher in {row['side']} members," if row["predicted"] else ""
    claimed = f" ({row['n_claimed']} claimed by the contrast)" if len(features) > 1 else ""
    return Finding.stated(
        f"Without {named}{claimed} of {where}{of} {_moved(row)}; "
        f"{_beside(row, study)}. It falls on {row['decreased']}, rises on {row['increased']} and "
        f"stays within {study.tolerance:g} on {row['unchanged']} prompts.",
        row["mean_change"], row["low"], row["high"], unit="nats", n=row["n"],
        control=f"{row['n_random']} random sets at the same {row['tokens']} tokens with the same "
        f"size: mean {row['random_mean']:+.3g} that way, largest {row['random_max']:+.3g}, "
        f"p = {row['p_random']:.2g}",
        about=f"ablation at {where}, {row['side']}",
    )  # fmt: skip


def _moved(row: dict[str, Any]) -> str:
    """The change in words: a direction only where the interval leaves 0 out."""
    what, change = "log p(correct) − log p(misconception)", row["mean_change"]
    if row["low"] is None or row["low"] <= 0 <= row["high"]:
        return f"{what} moves in no established direction ({change:+.3g} nats on average)"
    moved = "rises" if change > 0 else "falls"
    against = "as predicted" if np.sign(change) == row["predicted"] else "against the prediction"
    found = f"{what} {moved} by {abs(change):.3g} nats on average"
    decides = (
        f" (one pair decides: without {row['decider']} the change is {row['without']:+.3g})"
        if row["limited"] and row["without"] is not None else ""
    )  # fmt: skip
    return f"{found}{decides}{f', {against}' if row['predicted'] else ''}"


def _beside(row: dict[str, Any], study: Configuration) -> str:
    if row["q_random"] is None:
        more = "more" if row["p_random"] <= study.alpha else "no more"
        return f"the change is {more} than under random sets (p = {row['p_random']:.2g})"
    more = "more" if row["q_random"] <= study.alpha else "not significantly more"
    q = f"q = {row['q_random']:.2g}"
    return f"that is {more} in the predicted direction than under random sets ({q})"


def _tokens(tables: Tables) -> Finding:
    frame = tables["ablate_features"]
    found = int(frame["token_detector"].sum())
    return Finding.stated(
        f"{found} of {len(frame)} ablated features gain half of their own activation when one of "
        f"their strongest tokens is put into a neutral sentence: these may be detectors of a token "
        f"rather than of who speaks.",
        n=len(frame), about="token detectors",
        control=f"without the token they reach {frame['without'].mean():.2g} on average, with it "
        f"{frame['injected'].mean():.2g}, on their own prompts {frame['natural'].mean():.2g}",
    )  # fmt: skip
