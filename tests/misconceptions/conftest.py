"""The specimen, a small configuration on it, and an SAE with one feature whose job is known."""

from dataclasses import dataclass, replace

import pytest
import torch

import microtome as mt
from microtome.dictionaries.nonlinearity import JumpReLU
from microtome.dictionaries.sae import SAE
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.material import of_role, pairs_of

LAYER = 0


@dataclass(frozen=True)
class Planted:
    """An SAE whose feature 0 is what the textbook voice adds, 1 what the misconception adds.

    Its last feature never fires.
    """

    sae: SAE
    textbook: int = 0
    misconception: int = 1


@pytest.fixture(scope="session")
def world() -> "mt.Model":
    return mt.load("specimen:world", dtype="float32")


@pytest.fixture(scope="session")
def small() -> Misconceptions:
    """Few pairs, one layer, random directions."""
    return Misconceptions(
        model="specimen:world", dtype="float32", generated=24, layers=(LAYER,),
        random_dictionary=True, permutations=40, resamples=200, max_new_tokens=3, topk=5, top_n=1,
    )  # fmt: skip


@pytest.fixture(scope="session")
def planted(world, small) -> Planted:
    """Two features along the difference of the voices' mean states, the others at random."""
    ends = []
    for label in ("correct", "misconception"):
        prompts = [getattr(p, label).prompt for p in of_role(pairs_of(small), "select")]
        run = world.run(prompts, read=mt.resid_post[LAYER], logits="last")
        ends.append(run.tokens.of_last(run[mt.resid_post[LAYER]]))
    means = torch.stack([e.mean(0) for e in ends])
    voice = torch.nn.functional.normalize(means[0] - means[1], dim=0)
    torch.manual_seed(5)
    others = torch.nn.functional.normalize(torch.randn(300, len(voice)), dim=-1)
    rows = torch.cat([torch.stack([voice, -voice]), others])
    site = mt.resid_post[LAYER]
    thresholds = torch.full((len(rows),), 0.5)
    thresholds[-1] = 1e9
    sae = SAE(
        rows, torch.zeros(len(rows)), rows.clone(), means.mean(0),
        JumpReLU(thresholds), b_in=means.mean(0), site_in=site, site_out=site,
    )  # fmt: skip
    return Planted(replace(sae, origin=replace(sae.origin, source="planted")))
