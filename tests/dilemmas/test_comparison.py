"""What the comparison says, on models whose only difference is known, and against other means."""

import json
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.lab.verdicts import judge
from microtome.studies.dilemmas.attribution import Attribution
from microtome.studies.dilemmas.comparison import Comparison
from microtome.studies.dilemmas.overlap import chance_overlap, overlaps
from microtome.studies.dilemmas.patching import Patching
from microtome.studies.dilemmas.suppression import suppressed

pytestmark = pytest.mark.medium
BOTH = ("MLP1:base", "base:MLP1")


@pytest.fixture(scope="module")
def compared(zoo, tmp_path_factory):
    """MLP1 and base, which differ in the second layer's MLP alone, patched both ways."""
    study = zoo.study(
        models=("base", "MLP1"), pairs=BOTH, output_dir=tmp_path_factory.mktemp("runs"),
        steps=("comparison",), resample="wordings",
    )  # fmt: skip
    return run(study, terminal=Terminal())


def _table(record, name):
    return pd.read_parquet(record.path / "tables" / f"{name}.parquet")


def _findings(record):
    found = json.loads((record.path / "findings.json").read_text())
    (own,) = [step for step in found["steps"] if step["step"] == "comparison"]
    return own["findings"]


def test_the_weights_of_the_one_trained_mlp_carry_everything(compared):
    rows = _table(compared, "comparison_targets").set_index("component")
    assert rows["rank"].idxmin() == "L1_MLP"
    assert rows.loc["L1_MLP", "alone"] == pytest.approx(1, abs=1e-3)
    assert rows.loc["L1_MLP", "without"] == pytest.approx(1, abs=1e-3)
    others = rows.drop(index="L1_MLP")[["alone", "without"]]
    assert others.abs().to_numpy().max() < 1e-4


def test_only_what_lies_above_the_trained_mlp_can_distinguish(compared):
    rows = _table(compared, "comparison_both_ways").set_index("component")
    assert {"L1_MLP"} <= set(rows.index[rows["two_way"].abs() > 0.05])
    below = [c for c in rows.index if c.startswith(("L0", "L1H"))]
    assert rows.loc[below, "two_way"].abs().max() < 1e-5
    assert not rows.loc[below, "distinguishes"].any()
    summary = _table(compared, "patching_summary").set_index(["source", "component"])
    towards = summary["mean_towards"]
    ways = (towards["MLP1"] + towards["base"]).loc[rows.index] / 2
    assert rows["two_way"].tolist() == pytest.approx(ways.tolist(), abs=1e-6)
    p = summary["p_max_t"]
    larger = np.maximum(p["MLP1"], p["base"]).loc[rows.index]
    assert rows["p_both"].tolist() == pytest.approx(larger.tolist())
    both = (towards["MLP1"] > 0) & (towards["base"] > 0)
    assert (rows["distinguishes"] == (both.loc[rows.index] & (larger < 0.05))).all()


def test_suppressed_parts_are_those_whose_writing_for_defection_falls(compared, zoo):
    study = zoo.study(models=("base", "MLP1"), pairs=BOTH, resample="wordings")
    names = ("attribution_differences", "patching_summary", "cross_experiment_summary")
    tables = {name: _table(compared, name) for name in names}
    across = tables["cross_experiment_summary"]
    assert not (across["gap_low"] > 0).any()
    assert suppressed(tables, study) == [], "neither is shown to lean more to defection"
    narrow = {"gap_low": across["mean_gap"] - 0.01, "gap_high": across["mean_gap"] + 0.01}
    rows = pd.DataFrame(
        suppressed({**tables, "cross_experiment_summary": across.assign(**narrow)}, study)
    )
    leaning = across[across["mean_gap"] > 0.01]
    assert set(rows["pair"]) == set(leaning["pair"])
    assert len(rows), "one of the two leans more to defection"
    means = _table(compared, "attribution_full").groupby(["model", "component"])["contribution"]
    for row in rows.itertuples():
        own, their = (means.mean()[m][row.component] for m in (row.source, row.target))
        assert row.suppressed == (own > 0 and their < own)


