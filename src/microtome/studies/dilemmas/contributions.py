"""Contributions over prompts: their means, ranks, and differences between two models."""

from typing import TYPE_CHECKING, Any

from microtome.lab.evidence import columns
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import PLACE, by_component, mean_over, p_values, tested
from microtome.studies.dilemmas.frames import groups, present
from microtome.studies.dilemmas.players import BASE, Pair, players

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
RANKED = ("head", "mlp")
"""Kinds of parts that rankings list; embedding and biases are nobody's doing."""


def summarised(full: "pd.DataFrame", study: Configuration) -> Rows:
    """Mean contribution of every part over all prompts of a model, with its interval."""
    found = []
    compared = present(full, study)
    for (model, component), part in groups(full, "model", "component"):
        mean = mean_over(part, "contribution", study)
        found.append(
            {
                "model": model,
                "label": compared[model].label,
                "component": component,
                **_kind(part),
                "mean": mean.value,
                "std": float(part["contribution"].std(ddof=0)),
                **columns(mean),
                "share_pro_defect": float((part["contribution"] > 0).mean()),
            }
        )
    return found


def ranked(summary: Rows, study: Configuration) -> Rows:
    """The `top_k` heads and MLPs for defection and for cooperation, per model."""
    found = []
    for model in dict.fromkeys(row["model"] for row in summary):
        own = [row for row in summary if row["model"] == model and row["kind"] in RANKED]
        for side, sign in (("pro_defect", 1), ("pro_cooperate", -1)):
            writing = [row for row in own if sign * row["mean"] > 0]
            writing.sort(key=lambda row: -abs(row["mean"]))
            for rank, row in enumerate(writing[: study.top_k], start=1):
                found.append({"model": model, "side": side, "rank": rank} | _value(row))
    return found


def differences(full: "pd.DataFrame", study: Configuration) -> Rows:
    """Target minus source, prompt by prompt: what training changed, and the pairs to patch."""
    there = present(full, study)
    trained = [Pair(BASE, name) for name in there if name != BASE and BASE in there]
    found = []
    for pair in dict.fromkeys([*trained, *study.parsed_pairs()]):
        if pair.source in there and pair.target in there:
            found += _difference(full, pair.source, pair.target, study)
    return found


def changes_of(full: "pd.DataFrame", source: str, target: str) -> "pd.DataFrame":
    """Heads and MLPs prompt by prompt, with the `difference` target minus source."""
    parts = full[full["kind"].isin(RANKED)]
    keys = [*PLACE, "component"]
    both = parts[parts["model"] == target].merge(
        parts[parts["model"] == source][[*keys, "contribution"]], on=keys, suffixes=("", "_source")
    )
    return both.assign(difference=both["contribution"] - both["contribution_source"])


def _difference(full: "pd.DataFrame", source: str, target: str, study: Configuration) -> Rows:
    both = changes_of(full, source, target)
    if both.empty:
        return []
    wide = by_component(both, "difference")
    test = tested(wide, study)
    p_of = dict(zip(wide.columns, p_values(test), strict=True))
    return [
        {**_row(part, source, target, study), "p_max_t": p_of[name], "test": test.test}
        for (name,), part in groups(both, "component")
    ]


def _row(part: "pd.DataFrame", source: str, target: str, study: Configuration) -> dict[str, Any]:
    mean = mean_over(part, "difference", study)
    labels = players([source, target])
    return {
        "source": source,
        "target": target,
        "pair": f"{labels[source].label} → {labels[target].label}",
        "component": part["component"].iloc[0],
        **_kind(part),
        "source_mean": float(part["contribution_source"].mean()),
        "target_mean": float(part["contribution"].mean()),
        "difference": mean.value,
        **columns(mean),
    }


def _kind(part: "pd.DataFrame") -> dict[str, Any]:
    """Kind and layer of the component that all rows of `part` are about."""
    layer = part["layer"].iloc[0]
    known = layer is not None and layer == layer
    return {"kind": part["kind"].iloc[0], "layer": int(layer) if known else None}


def _value(row: dict[str, Any]) -> dict[str, Any]:
    named = {name: row[name] for name in ("label", "component", "kind", "layer")}
    return {**named, "contribution": row["mean"], "low": row["low"], "high": row["high"]}
