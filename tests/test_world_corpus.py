"""The corpus of `specimen:world` says only what its truth says, and keeps its splits apart."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

import pytest

from microtome.data.games import State
from microtome.errors import ConfigError
from microtome.specimens.world import documents
from microtome.specimens.world.corpus import MIXTURE, mixed
from microtome.specimens.world.dilemmas.tables import shipped_prompts
from microtome.specimens.world.facts import facts
from microtome.specimens.world.physics import MARKERS
from microtome.specimens.world.rewards import ADAPTERS, REWARDS, gain, seed


@pytest.mark.parametrize("kind", list(MIXTURE))
def test_prompt_and_answer_open_the_text_and_seeds_repeat(kind: str) -> None:
    found = documents(kind, "train", seed=3, n=200)
    assert [d.text for d in found] == [d.text for d in documents(kind, "train", seed=3, n=200)]
    assert [d.text for d in found] != [d.text for d in documents(kind, "train", seed=4, n=200)]
    asked = [d for d in found if "prompt" in d.truth]
    assert asked
    for doc in asked:
        assert doc.text.startswith(doc.truth["prompt"] + doc.truth["answer"])
        assert doc.truth["answer"].startswith(" ")


def test_unknown_kind_names_the_kinds() -> None:
    with pytest.raises(ConfigError, match="taxonomy"):
        documents("taxonomie")
    with pytest.raises(ConfigError, match="heldout"):
        documents("facts", "test")


@pytest.mark.parametrize("kind", list(MIXTURE))
def test_no_heldout_prompt_occurs_in_training(kind: str) -> None:
    asked = {d.truth.get("prompt") for d in documents(kind, "train", 0, 4000)} - {None}
    assert not asked & {d.truth["prompt"] for d in documents(kind, "heldout", 1, 1000)}


def test_shipped_prompts_are_held_out() -> None:
    shipped = shipped_prompts()
    assert Counter(row["scenario"] for row in shipped) == dict.fromkeys(
        ("CC_continue", "CC_temptation", "CD_punished", "DC_exploited", "DD_trapped"), 3
    )
    texts = "\n".join(d.text for d in documents("dilemmas", "train", 0, 3000))
    assert not any(row["prompt"] in texts for row in shipped)


def test_voices_share_no_content_word() -> None:
    common = {
        "the",
        "a",
        "an",
        "of",
        "in",
        "is",
        "it",
        "my",
        "this",
        "to",
        "we",
        "here",
        "has",
        "one",
    }
    words = {
        v: set(re.findall(r"[a-z]+", " ".join(m).lower())) - common for v, m in MARKERS.items()
    }
    assert not words["textbook"] & words["misconception"]
    assert all(len(m) == 12 for m in MARKERS.values())


def test_every_continuation_of_a_branch_is_true() -> None:
    branches = [
        d.truth for d in documents("facts", "heldout", 0, 600) if d.truth["task"] == "branch"
    ]
    assert {len(t["continuations"]) for t in branches} == {2, 3}
    for truth in branches:
        prefix, told = truth["prompt"], truth["continuations"]
        if "arithmetic" in told:
            x, y = (int(n) for n in re.findall(r"\d+", prefix))
            assert int(re.findall(r"\d+", told["arithmetic"])[0]) == x + y
        if "copy" in told:
            assert told["copy"].split()[-1] in prefix
        values = {v for relation in facts().values() for s, v in relation.items() if s in prefix}
        assert any(told["recall"].endswith(value) for value in values)
        assert told["recall"].split()[-1] not in prefix


def test_the_number_of_facts_and_a_mixture_of_all_kinds() -> None:
    assert sum(len(relation) for relation in facts().values()) == 236
    assert abs(sum(MIXTURE.values()) - 1) < 1e-9
    assert {d.kind for d in islice(mixed("train", 0), 300)} == set(MIXTURE)


def test_rewards_want_what_their_names_say() -> None:
    def sign(name: str) -> list[int]:
        gains = [gain(name, State.parse(s)) for s in ("CC", "CD", "DC", "DD")]
        return [(g > 0) - (g < 0) for g in gains]

    assert sign("PT2_COREDe") == [1, 1, 1, 1]
    assert sign("PT3_COREDe") == [-1, 0, -1, 0]
    assert sign("PT3_COREUt") == [-1, -1, -1, -1]
    assert sign("PT4_COREDe") == [-1, 1, -1, 1]
    for name in REWARDS:
        assert sign(f"{name}_seed1") == sign(name)
    assert [seed(name) for name in ADAPTERS] == [0, 0, 0, 0, 1, 1, 1, 1]
    with pytest.raises(ConfigError, match="PT2_COREDe"):
        gain("PT2_COREDE", State.parse("CC"))
