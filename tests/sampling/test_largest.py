"""The largest layer at forks: selected and estimated on different problems, or not named."""

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.deciders_found import _ablation, _most, decision_findings
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
    assert found.agreed == 3
    described, elsewhere, random = judge(_most(found, "layer", "8 forks."))
    assert "choose layer 3 as the largest at forks: 1.22 logits" in described.answer
    assert described.verdict is None
    assert elsewhere.answer.startswith("Layer 3 writes 0.61 logits more at forks than for the same")
    assert random.answer == (
        "That layer 3 exceeds at forks what it writes for the random pair is not shown: "
        "-2.45 logits."
    )
    assert random.verdict == "not supported"


def test_forks_that_are_selected_for_close_logits_claim_nothing():
    """Two layers of random weights; forks are the tokens where what they write nearly cancels."""
    rng, below = np.random.default_rng(4), 0
    for _ in range(12):
        writes = rng.standard_normal((12, 60, 2))
        order = np.abs(writes.sum(2)).argsort(1)[:, :, None]
        near, any_ = (np.take_along_axis(writes, order[:, own], 1) for own in (slice(4), slice(60)))
        rows = [
            {"problem": f"p{i}", "t": t, "layer": layer, "condition": condition, "delta": 0.0,
             "total": value}
            for condition, table in ((FORK, near), (RANDOM, any_))
            for (i, t, layer), value in np.ndenumerate(table)
        ]  # fmt: skip
        (found,) = judge(_most(largest(pd.DataFrame(rows), "layer", "total", STUDY), "layer", ""))[
            1:
        ]
        below += found.finding.evidence.high < 0
        assert found.verdict != "supported"
    assert below >= 4, "selection alone moves the interval below 0"


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
    assert found.agreed is None
    described, elsewhere = judge(_most(found, "layer", "8 forks."))
    assert "Halves of the problems choose 0 and 1 as largest layer: 0.10" in described.answer
    assert "That the largest layer exceeds at forks" in elsewhere.answer


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
    judged = judge(decision_findings(tables, STUDY))
    assert [one.finding.about for one in judged] == [
        "layer that writes most at forks", "largest layer against the same pair elsewhere",
        "component that writes most at forks", "largest component against the same pair elsewhere",
        "ablation of the top component", "top component against a random one",
        "sign of the ablation",
    ]  # fmt: skip
    for one in judged:
        assert ("Both halves" in one.answer) is False, "no layer or component is named"
        assert (one.verdict is None) == (one.finding.claim is None)
        if one.finding.claim:
            assert one.verdict != "supported"
            assert "is not shown:" in one.answer
    single = {name: frame[frame["problem"] == "p0"] for name, frame in tables.items()}
    assert "One problem cannot show" in decision_findings(single, STUDY)[0].answer


def test_ablations_beyond_a_random_component_with_the_sign_predicted_are_supported():
    rng = np.random.default_rng(4)
    rows = pd.DataFrame(
        [
            {"problem": f"p{i}", "t": t, "role": role, "predicted": size * (-1) ** t,
             "observed": (size + 0.1 * rng.standard_normal()) * (-1) ** t}
            for i in range(8) for t in range(3) for role, size in (("top", 1.0), ("random", 0.3))
        ]
    )  # fmt: skip
    described, more, sign = judge(_ablation(rows, STUDY))
    gap = rows.assign(size=rows["observed"].abs()).groupby("role")["size"].mean()
    assert described.finding.evidence.value == pytest.approx(gap["top"])
    assert (more.verdict, sign.verdict) == ("supported", "supported")
    assert f"by {gap['top'] - gap['random']:.2f} more than ablating a random one" in more.answer
    assert "predicts the sign of its ablation at 24 of 24 forks" in sign.answer
