"""Ablations beside those of random features."""

from typing import TYPE_CHECKING

from microtome.lab.figures import PALETTE, BarGroup, Bars, Figure
from microtome.lab.study import Tables
from microtome.studies.misconceptions.configuration import Configuration

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 2
"""Features of each layer and side whose tokens are shown."""


def ablation_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """Change of Δ per layer and side; and whether tokens alone fire the features."""
    if "ablate_summary" not in tables:
        return []
    features = tables["ablate_features"]
    return [_changes(tables, study), _injections(features[features["rank"] <= _SHOWN], study)]


def _changes(tables: Tables, study: Configuration) -> Figure:
    frame, controls = tables["ablate_summary"], tables["ablate_controls"]
    spread = controls.groupby(["layer", "side"], sort=False)["mean_change"]
    random = [spread.agg(how).astype(float).tolist() for how in ("mean", "min", "max")]
    middle = frame["mean_change"].astype(float)
    low, high = (frame[end].astype(float).fillna(middle).tolist() for end in ("low", "high"))
    groups = [
        BarGroup("the features", middle.tolist(), low, high, PALETTE[0]),
        BarGroup("random atoms", random[0], random[1], random[2], PALETTE[-1]),
    ]
    return Bars(
        "ablation_changes",
        "The answer without the features, and with random atoms instead",
        f"Mean change of log p(correct) − log p(misconception) when features are ablated "
        f"({study.mode}, {_where(study)}); whiskers of the features are {study.level:.0%} "
        f"intervals over pairs, those of the {int(frame['n_random'].iloc[0])} random sets, "
        f"written at the same tokens with the same size, reach from their smallest to their "
        f"largest. Predicted: down for features that are higher in correct members, "
        f"up for the others.",
        [f"layer {n}, {side}" for n, side in zip(frame["layer"], frame["side"], strict=True)],
        groups,
        "change of log p difference (nats)",
        "layer, side of the features",
    )


def _where(study: Configuration) -> str:
    return {"all": "at every token but BOS", "last": "at the prompt's last token"}[
        study.ablated_positions
    ]


def _injections(frame: "pd.DataFrame", study: Configuration) -> Figure:
    natural, injected, low, high, without = (
        frame[c].astype(float).fillna(frame["injected"]).tolist()
        for c in ("natural", "injected", "injected_low", "injected_high", "without")
    )
    return Bars(
        "token_injection",
        "Are they only detectors of a token?",
        f"The {_SHOWN} strongest features of each layer and side. Largest activation on the "
        f"prompts to select on (mean of those that fire), with the "
        f"feature's best token put into {int(frame['n_injected'].max())} neutral sentences "
        f"(whiskers: {study.level:.0%} interval over sentences), and in the same sentences "
        f"without it.",
        [
            f"L{n} #{f} ({side})"
            for n, f, side in zip(frame["layer"], frame["feature"], frame["side"], strict=True)
        ],
        [
            BarGroup("own prompts", natural, colour=PALETTE[0]),
            BarGroup("token inserted", injected, low, high, PALETTE[1]),
            BarGroup("without it", without, colour=PALETTE[-1]),
        ],
        "activation",
        "feature",
    )
