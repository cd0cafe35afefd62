"""What ablating says, in sentences."""

from typing import Any

from microtome.lab.study import Finding, Tables
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.marking import stand_in_of

Rows = list[dict[str, Any]]


def ablation_findings(made: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """One sentence over all layers, one per layer and side, one on token detectors."""
    if not made:
        return [
            Finding("Nothing was ablated: no feature fires in enough pairs, or none is held out.")
        ]
    own = [_one(row, study) for row in made]
    return [*_overall(made), *own, *_after_the_answer(tables), _tokens(tables)]


def _after_the_answer(tables: Tables) -> list[Finding]:
    """Features that were chosen where the answer already stands cannot change its first token."""
    read = tables["features_prompts"]
    late = read.loc[read["role"] == "select", "read"] == "answer"
    if not late.any():
        return []
    return [
        Finding(
            f"On {int(late.sum())} of {len(late)} prompts to select on the features were read on "
            f"the answer's own tokens; ablating them acts on an answer only through tokens before "
            f"it, so on an answer of one token mostly not at all.",
            n=len(late), about="features read on answers",
        )
    ]  # fmt: skip


def _overall(made: Rows) -> list[Finding]:
    """Whether the ablations with claimed features went where they should."""
    predicted = [row for row in made if row["predicted"]]
    own = [row for row in predicted if row["n_claimed"]]
    if not own:
        return []
    beyond, n = sum(row["beyond_all"] for row in own), own[0]["n_random"]
    rest = len(predicted) - len(own)
    return [
        Finding(
            f"In {beyond} of {len(own)} ablations (layer × side) with a feature claimed in its "
            f"layer the answer moves in the predicted direction by more than under every one "
            f"of {n} random sets of the same mean activation"
            f"{f'; {rest} others have no such feature and only explore' if rest else ''} "
            f"(on the same pairs, so the count has no interval).",
            beyond / len(own), unit="share", n=len(own),
            control=f"{1 / (1 + n):.2g} by chance", about="ablations beyond every random set",
        )
    ]  # fmt: skip


def _one(row: dict[str, Any], study: Configuration) -> Finding:
    features = str(row["features"]).split()
    named = f"feature {features[0]}" if len(features) == 1 else f"{len(features)} features"
    said = {-1: "should fall", 1: "should rise", 0: "has no predicted direction"}
    where = f"layer {row['layer']}"
    of = f", higher in {row['side']} members," if row["predicted"] else ""
    beyond = "more than" if row["beyond_all"] else "not more than"
    claimed = f" ({row['n_claimed']} of them claimed)" if len(features) > 1 else ""
    return Finding(
        f"Without {named}{claimed} of {where}{of} log p(correct) − log p(misconception) changes by "
        f"{row['mean_change']:+.3g} nats on average (it {said[row['predicted']]}), {beyond} under "
        f"every random set; it falls on {row['decreased']}, rises on {row['increased']} and stays "
        f"within {study.tolerance:g} on {row['unchanged']} prompts.",
        row["mean_change"], row["low"], row["high"], unit="nats", n=row["n"],
        control=f"{row['n_random']} random sets of the same mean activation: largest "
        f"{row['random_max']:+.3g} that way, p = {row['p_random']:.2g}",
        about=f"ablation at {where}, {row['side']}",
    )  # fmt: skip


def _tokens(tables: Tables) -> Finding:
    frame = tables["ablate_features"]
    found = int(frame["token_detector"].sum())
    stand_in = f" The features are {stand_in_of(tables)}." if stand_in_of(tables) else ""
    return Finding(
        f"{found} of {len(frame)} ablated features gain half of their own activation when one of "
        f"their strongest tokens is put into a neutral sentence: these may be detectors of a token "
        f"rather than of who speaks.{stand_in}",
        n=len(frame), about="token detectors",
        control=f"without the token they reach {frame['without'].mean():.2g} on average, with it "
        f"{frame['injected'].mean():.2g}, on their own prompts {frame['natural'].mean():.2g}",
    )  # fmt: skip
