"""Figures of attribution: heads as heat maps, MLPs and totals as bars, the top components."""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import BarGroup, Bars, Figure, Grid, Heatmap
from microtome.lab.study import Tables
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.figures.whiskers import whiskers
from microtome.studies.dilemmas.frames import present, scenarios_in
from microtome.studies.dilemmas.players import BASE, Player, players

if TYPE_CHECKING:
    import pandas as pd

UNIT = "contribution to Δ (logits)"
_SHOWN = 30
_BLOCKS = (
    ("heads", ("head",)),
    ("MLPs", ("mlp",)),
    ("embedding", ("embedding",)),
    ("biases", ("bias", "rounding")),
)


def attribution_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """Heads, MLPs and totals per scenario, the top components per model."""
    full = tables["attribution_full"]
    figures: list[Figure] = []
    for scenario in scenarios_in(full):
        here = full[full["scenario"] == scenario]
        figures += [_heads(here, scenario, study), _mlps(here, scenario, study)]
        figures.append(_totals(here, scenario, study))
    top = tables["attribution_top"]
    compared = present(top, study)
    figures += [_top(top[top["model"] == name], p, study) for name, p in compared.items()]
    return [*figures, *_changes(tables["attribution_differences"], study)]


def _heads(here: "pd.DataFrame", scenario: str, study: Configuration) -> Grid:
    heads = here[here["kind"] == "head"]
    panels = [
        _head_map(heads[heads["model"] == name], player, scenario)
        for name, player in present(heads, study).items()
    ]
    return Grid(
        f"dla_heads_{scenario}",
        f"What each head writes: {scenario}",
        "Direct contribution of every head to Δ = logit(D) − logit(C), mean over the wordings; "
        "red writes for defection, blue for cooperation; one colour scale for all models.",
        panels,
        columns=3,
    )


def _head_map(heads: "pd.DataFrame", player: Player, scenario: str) -> Heatmap:
    number = heads["component"].str.extract(r"H(\d+)$")[0].astype(int)
    wide = heads.assign(head=number).pivot_table(
        index="layer", columns="head", values="contribution"
    )
    return Heatmap(
        f"dla_heads_{scenario}_{player.name}",
        player.label,
        "",
        wide.to_numpy(),
        [str(int(layer)) for layer in wide.index],
        [str(head) for head in wide.columns],
        "layer",
        "head",
        UNIT,
    )


def _mlps(here: "pd.DataFrame", scenario: str, study: Configuration) -> Bars:
    mlps = here[here["kind"] == "mlp"]
    layers = sorted(mlps["layer"].unique())
    return Bars(
        f"dla_mlps_{scenario}",
        f"What each MLP writes: {scenario}",
        "Direct contribution of every MLP to Δ, mean over the wordings; whiskers reach from the "
        "smallest to the largest.",
        [str(int(layer)) for layer in layers],
        [
            _spread(mlps[mlps["model"] == name].groupby("layer")["contribution"], layers, player)
            for name, player in present(mlps, study).items()
        ],
        "layer",
        UNIT,
        horizontal=False,
    )


def _totals(here: "pd.DataFrame", scenario: str, study: Configuration) -> Bars:
    block = {kind: label for label, kinds in _BLOCKS for kind in kinds}
    labels = [label for label, _ in _BLOCKS]
    summed = (
        here.assign(block=here["kind"].map(block))
        .groupby(["model", "variant", "block"], as_index=False)["contribution"]
        .sum()
    )
    whole = summed.groupby(["model", "variant"], as_index=False)["contribution"].sum()
    both = [summed, whole.assign(block="Δ")]
    groups = []
    for name, player in present(here, study).items():
        values = {
            label: part["contribution"].to_numpy()
            for frame in both
            for label, part in frame[frame["model"] == name].groupby("block")
        }
        groups.append(_ranges([values[label] for label in [*labels, "Δ"]], player))
    return Bars(
        f"dla_comparison_{scenario}",
        f"Who writes the gap: {scenario}",
        "Contributions summed over all heads, all MLPs, embedding and biases; together they are "
        "the model's own Δ (last group). Means over the wordings, whiskers from the smallest to "
        "the largest.",
        [*labels, "Δ"],
        groups,
        "part",
        UNIT,
        horizontal=False,
    )


def _spread(by_layer: "pd.api.typing.SeriesGroupBy", layers: list[float], p: Player) -> BarGroup:
    values = dict(iter(by_layer))
    return _ranges([values[layer].to_numpy() for layer in layers], p)


def _ranges(values: "list[np.ndarray]", player: Player) -> BarGroup:
    return BarGroup(
        player.label,
        [float(v.mean()) for v in values],
        [float(v.min()) for v in values],
        [float(v.max()) for v in values],
        player.colour,
    )


def _changes(differences: "pd.DataFrame", study: Configuration) -> list[Figure]:
    """What fine-tuning changed, component by component; none where base is not compared."""
    if differences.empty:
        return []
    trained = differences[differences["source"] == BASE]
    if trained.empty:
        return []
    wide = trained.pivot_table(index="component", columns="target", values="difference")
    largest = wide.abs().max(axis=1).nlargest(_SHOWN).index
    order = trained.drop_duplicates("component")["component"]
    shown = [component for component in order if component in largest]
    columns = list(dict.fromkeys(trained["target"]))
    p = trained.pivot(index="component", columns="target", values="p_max_t")
    labels = players(columns)
    return [
        Heatmap(
            "dla_changes_from_base",
            "What fine-tuning changed in the direct contributions",
            f"Contribution to Δ in the fine-tune minus that in Base, mean over the same prompts, "
            f"for the {len(shown)} components that change most; red moved towards defection. Dots: "
            f"p < {study.at.alpha:.2g} ({study.test} over {study.resample}), corrected over all "
            f"components by max-T.",
            wide.loc[shown, columns].to_numpy(float),
            shown,
            [labels[name].label for name in columns],
            "component",
            "fine-tune",
            "change of contribution to Δ (logits)",
            marks=p.loc[shown, columns].to_numpy(float) < study.at.alpha,
        )
    ]


def _top(top: "pd.DataFrame", player: Player, study: Configuration) -> Bars:
    ordered = top.sort_values("contribution", ascending=False)
    return Bars(
        f"dla_top_components_{player.name}",
        f"Components that write most: {player.label}",
        f"Heads and MLPs of largest mean contribution to Δ over all prompts, up to "
        f"{study.top_k} for defection (right) and for cooperation (left); whiskers are "
        f"{study.level:.0%} intervals over {study.resample}.",
        list(ordered["component"]),
        [whiskers(ordered, "contribution", player.label, player.colour)],
        UNIT,
        "component",
    )
