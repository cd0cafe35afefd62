"""Forks on the specimen: found where methods part, graded, written, and the controls that fail."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from microtome.data.problems import Problem
from microtome.errors import InputError, StrideError
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.bifurcations import read_bifurcations
from microtome.studies.sampling.choosing import choosing_steps, open_methods
from microtome.studies.sampling.forks_found import _method, chance_of_as_many
from microtome.studies.sampling.ranking import ranked, tops
from tests.sampling.forks import little, specimen_run

SUM = Problem("7+8-5", "seven and eight less five", "10")
"""A problem to which all three methods apply."""


@pytest.fixture(scope="module")
def record():
    return specimen_run()


@pytest.fixture(scope="module")
def table(record):
    return lambda name: pd.read_parquet(record.path / "tables" / f"{name}.parquet")


def test_the_token_that_leaves_fewer_methods_open_has_chosen():
    assert open_methods("", SUM) == {"left", "regroup", "tens"}
    assert open_methods(" Make", SUM) == {"tens"}
    assert open_methods(" In order: 7+8", SUM) == {"left"}
    assert open_methods(" Nonsense", SUM) == frozenset()
    assert choosing_steps([" Make", " a", " ten", ":"], SUM) == (0,)
    assert choosing_steps([" In", " haste"], SUM) == (0,)
    assert choosing_steps([" Well", ":"], SUM) == (), "no opening of the generator's"
    two = Problem("15+8+5", "", "28")
    assert open_methods("", two) == {"left", "regroup", "tens"}
    assert open_methods("", Problem("10+8+5", "", "23")) == {"left", "regroup"}, "no ten to fill"


def test_behind_an_opening_of_every_method_the_first_equation_chooses():
    tokens = [" Let", " us", " see", ":", " ", "7", "+", "8", "=", "1", "5"]
    assert open_methods(" Let us see:", SUM) == {"left", "regroup", "tens"}
    assert open_methods(" Let us see: 7+", SUM) == {"left", "tens"}
    assert choosing_steps(tokens, SUM) == (5, 7)
    assert choosing_steps([*tokens[:5], "8"], SUM) == (5,)
    assert open_methods(" Let us see: 8+5=13", Problem("11+8-5", "", "14")) == {"regroup"}, "slip"
    assert open_methods(" Let us see: 9+9=18", SUM) == frozenset()


def test_chance_is_that_of_all_draws():
    shares = [0.1, 0.5, 0.25]
    draws = itertools.product((0, 1), repeat=3)
    weights = {d: np.prod([s if hit else 1 - s for hit, s in zip(d, shares)]) for d in draws}  # noqa: B905
    for hits in range(4):
        exact = sum(w for draw, w in weights.items() if sum(draw) >= hits)
        assert chance_of_as_many(hits, shares) == pytest.approx(exact)


def points():
    """Two problems: a likely fork of small D first, an impossible one of large D later."""
    rows = [
        ("a", 0, 0.4, 0.3), ("a", 4, 1e-6, 0.9), ("b", 0, 0.3, 0.2), ("b", 8, 1e-6, None),
    ]  # fmt: skip
    return pd.DataFrame(
        [
            {
                "problem": p, "t": t, "p1": 1 - p2, "p2": p2, "divergence": d, "relative": None,
                "spread": None if d is None else (p2 * (1 - p2)) ** 0.5 * d, "entropy": p2,
                "top1_text": "x", "top2_text": "y", "chooses_method": t == 0, "other_method": None,
            }
            for p, t, p2, d in rows
        ]
    )  # fmt: skip


def test_ranks_follow_the_ranking_asked_and_leave_out_what_has_no_value():
    by_spread = ranked(points(), Sampling.demo())
    assert by_spread["rank"].tolist()[:3] == [1, 2, 3]
    assert list(zip(by_spread["problem"], by_spread["t"], strict=True))[:2] == [("a", 0), ("b", 0)]
    assert pd.isna(by_spread["rank"].iloc[-1])
    assert by_spread["t"].iloc[-1] == 8
    plain = ranked(points(), Sampling.demo().model_copy(update={"rank_forks": "divergence"}))
    assert plain["t"].iloc[0] == 4, "D alone prefers the impossible token"
    solutions = pd.DataFrame({"problem": ["a", "b"]})
    found = pd.DataFrame(tops(points(), solutions)).set_index(["problem", "ranking"])
    assert bool(found.loc[("a", "spread"), "chooses_method"])
    assert found["outcome_change"].isna().all(), "nothing was graded"
    assert not bool(found.loc[("a", "divergence"), "chooses_method"])
    assert found.loc[("a", "spread"), "share_that_choose"] == 0.5
    assert ("b", "relative") not in found.index


def test_top_forks_that_choose_no_method_are_counted_by_their_answer():
    own = [
        {"problem": f"p{i}", "ranking": "spread", "chooses_method": chose, "other_method": chose,
         "outcome_change": turned, "share_that_choose": 0.1}
        for i, (chose, turned) in enumerate(((1, 0), (0, 1), (0, 1), (0, 0)))
    ]  # fmt: skip
    detail = _method(own, own, Sampling.demo()).evidence.detail
    assert "of the 3 that choose none 2 lead to another answer" in detail
    ungraded = [{**row, "outcome_change": None} for row in own]
    assert "another answer" not in _method(ungraded, ungraded, Sampling.demo()).evidence.detail
    assert "choose none" not in _method(own[:1], own[:1], Sampling.demo()).evidence.detail


@pytest.mark.medium
def test_the_top_fork_is_a_choice_and_that_of_d_alone_is_none(record, table):
    """A choice of the method or, as sums here may slip, of the answer."""
    top = table("fork_tops").set_index("ranking")
    spread, plain = top.loc["spread"], top.loc["divergence"]
    chose = spread["chooses_method"].astype(bool)
    assert (chose | spread["outcome_change"].astype(bool)).all()
    assert plain["p2"].max() < 0.01 < spread["p2"].min(), "D alone prefers what is never said"
    assert spread["share_that_choose"].max() < 0.2, "a random fork"
    (finding,) = [f for f in record.findings if f["about"] == "top fork at the choice of a method"]
    proof = finding["evidence"]
    assert (proof["value"], proof["n"]) == (pytest.approx(chose.mean()), 3)
    assert proof["low"] <= proof["value"] <= proof["high"]
    hits = int(plain["chooses_method"].sum())
    assert f"ranked by D alone {hits} of 3" in proof["control"]
    others = f"of the {int((~chose).sum())} that choose none {int((~chose).sum())} lead to another"
    assert (others in proof["detail"]) == (not chose.all())


@pytest.mark.medium
def test_a_fork_of_methods_keeps_the_answer_and_forced_nonsense_does_not(table):
    forks = table("forks").dropna(subset="outcome_change")
    chose, changed = forks["chooses_method"].astype(bool), forks["outcome_change"].astype(bool)
    assert set(forks.loc[chose, "problem"]) == set(forks["problem"])
    assert changed[chose].mean() < 0.5 < changed[~chose].mean()
    assert forks.loc[chose, "p2"].min() > 0.01
    assert (forks.loc[~chose, "p2"] < 0.01).mean() > 0.7


@pytest.mark.medium
def test_every_number_has_its_meaning(table):
    forks, layers, solutions = table("forks"), table("fork_layers"), table("fork_solutions")
    assert (forks["logit_difference"] >= 0).all()
    assert (forks["p1"] >= forks["p2"]).all()
    gap = np.log(forks["p1"] / forks["p2"]) - forks["logit_difference"]
    assert gap.abs().max() < 1e-5, "log p1/p2 is the logit difference"
    scaled = (layers["D"] / layers["size"]).groupby([layers["problem"], layers["t"]]).mean()
    own = forks.set_index(["problem", "t"])["divergence"].dropna()
    assert np.allclose(scaled.reindex(own.index), own)
    spread = (forks["p1"] * forks["p2"]) ** 0.5 * forks["divergence"]
    assert np.allclose(forks["spread"], spread, equal_nan=True)
    assert forks["spread"].notna().mean() > 0.8
    assert np.allclose(forks["p1_ahead"], forks["p1"], atol=1e-5), "one token ahead is the token"
    right = [str(eval(sum_)) == said for sum_, said in solutions[["problem", "answer"]].to_numpy()]
    assert solutions["correct"].tolist() == right
    assert any(right)
    back = forks[forks["rejoin_step"].notna()]
    for row in back.to_dict("records"):
        text = solutions.set_index("problem").loc[row["problem"], "ids"].split()[row["t"] :]
        branch, step = row["branch_ids"].split(), int(row["rejoin_step"])
        at = step + int(row["rejoin_offset"])
        assert text[at : at + len(branch) - step] == branch[step:]


@pytest.mark.medium
def test_the_file_says_what_the_tables_say(record, table):
    path = record.path / "data" / "bifurcation_points.json"
    content = json.loads(path.read_text())
    forks = table("forks")
    assert len(content["points"]) == len(forks)
    assert content["model"]["digest"] == record.manifest.provenance["digest"]
    solutions = table("fork_solutions").set_index("problem")
    for point, row in zip(content["points"], forks.to_dict("records"), strict=True):
        told = solutions.loc[row["problem"]]
        whole = [int(i) for i in (told["prompt_ids"] + " " + told["ids"]).split()]
        assert point["prefix_ids"] == whole[: told["n_prompt"] + row["t"]]
        assert whole[len(point["prefix_ids"])] == point["top1"]["id"] == row["top1_id"]
        assert (point["D"] is None) == np.isnan(row["divergence"])
        assert point["D"] is None or len(point["D"]["raw"]) == len(content["layers"]) == 5
        assert point["branch_ids"][:1] in ([row["top2_id"]], [])
    ranks = [p.rank for p in read_bifurcations(path).ranked()]
    known = int(forks["rank"].notna().sum())
    assert ranks == [*range(1, known + 1), *[None] * (len(ranks) - known)]


@pytest.mark.medium
def test_audits_pass_and_say_that_forcing_the_greedy_token_changes_nothing(record):
    audits = {audit["name"]: audit for audit in record.audits if audit["step"] == "sensitivity"}
    assert all(audit["passed"] for audit in audits.values()), audits
    assert audits["forcing the greedy token: D / size"]["value"] < 1e-5
    assert audits["smallest logit top 1 − top 2"]["value"] >= 0


@pytest.mark.medium
def test_solutions_without_a_fork_are_one_sentence(table, tmp_path):
    short = {"continuations": 0, "n_problems": 1, "finish_branches": False}
    with pytest.raises(InputError, match="lower min_entropy"):
        run(little(tmp_path, min_entropy=50.0, **short), terminal=Terminal())
    long = little(tmp_path, sensitivity_stride=60, branch_tokens=80, **short)
    n = table("fork_solutions")["n_tokens"].iloc[0]
    with pytest.raises(StrideError, match=rf"has {n} tokens, .* at most {n}\."):
        run(long, terminal=Terminal())


@pytest.mark.medium
def test_lookahead_multiplies_the_probabilities_of_what_follows(tmp_path):
    study = little(
        tmp_path, n_problems=1, lookahead_tokens=3, continuations=0, finish_branches=False,
        steps=("sensitivity",), fork_at="entropy", interval=10,
    )  # fmt: skip
    done = run(study, terminal=Terminal())
    forks = pd.read_parquet(done.path / "tables" / "forks.parquet")
    assert (forks["p1_ahead"] <= forks["p1"] + 1e-9).all()
    assert (forks["p2_ahead"] <= forks["p2"] + 1e-9).all()
    assert (forks["p2_ahead"] > 0).all()
    assert forks["relative"].isna().all(), "no continuations, no unit for D"
    assert 0 in forks["t"].tolist(), "the least certain step is the first"


@pytest.mark.medium
def test_the_last_number_of_a_branch_that_was_cut_off_is_no_other_answer(tmp_path):
    study = little(
        tmp_path, n_problems=1, continuations=0, finish_branches=False, grader="number",
        steps=("sensitivity",),
    )  # fmt: skip
    forks = run(study, terminal=Terminal()).table("forks")
    assert not forks["finished"].all()
    assert forks.loc[~forks["finished"], "outcome_change"].isna().all()
    assert forks.loc[~forks["finished"], "answer"].notna().any(), "a number stood there"
