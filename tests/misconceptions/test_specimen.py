"""On the embedded specimen and its own dictionaries the voices are found, separated and needed.

Features are chosen on one half; what is asserted is measured on the other, whose markers no pair
of the first half uses. Each claim stands beside the control that should fail.
"""

import numpy as np
import pytest

from microtome.dictionaries.load import load_dictionary
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.contrasting import sides
from microtome.studies.misconceptions.heldout import heldout_rows, separation_rows
from microtome.studies.misconceptions.layer import layer_product, prepare
from microtome.studies.misconceptions.material import of_role, pairs_of
from microtome.studies.misconceptions.reading import read_codes, readings
from microtome.studies.misconceptions.relabelling import relabelled
from microtome.studies.misconceptions.warm import Warm

pytestmark = pytest.mark.medium
LAYER = 0


@pytest.fixture(scope="module")
def study():
    return Misconceptions(model="specimen:world", dtype="float32", resamples=200)


@pytest.fixture(scope="module")
def layer(world, study):
    own = load_dictionary(f"specimen:world/resid_post_{LAYER}", model=world)
    pairs = [pair for role in ("select", "test") for pair in of_role(pairs_of(study), role)]
    return prepare(LAYER, pairs, Warm(world, {LAYER: own}), study)


@pytest.fixture(scope="module")
def heldout(world, study, layer):
    pairs = of_role(pairs_of(study), "test")
    read = readings(world, pairs, study.read_at)
    values = read_codes(world, read, layer.warm.dictionaries, 16)[LAYER].pooled(read)
    every = np.ones(values.shape[1], dtype=bool)
    return sides(LAYER, values, [pair.id for pair in pairs], every)


def test_features_survive_on_held_out_pairs_and_none_with_labels_exchanged(layer, heldout, study):
    rows = heldout_rows(layer.found, heldout, heldout.of([]), study)
    assert {row["side"] for row in rows if row["confirmed"]} == {"correct", "misconception"}
    control = relabelled(layer.found, heldout, study)
    assert sum(k > 0 for k in control.confirmed) / len(control.confirmed) <= 0.05
    (separation,) = separation_rows(layer.found, heldout, control, study)
    assert separation["auroc"] > 0.95
    assert separation["auroc_low"] > separation["relabelled_high"]


def test_ablation_moves_the_answer_as_predicted_beyond_random_sets(layer, study):
    product = layer_product(layer)
    results, controls = product.tables["ablate_results"], product.tables["ablate_controls"]
    for side, sign in (("correct", -1), ("misconception", 1)):
        change = [r["change"] for r in results if r["side"] == side and r["headline"]]
        random = [r["mean_change"] for r in controls if r["side"] == side]
        assert len(random) == 199
        reached = sum(sign * r >= sign * np.mean(change) for r in random)
        print(f"{side}: {np.mean(change):+.2f}, {reached} of 199 sets reach it")
        assert (1 + reached) / 200 <= study.alpha
        assert sign * np.mean(change) > 1, "nats: it is no small effect either"
    assert all(audit.passed for audit in product.audits)
