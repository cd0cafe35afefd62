"""Clusters on the specimen are its methods; controls, judge and refusals."""

import pandas as pd
import pytest

import microtome as mt
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.clusters import Clusters
from microtome.studies.sampling.judge_found import contrast_of
from microtome.studies.sampling.judging import equations, judge_of, rulings
from microtome.studies.sampling.problem_set import problem_units
from tests.data.faulty import faulty, good
from tests.sampling.little import little, specimen_record, table

pytestmark = pytest.mark.medium


def test_clusters_are_the_methods_and_one_method_is_one_cluster():
    rows, controls = table("clusterings"), table("cluster_controls")
    several = rows[rows["methods"] >= 2]
    assert len(several) == 3
    assert several["ari"].mean() >= 0.8
    assert several["k"].between(2, several["methods"]).all(), "no method is parted"
    assert several["ari"].mean() > several["ari_kmeans"].mean() - 0.15, "which is given K"
    assert several["ari_shuffled"].abs().max() < 0.1
    assert len(controls) >= 5
    assert (controls["k"] == 1).mean() >= 0.9
    assert set(several["verdict"]) == {"separate groups"}
    assert (several["cloud_p"] <= 0.05).all()
    assert (several["dip_p"] <= 0.05).all()
    assert several["power_4_sd"].isna().all(), "the power stands beside a K of 1 only"
    (finding,) = [f for f in specimen_record().findings if f["about"] == "one method alone"]
    assert "Power to see two groups in" in finding["evidence"]["detail"]


def test_only_right_solutions_are_clustered():
    rows = table("solutions")
    assert rows[rows["cluster"].notna()]["correct"].all()
    counts = table("clusterings").set_index("problem")
    for problem, own in rows.groupby("problem"):
        assert counts.loc[problem, "clustered"] == own["cluster"].notna().sum()
        assert counts.loc[problem, "correct"] == own["correct"].sum()
    medoids = rows[rows["representative"]]
    assert len(medoids) == table("clusterings")["k"].sum() == len(table("representatives"))


def test_a_solution_of_a_known_method_is_right_or_its_mistakes_are_named():
    rows = table("solutions")
    known = rows[rows["method"].notna() & rows["answer"].notna()]
    assert len(known) > 0.8 * len(rows)
    wrong = known[~known["correct"]]
    assert (wrong["mistakes"] != "").all()
    assert (known[known["correct"]]["mistakes"] == "").mean() > 0.9
    kinds = {kind for row in rows["mistakes"] for kind in row.split("; ")}
    assert kinds <= {"", "carry slip", "wrong sign", "operand lost", "other"}


def test_pass_at_k_rises_with_k_and_has_an_interval():
    rows = table("pass_at_k")
    assert rows["pass"].is_monotonic_increasing
    assert (rows["low"] <= rows["pass"]).all()
    assert rows["k"].tolist() == [1, 2, 5, 10, 20]


def test_the_judge_tells_clusters_apart_and_nothing_from_itself():
    judged = table("judged")
    assert set(judged["kind"]) == {"within", "between", "itself"}
    assert set(judged[judged["kind"] == "itself"]["label"]) == {"same"}
    test = contrast_of(judged, Sampling.demo())
    assert test is not None
    assert test.difference > 0.7, "a cluster may hold two methods"
    assert test.p < 0.01


def test_shuffled_verdicts_show_nothing():
    judged = table("judged").copy()
    shuffled = judged[judged["kind"] != "itself"].copy()
    shuffled["label"] = shuffled["label"].sample(frac=1, random_state=3).to_numpy()
    test = contrast_of(shuffled, Sampling.demo())
    assert test is not None
    assert test.p > 0.01


def test_a_server_judges_and_is_asked_once(tmp_path):
    label = lambda a, b: "SAME" if equations(a) == equations(b) else "DIFFERENT"  # noqa: E731
    texts = ["1+2=3, then 3+4=7", "2+4=6, then 1+6=7", "Now: 1+2=3, then 3+4=7"]
    with faulty(good(label)) as server:
        study = little(tmp_path, judge="endpoint", judge_model="big", judge_url=server.url)
        for _ in range(2):
            found = rulings(judge_of(study), "1+2+4", texts, [(0, 1), (0, 2)])
            assert [one.label for one in found] == ["different", "same"]
            assert all(one.orders[0] == one.orders[1] == one.label for one in found)
        assert len(server.requests) == 4, "both orders of both pairs, once"


def test_too_few_right_solutions_are_not_clustered(tmp_path):
    study = little(tmp_path, n_problems=2, cluster_samples=4, n_clusters=3, steps=("clusters",))
    record = run(study, terminal=Terminal())
    rows = record.table("clusterings")
    assert rows["refused"].str.contains("fewer than 5 x 3").all()
    assert "No problem had enough right solutions" in record.findings[-1]["answer"]


def test_a_forced_clustering_is_done(tmp_path):
    study = little(tmp_path, n_problems=2, cluster_samples=6, n_clusters=2, force=True)
    unit = problem_units(study)[0]
    product = Clusters().compute(unit, mt.load("specimen:world"), study)
    (row,) = product.tables["clusterings"]
    assert row["refused"] is None
    assert row["k_kmeans"] == 2
    assert row["k"] == 1, "six solutions cannot show two clusters of five"


def test_a_unit_alone_is_what_it_is_in_a_run(tmp_path):
    study = little(tmp_path)
    unit = problem_units(study)[1]
    product = Clusters().compute(unit, mt.load("specimen:world"), study)
    for name in ("clusterings", "solutions"):
        whole = table(name)
        own = whole[whole["problem"] == unit.name].reset_index(drop=True)
        alone = pd.DataFrame(product.tables[name])
        pd.testing.assert_frame_equal(alone[own.columns], own, check_dtype=False, rtol=1e-4)
    assert list(specimen_record().manifest.steps) == ["variance", "manifold", "drift", "clusters"]
