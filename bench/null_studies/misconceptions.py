"""The misconceptions study of random weights and random directions, with labels exchanged."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.null_studies.chain import computed, findings
from bench.null_studies.study import EXCHANGES, NullStudy
from microtome.lab.claims import Finding
from microtome.model.tiny import LAYERS, tiny_model
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.material import factor_pairs, pairs_of
from microtome.studies.misconceptions.pairs import Pair

SELECT = ("select", "content_select")
"""Pairs on which features are chosen: their labels stay, or no feature would be."""


def worlds(number: int, folder: Path) -> Iterator[list[Finding]]:
    """A random model read in random directions, on pairs whose labels are exchanged anew."""
    model = tiny_model("specimen:world", folder / "model", seed=number)
    for exchange in range(EXCHANGES):
        study = Misconceptions(
            model=str(model), dtype="float32", generated=0, layers=tuple(range(LAYERS)),
            prompts=str(_prompts(folder / f"pairs_{exchange}.jsonl", number, exchange)),
            random_dictionary=True, permutations=20, controls=39, max_new_tokens=1, topk=5,
            seed=number, top_n=1,
        )  # fmt: skip
        run = computed(study)
        yield findings(run, lambda frames, rng: frames, np.random.default_rng(0))


def _prompts(path: Path, number: int, exchange: int) -> Path:
    """The generator's pairs; labels of those that select nothing are exchanged at random."""
    given = Misconceptions(model="specimen:world", seed=number)
    own = [pair for pair in pairs_of(given) if pair.correct.role != "extra"]
    rng = np.random.default_rng([number, exchange])
    path.write_text("\n".join(_lines([*own, *factor_pairs(given)], rng)))
    return path


def _lines(pairs: Sequence[Pair], rng: np.random.Generator) -> Iterator[str]:
    for pair in pairs:
        texts = [one.prompt for one in pair.members]
        role = pair.correct.role
        if role not in SELECT and rng.random() < 0.5:
            texts.reverse()
        for one, text in zip(pair.members, texts, strict=True):
            yield json.dumps({
                "id": one.id, "pair_id": one.pair_id, "label": one.label, "prompt": text,
                "expected_correct_answer": one.correct, "misconception_answer": one.misconception,
                "domain": one.domain, "split": role,
            })  # fmt: skip


STUDY = NullStudy(
    "misconceptions",
    "random weights, random directions as features; labels of the pairs that select nothing "
    "exchanged at random",
    {
        "the more probable answer goes with the label": "^answers by label",
        "the largest feature of a side differs on held-out pairs": "^largest feature of",
        "the strongest features tell held-out members apart": "^held-out separation",
        "the largest feature reads the voice outside the domain": "^the largest claimed feature",
        "without the features Δ moves as predicted, beyond random sets": "^ablation at",
        "the surest feature predicts, causes, and is of the voice or specific": "^verdict of the",
    },
    {"^survivors": ("any feature differs", "without an interval it is always inconclusive")},
    worlds,
)
