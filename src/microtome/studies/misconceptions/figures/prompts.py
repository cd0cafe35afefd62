"""How probable the right answer is against the misconception's, by label."""

from microtome.lab.figures import PALETTE, Bars, Figure
from microtome.lab.study import Tables
from microtome.statistics import mean
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.figures.whiskers import group
from microtome.studies.misconceptions.pairs import LABELS

ROLES = {"select": "to select on", "test": "held out", "extra": "from the file"}


def prompt_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """Mean log-probability difference of the answers, by label and role of the pairs."""
    frame = tables["prompts"]
    roles = [role for role in ROLES if role in set(frame["role"])]
    groups = []
    for label, ink in zip(LABELS, PALETTE, strict=False):
        found = []
        for role in roles:
            own = frame[(frame["label"] == label) & (frame["role"] == role)]
            found.append(mean(own["difference"].to_numpy(float), at=study.at))
        groups.append(group(label, found, ink))
    return [
        Bars(
            "answers_by_label",
            "Right answer against the misconception's, by the prompt's label",
            f"Mean of log p(right) − log p(misconception); positive means that the right answer "
            f"is the more probable one. Whiskers are {study.level:.0%} intervals over prompts.",
            [ROLES[role] for role in roles],
            groups,
            "pairs",
            "log p difference (nats)",
            horizontal=False,
        )
    ]
