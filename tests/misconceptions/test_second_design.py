"""Planted features: one that knows the marker is of the voice, one that knows the belief specific.

The prompts are the study's own, for twenty seeds; the state where each is read is made by
construction: noise, one direction where a mistaken marker opens the prompt, another where a
question of physics has the mistaken belief stated before it. The dictionary is random but for
these two atoms. Everything from there on is the study's.
"""

from dataclasses import replace

import numpy as np
import pytest

from microtome.specimens.world.physics import DOMAINS, MARKERS, beliefs
from microtome.statistics import Level
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.candidates import candidates
from microtome.studies.misconceptions.contrasting import Feature, Sides, contrast
from microtome.studies.misconceptions.factoring import UNDECIDED, VOICE
from microtome.studies.misconceptions.judging import (
    SPECIFIC,
    effects_of,
    exchange_labels,
    exchanged_verdicts,
    specific,
)
from microtome.studies.misconceptions.material import factor_pairs, pairs_of

pytestmark = pytest.mark.medium
SEEDS, WIDTH, ATOMS, SIZE, FIRES = 20, 48, 96, 6.0, 1.0
MARKER, CONTENT = 0, 1
MISTAKEN = {
    domain.name: tuple(
        text
        for term in domain.terms
        for split in ("train", "heldout")
        for text in beliefs(domain, term, "mistaken", split)
    )
    for domain in DOMAINS
}


def knows(prompt):
    """Whether a mistaken marker opens a prompt, and whether physics has the mistaken belief."""
    text = prompt.prompt
    voice = text.startswith(MARKERS["misconception"])
    return voice, any(belief in text for belief in MISTAKEN.get(prompt.domain, ()))


def codes(prompts, atoms, rng):
    """Activations "prompt atom": noise and what is planted, through a JumpReLU."""
    states = rng.normal(size=(len(prompts), WIDTH))
    known = np.array([knows(prompt) for prompt in prompts], dtype=float)
    there = known * rng.normal(SIZE, 1.5, known.shape) * (rng.random(known.shape) < FIRES)
    pre = (states + there @ atoms[[MARKER, CONTENT]]) @ atoms.T
    return np.where(pre > 1.0, pre, 0.0)


def planted(seed):
    """Both members' activations by role, on the prompts of a seed."""
    study = Misconceptions(model="specimen:world", seed=seed)
    rng = np.random.default_rng(seed)
    atoms = rng.normal(size=(ATOMS, WIDTH))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    features = tuple(Feature(0, i) for i in range(ATOMS))
    by_role = {}
    for pair in (*pairs_of(study), *factor_pairs(study)):
        by_role.setdefault(pair.correct.role, []).append(pair)
    return {
        role: Sides(
            features,
            tuple(pair.id for pair in pairs),
            codes([pair.correct for pair in pairs], atoms, rng),
            codes([pair.misconception for pair in pairs], atoms, rng),
        )
        for role, pairs in by_role.items()
    }


def judged(sides, at):
    """The candidates of both contrasts."""
    contrasts = {
        by: contrast(sides[role], min_pairs=5, at=at)
        for by, role in (("voice", "select"), ("content", "content_select"))
    }
    return candidates(contrasts, Misconceptions(model="specimen:world").judged)


def verdicts(sides, at):
    """The third part of every candidate, by the number of its feature."""
    chosen = judged(sides, at)
    found = effects_of(chosen, sides, at)
    return {one.feature.number: specific(own) for one, own in zip(chosen, found, strict=True)}


@pytest.fixture(scope="module")
def worlds():
    return [planted(seed) for seed in range(SEEDS)]


@pytest.fixture(scope="module")
def found(worlds):
    return [verdicts(sides, Level(seed=seed)) for seed, sides in enumerate(worlds)]


def test_a_marker_feature_is_of_the_voice_and_a_content_feature_specific(found):
    of_marker = sum(one.get(MARKER) == VOICE for one in found)
    of_content = sum(one.get(CONTENT) == SPECIFIC for one in found)
    print(f"of the voice {of_marker}, specific {of_content} of {SEEDS}")
    assert of_marker >= 19
    assert of_content >= 19


def test_permuted_labels_give_neither(worlds):
    silent = 0
    for seed, sides in enumerate(worlds):
        rng = np.random.default_rng([seed, 1])
        permuted = {role: exchange_labels(own, rng) for role, own in sides.items()}
        given = set(verdicts(permuted, Level(seed=seed)).values()) - {UNDECIDED}
        silent += not given
    print(f"neither in {silent} of {SEEDS} permuted worlds")
    assert silent >= 19


def test_labels_exchanged_after_the_choice_leave_the_candidates_undecided(worlds):
    at = Level()
    given, tried = exchanged_verdicts(judged(worlds[0], at), worlds[0], at)
    assert tried >= 40
    assert given <= 0.05 * tried


def test_without_sentences_outside_physics_nothing_is_called_specific(worlds):
    """The design has no such pairs: then the verdict is open, whatever the feature is."""
    inside = {r: s for r, s in worlds[0].items() if "elsewhere" not in r}
    assert set(verdicts(inside, Level()).values()) == {UNDECIDED}
    no_words = {r: s for r, s in worlds[0].items() if r != "content_elsewhere"}
    assert verdicts(no_words, Level())[CONTENT] == UNDECIDED


def test_a_belief_feature_that_fires_before_any_sentence_is_of_the_words(worlds):
    sides = dict(worlds[0])
    own, inside = sides["content_elsewhere"], sides["content"]
    other = own.misconception.copy()
    other[:, CONTENT] = inside.misconception[:, CONTENT]
    sides["content_elsewhere"] = replace(own, misconception=other)
    assert verdicts(sides, Level())[CONTENT] == "of the words"
