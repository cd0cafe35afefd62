"""Figures of sensitivity: every fork of a solution with its text, D by layer, the rankings."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab import evidence
from microtome.lab.figures import PALETTE, BarGroup, Bars, Figure, Lines, Series
from microtome.lab.passages import Passage, Passages
from microtome.lab.study import Tables
from microtome.studies.sampling.branches import records
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.figures.bands import band

if TYPE_CHECKING:
    import pandas as pd

SIZE = "share of the states' size"
_PROBLEMS = 8
_ALONG = 4
_BEFORE = 14
_NAMES = {"divergence": "D", "spread": "√(p1 p2)·D"}


def fork_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """The forks of the first problems, and how far forks lead layer by layer."""
    forks = tables["forks"]
    problems = list(dict.fromkeys(tables["fork_points"]["problem"]))[:_PROBLEMS]
    figures: list[Figure] = []
    for problem in problems[:_ALONG]:
        own = forks[(forks["problem"] == problem) & forks["divergence"].notna()]
        if len(own):
            figures.append(_along(own.sort_values("t"), str(problem), study))
    texts = [
        _texts(tables["fork_tokens"], forks, problems, column, meaning)
        for column, meaning in (
            (
                "divergence",
                f"how far the next {study.branch_tokens} tokens lead when the second likeliest "
                f"token is forced there, in units of the states' size",
            ),
            (
                "spread",
                "what choosing between the two likeliest tokens adds there to the spread of "
                "samples, in units of the states' size",
            ),
        )
    ]
    return [*texts, *figures, *_layers(tables["fork_layers"], forks, study)]


def _texts(
    tokens: "pd.DataFrame", forks: "pd.DataFrame", problems: list[str], column: str, meaning: str
) -> Passages:
    """The solutions as they read, every fork shaded."""
    passages = []
    for problem in problems:
        text = tokens[tokens["problem"] == problem].sort_values("t")
        own = forks[forks["problem"] == problem].set_index("t")
        top = own.index[own["rank_in_problem"] == 1]
        values = own[column].astype(float).reindex(text["t"]).tolist()
        peak = int(top[0]) if len(top) else None
        passages.append(Passage(text["text"].tolist(), values, problem, peak))
    return Passages(
        f"fork_texts_{column}",
        f"Forks in the text, by {_NAMES[column]}",
        f"Greedy solutions; shaded tokens are forks, others were not tried. The shade is {meaning};"
        f" in bold the top fork of each solution. One solution each: no interval.",
        passages,
        "× size",
    )


def _along(own: "pd.DataFrame", problem: str, study: Configuration) -> Bars:
    return Bars(
        f"forks_{problem}",
        f"Forks along the solution of {problem}",
        f"Each row is a token of the greedy solution, the text before it, and the token forced "
        f"in its place (taken → forced). D is how far the next {study.branch_tokens} tokens then "
        f"lead, mean over layers; √(p1 p2)·D is what this choice adds to the spread of samples. "
        f"Where only D is long, the forced token is one that is never said. One solution: no "
        f"interval.",
        [fork_label(row) for row in records(own)],
        [
            BarGroup("D", own["divergence"].tolist(), colour=PALETTE[5]),
            BarGroup("√(p1 p2)·D", own["spread"].tolist(), colour=PALETTE[1]),
        ],
        SIZE,
        "token of the solution",
    )


def fork_label(row: dict[str, Any], shown: int = _BEFORE) -> str:
    """Step, the text before it, and both tokens, blanks made visible."""
    text = str(row["before"])
    before = text[max(0, len(text) - shown) :].replace("\n", "⏎") if shown else ""
    start = "…" if shown and len(text) > shown else ""
    return f"{row['t']}: {start}{before}[{_seen(row['top1_text'])} → {_seen(row['top2_text'])}]"


def _seen(token: object) -> str:
    """A token with its blanks made visible."""
    return str(token).replace(" ", "␣").replace("\n", "⏎")


def _layers(layers: "pd.DataFrame", forks: "pd.DataFrame", study: Configuration) -> list[Figure]:
    """D over the size of the states by layer: at the top forks, at the others, of samples."""
    if layers.empty:
        return []
    rank = forks.set_index(["problem", "t"])["rank_in_problem"]
    place = rank.reindex(list(zip(layers["problem"], layers["t"], strict=True))).to_numpy()
    scaled = layers.assign(
        top=place == 1, forced=layers["D"] / layers["size"], drawn=layers["noise"] / layers["size"]
    )
    series = [
        _series(scaled[scaled["top"]], "forced", "top fork of each solution", 1, study),
        _series(scaled[~scaled["top"]], "forced", "other forks", 5, study),
        _series(scaled[scaled["top"]], "drawn", "samples from the top fork's prefix", 2, study),
        _series(scaled[~scaled["top"]], "drawn", "samples from other prefixes", 7, study),
    ]
    return [
        Lines(
            "fork_layers",
            "How far a forced token leads, layer by layer",
            f"D(t) over the root mean square length of the states at that layer. Lines are means "
            f"over forks, bands {study.level:.0%} intervals over problems (no band where one has "
            f"none). Samples: median distance of {study.continuations} continuations at "
            f"temperature 1.",
            [one for one in series if one is not None],
            "layer",
            SIZE,
        )
    ]


def _series(
    rows: "pd.DataFrame", column: str, label: str, ink: int, study: Configuration
) -> Series | None:
    rows = rows[rows[column].notna()]
    if rows.empty:
        return None
    layers = sorted(rows["layer"].unique().tolist())
    means = [
        evidence.mean(
            rows[rows["layer"] == layer], column, by="problem", at=study.at, within=(0, np.inf)
        )
        for layer in layers
    ]
    return Series(label, layers, [one.value for one in means], *band(means), PALETTE[ink])
