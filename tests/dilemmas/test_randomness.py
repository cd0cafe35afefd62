"""The null of random components: a planted one is found, exchangeable ones rarely are."""

import numpy as np

from microtome.studies.dilemmas.evidence import smallest_p
from microtome.studies.dilemmas.randomness import random_component

SCENARIOS = [s for s in "abcde" for _ in range(3)]
KINDS = ["head"] * 12 + ["mlp"] * 4


def _noise(seed):
    return np.random.default_rng(seed).normal(size=(15, 16))


def test_a_planted_component_stands_out_from_its_kind():
    effects = _noise(0)
    effects[:, 5] += 4.0
    p = random_component(effects, KINDS, SCENARIOS, 1000, 0)
    assert p[5] < 0.01
    assert p[[i for i in range(16) if i != 5]].min() > 0.05


def test_exchangeable_components_are_seldom_claimed():
    claimed = [
        random_component(_noise(seed), KINDS, SCENARIOS, 200, seed)[:12].min() < 0.05
        for seed in range(100)
    ]
    assert np.mean(claimed) < 0.12, "5 % false alarms are due, at most"


def test_components_are_compared_within_their_kind():
    effects = _noise(1)
    effects[:, 12:] += 10.0
    p = random_component(effects, KINDS, SCENARIOS, 500, 0)
    assert p[12:].min() > 0.05, "four MLPs alike: none stands out from the others"


def test_one_wild_scenario_is_not_a_consistent_component():
    effects = _noise(2)
    effects[:3, 5] += 12.0
    wild = random_component(effects, KINDS, SCENARIOS, 1000, 0)[5]
    effects[:3, 5] -= 12.0
    effects[:, 5] += 12.0 / 5
    spread = random_component(effects, KINDS, SCENARIOS, 1000, 0)[5]
    assert spread < wild


def test_the_design_states_its_smallest_p():
    assert smallest_p(5) == 2 / 2**5
    assert smallest_p(60) < 1e-3
