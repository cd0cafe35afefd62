"""The largest layer at forks: selected and estimated on different problems, or not named."""

import numpy as np
import pandas as pd
import pytest

from microtome.studies.sampling import Sampling
from microtome.studies.sampling.deciders import decision_findings
from microtome.studies.sampling.decisions import ELSEWHERE, FORK, RANDOM
from microtome.studies.sampling.largest import largest

STUDY = Sampling.demo()


def layers(table, condition=FORK, forks=2):
    """Rows of `attribution_layers`: contributions "problem layer", the sign turning by fork."""
    return pd.DataFrame(
        [
            {"problem": f"p{i}", "t": 3 * t, "layer": layer, "condition": condition,
             "total": value * (-1) ** t, "delta": 0.5}
            for i, row in enumerate(table)
            for t in range(forks)
            for layer, value in enumerate(row)
        ]
    )  # fmt: skip


def test_a_layer_that_is_largest_in_every_half_is_named_with_its_held_out_size():
    rng = np.random.default_rng(0)
    table = 0.2 + 0.05 * rng.random((8, 5))
    table[:, 3] += 1.0
    rows = pd.concat([layers(table), layers(0.5 * table, ELSEWHERE), layers(3 * table, RANDOM)])
    found = largest(rows, "layer", "total", STUDY)
    assert found.chosen == (3, 3)
    assert found.size.value == pytest.approx(table[:, 3].mean())
    assert found.over[ELSEWHERE].value == pytest.approx(0.5 * table[:, 3].mean())
    assert found.over[RANDOM].value == pytest.approx(-2 * table[:, 3].mean())
    assert found.named("layer") == "layer 3 writes most to either side:"
    assert found.compared() == (
        "more than for the same pair elsewhere, less than for the random pair"
    )


def test_the_size_is_that_of_what_the_other_half_chose():
    """Even problems choose layer 0, odd ones layer 1: each reports what the other half chose."""
    table = np.full((8, 3), 0.1)
    table[::2, 0], table[1::2, 1] = 1.0, 2.0
    control = np.zeros((8, 3))
    control[::2, 1] = 0.3
    rows = pd.concat([layers(table), layers(control, ELSEWHERE)])
    found = largest(rows, "layer", "total", STUDY)
    assert found.chosen == (0, 1)
    assert found.size.value == pytest.approx(0.1), "0.1 everywhere that was not chosen"
    assert found.over[ELSEWHERE].value == pytest.approx(0.1 - 0.15)
    assert found.named("layer").startswith("no layer is named, as halves of the problems choose 0")


def test_of_equal_layers_none_is_made_large():
    rng, sizes, naive = np.random.default_rng(1), [], []
    for _ in range(60):
        table = rng.exponential(size=(8, 20))
        rows = layers(table, forks=1)
        sizes.append(largest(rows, "layer", "total", STUDY).size.value)
        naive.append(table.mean(0).max())
    assert np.mean(naive) > 1.5, "the control: the largest of 20 means of 1 is far from 1"
    assert np.mean(sizes) == pytest.approx(1.0, abs=0.14)


def test_findings_are_silent_where_nothing_can_be_claimed():
    rng = np.random.default_rng(2)
    table = rng.exponential(size=(6, 12))
    rows = pd.concat([layers(table), layers(rng.exponential(size=(6, 12)), ELSEWHERE)])
    parts = rows.rename(columns={"total": "contribution"}).assign(
        component=[f"L{layer}_MLP" for layer in rows["layer"]], kind="mlp"
    )
    ablations = pd.DataFrame(
        [
            {"problem": f"p{i}", "t": 0, "role": role, "predicted": 0.1, "observed": value}
            for i, row in enumerate(rng.standard_normal((6, 2)))
            for role, value in zip(("top", "random"), row, strict=True)
        ]
    )
    tables = {
        "attribution_layers": rows, "attribution_forks": parts, "attribution_ablations": ablations,
    }  # fmt: skip
    layer, component, ablation = decision_findings(tables, STUDY)
    assert "no layer is named" in layer.answer
    assert "no component is named" in component.answer
    for finding in (layer, component):
        assert "not shown to differ from the same pair elsewhere" in finding.answer
    assert "not shown to exceed a random one" in ablation.answer
    single = {name: frame[frame["problem"] == "p0"] for name, frame in tables.items()}
    assert "one problem cannot show" in decision_findings(single, STUDY)[0].answer
