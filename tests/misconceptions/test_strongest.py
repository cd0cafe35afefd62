"""Where a feature is strongest: by hand-made codes, the first token of each prompt being BOS."""

import numpy as np
import pytest
import torch

from microtome.studies.misconceptions.elsewhere import _MOST_WORDS, sentences_ending
from microtome.studies.misconceptions.injection import TOKENS, _natural, strongest_tokens
from microtome.studies.misconceptions.matching import Match, match
from microtome.studies.misconceptions.pairs import Prompt
from microtome.studies.misconceptions.reading import Reading

BOS = 1
PROMPT = Prompt("a", "a", "correct", "motion", "its velocity is", "none", "some")
READ = [
    Reading(PROMPT, ids, len(ids), "last", (len(ids) - 1,), True)
    for ids in ((BOS, 7, 8, 9), (BOS, 8, 6), (BOS, 5, 4))
]
VALUES = np.array([9.0, 2.0, 3.0, 0.0, 9.0, 5.0, 1.0, 9.0, 0.0, 0.0])


def test_the_strongest_tokens_are_each_named_once_and_bos_is_none() -> None:
    assert strongest_tokens(VALUES, READ, BOS) == (8, 7, 6)
    assert strongest_tokens(VALUES, READ, None) == (BOS, 8, 7), "a token like any other"
    assert len(strongest_tokens(VALUES + 1, READ, BOS)) == TOKENS
    assert strongest_tokens(0 * VALUES, READ, BOS) == ()


def test_the_natural_size_is_that_of_the_prompts_on_which_it_fires() -> None:
    assert _natural(VALUES, READ) == pytest.approx((3.0 + 5.0) / 2), "not BOS, not the silent one"
    assert _natural(np.where(VALUES == 9, 9.0, 0.0), READ) == 0.0
    first = np.array([9.0, 4.0, 0.0, 0.0, 9.0, 0.0, 0.0, 9.0, 0.0, 0.0])
    assert _natural(first, READ) == 4.0, "the first token after BOS counts"


def test_a_target_that_writes_nothing_is_matched_by_nothing() -> None:
    none, some = torch.zeros(4), torch.tensor([0.0, 2.0, 0.0, 1.0])
    assert match(some, none) == Match(0, 2, 0.0, 0.0, 0.0)
    assert match(none, none) == Match(0, 0, 0.0, 0.0, 0.0)
    assert match(torch.tensor([0.0, 1.0, 3.0, 1.0]), some) == Match(2, 1, 1.0, 1.5, 0.5)


def test_questions_of_other_kinds_have_at_most_sixteen_words() -> None:
    found = sentences_ending("is", 0)
    assert found
    assert max(len(question.split()) for _, question, _ in found) <= _MOST_WORDS == 16
    assert {question.split()[-1] for _, question, _ in found} == {"is"}
    kinds = [kind for kind, _, _ in found]
    assert len({kinds.count(kind) for kind in set(kinds)}) == 1, "as many of each kind"
