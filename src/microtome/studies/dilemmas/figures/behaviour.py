"""Figures of choices: a table of P(defect | state), and the same with intervals."""

import numpy as np

from microtome.lab.figures import Bars, Figure, Heatmap
from microtome.lab.study import Tables
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.figures.whiskers import whiskers
from microtome.studies.dilemmas.frames import present


def behaviour_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """P(defect | state) as a heat map and as bars."""
    frame = tables["behaviour_by_state"]
    states = list(dict.fromkeys(frame["state"]))
    compared = present(frame, study)
    rows = {name: frame[frame["model"] == name].set_index("state") for name in compared}
    values = np.array([[rows[name]["p_defect"].get(s, np.nan) for s in states] for name in rows])
    table = Heatmap(
        "behaviour_p_defect",
        "Probability of defecting after each pair of last moves",
        "P(defect) where the two answers part, mean over the wordings of a state. The first "
        "letter is the model's own last move, the second the opponent's; 0.5 is white.",
        values,
        [player.label for player in compared.values()],
        states,
        "model",
        "last moves (own, opponent's)",
        "P(defect)",
        centre=0.5,
        annotate=True,
        limit=0.5,
    )
    groups = [
        whiskers(rows[name].reindex(states), "p_defect", player.label, player.colour)
        for name, player in compared.items()
    ]
    bars = Bars(
        "behaviour_by_state",
        "Probability of defecting, with intervals",
        f"P(defect) per state; whiskers are {study.level:.0%} intervals over the wordings of "
        f"that state, so they speak about other wordings of these scenarios and not about "
        f"other scenarios.",
        states,
        groups,
        "last moves (own, opponent's)",
        "P(defect)",
        horizontal=False,
    )
    return [table, bars]
