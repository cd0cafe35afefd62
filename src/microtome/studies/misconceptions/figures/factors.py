"""Claimed features inside the domain, outside it, and where content alone differs."""

from microtome.lab.figures import PALETTE, BarGroup, Bars, Figure
from microtome.lab.study import Tables
from microtome.studies.misconceptions.configuration import Configuration

_SHOWN = 12
_NAMED = {"inside": "inside the domain", "outside": "before other sentences",
          "content": "stated, no marker"}  # fmt: skip


def factor_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """The effect of every factor on the strongest claimed features."""
    if "factors" not in tables:
        return []
    frame = tables["factors"].head(_SHOWN)
    groups = []
    for (name, label), ink in zip(_NAMED.items(), PALETTE, strict=False):
        value = frame[f"{name}_value"].astype(float)
        if value.isna().all():
            continue
        low, high = (
            frame[f"{name}_{end}"].astype(float).fillna(value).tolist() for end in ("low", "high")
        )
        groups.append(BarGroup(label, value.tolist(), low, high, ink))
    return [
        Bars(
            "factors",
            "Of the voice, or specific to the domain?",
            f"Mean paired difference of the strongest claimed features, in the direction in which "
            f"they were found: the two voices before held-out sentences of the domain, the "
            f"same markers before sentences of other kinds, and (where the data have such pairs) a "
            f"misconception stated without a marker. Whiskers are {study.level:.0%} intervals "
            f"over pairs.",
            [f"L{n} #{f}: {v}" for n, f, v in
             zip(frame["layer"], frame["feature"], frame["verdict"], strict=True)],
            groups,
            "activation, own side − other side",
            "feature",
        )
    ]  # fmt: skip
