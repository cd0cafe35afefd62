"""Prompts whose answer can be counted: |Δ| reaches the floor, and the model gives an answer.

Nearer to Δ = 0 any rounding turns the answer. Where P(neither answer) exceeds `silent_above`, the
sign of Δ says which of two answers comes before the other and not what the model chooses. Both
hold of the model whose answer is looked at: the receiver's for a flip, both for a difference.
"""

from typing import TYPE_CHECKING

import microtome as mt
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.models import Batch

if TYPE_CHECKING:
    import pandas as pd

RECEIVER = ("baseline",)
BOTH = ("baseline", "donor")


def neither(model: "mt.Model", batch: Batch) -> list[float]:
    """P(neither answer) at the fork of every prompt of a batch."""
    logits = model.run(batch.ids, logits="last").final_logits
    pairs = zip(batch.answers, logits, strict=True)
    return [answers.probabilities(row)[2] for answers, row in pairs]


def answered(
    rows: "pd.DataFrame", study: Configuration, ends: tuple[str, ...] = RECEIVER
) -> "pd.Series[bool]":
    """Whether each row's models give one of the two answers, from the columns `{end}_neither`."""
    return (rows[[f"{end}_neither" for end in ends]] <= study.silent_above).all(axis=1)


def clear(
    rows: "pd.DataFrame", study: Configuration, ends: tuple[str, ...] = RECEIVER
) -> "pd.Series[bool]":
    """Whether each row's answers count, from the columns `{end}_delta` and `{end}_neither`."""
    far = (rows[[f"{end}_delta" for end in ends]].abs() >= study.flip_floor).all(axis=1)
    return far & answered(rows, study, ends)


def left_out(silent: int, n: int, study: Configuration) -> str:
    """A sentence on the prompts that do not count since a model gives neither answer, or ""."""
    if not silent:
        return ""
    return (
        f" On {silent} of {n} prompts P(neither answer) exceeds {study.silent_above:g}; no answer "
        f"is counted there."
    )