def test_the_design_of_two_scenarios_is_said_to_show_nothing(compared, zoo):
    """The same tables, asked about scenarios: no gap, no component, no pair is claimed."""
    study = zoo.study(models=("base", "MLP1"), pairs=BOTH)
    names = ("attribution_full", "patching_results", "comparison_weights")
    tables = {name: _table(compared, name) for name in names}
    for step in (Attribution(), Patching()):
        made = step.conclude(study, tables, {}).tables
        tables |= {name: pd.DataFrame(rows) for name, rows in made.items()}
    found = Comparison().conclude(study, tables, {})
    texts = " ".join(f"{one.answer} {one.evidence.detail}" for one in found.findings)
    assert "No pair's gap has an interval above 0" in texts
    assert "which of them this design (scenarios) cannot decide" in texts
    assert "cannot decide which of the 6 attentions and MLPs have an effect: 2 clusters" in texts
    assert {one.verdict for one in judge(found.findings)} == {None, "inconclusive"}
    assert not any(row["distinguishes"] for row in found.tables["comparison_both_ways"])


def test_findings_can_be_compared_between_runs(compared):
    found = _findings(compared)
    assert len({(f["about"], f["evidence"]["unit"]) for f in found}) == len(found)
    assert all(f["evidence"]["n"] for f in found)


def test_figures_are_drawn(compared):
    names = {path.stem for path in (compared.path / "figures").glob("*.png")}
    assert "fine_tuning_targets" in names


def test_chance_overlap_is_that_of_all_circuits_drawn():
    """Two heads and one MLP of three and two, against every circuit of one head and one MLP."""
    heads, mlps = ["L0H0", "L0H1", "L1H0"], ["L0_MLP", "L1_MLP"]
    own = {"L0H0", "L0H1", "L0_MLP"}
    counts = [len(own & {h, m}) for h in heads for m in mlps]
    expected = [counts.count(k) / len(counts) for k in range(3)]
    p = chance_overlap({"head": 2, "mlp": 1}, {"head": 1, "mlp": 1}, {"head": 3, "mlp": 2})
    assert p == pytest.approx(expected)


def test_equal_circuits_overlap_more_than_chance_and_disjoint_ones_less():
    heads = [f"L{layer}H{head}" for layer in range(5) for head in range(4)]
    sets = {("A", "B"): heads[:8], ("B", "A"): heads[:8], ("A", "C"): heads[8:16]}
    lines = [
        {"source": s, "target": t, "component": c, "wording": i}
        for i, ((s, t), names) in enumerate(sets.items())
        for c in names
    ]
    equal, disjoint, _ = overlaps(pd.DataFrame(lines), {"head": 20, "mlp": 5})
    assert (equal["relation"], equal["jaccard"]) == ("both ways", 1.0)
    assert equal["p_as_many"] < 1e-4 < 0.99 < equal["p_as_few"]
    assert (disjoint["relation"], disjoint["jaccard"]) == ("one source", 0.0)
    assert disjoint["p_as_few"] < 0.01 < 0.99 < disjoint["p_as_many"]
    by_hand = [len(set(a) & set(b)) for a, b in combinations(sets.values(), 2)]
    assert by_hand[:2] == [equal["shared"], disjoint["shared"]]


def test_without_circuits_the_overlap_is_left_out_with_a_sentence(zoo, tmp_path):
    study = zoo.study(
        models=("base", "MLP1"), pairs=BOTH, scenarios=("CC_continue",), circuits=False,
        steps=("comparison",), output_dir=tmp_path,
    )  # fmt: skip
    record = run(study, terminal=Terminal())
    assert any("overlap of circuits is left out" in f["answer"] for f in _findings(record))
    assert not (record.path / "tables" / "comparison_overlap.parquet").exists()
    assert (record.path / "tables" / "comparison_both_ways.parquet").exists()
