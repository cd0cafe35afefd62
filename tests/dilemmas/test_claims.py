"""What is claimed of components and of choices: ranks, flips, silence, directions, intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from microtome.lab.verdicts import judge
from microtome.statistics import mean
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.across import across_pairs
from microtome.studies.dilemmas.attribution import Attribution
from microtome.studies.dilemmas.both_ways import two_way_finding
from microtome.studies.dilemmas.choices import findings_of
from microtome.studies.dilemmas.consistency import consistency
from microtome.studies.dilemmas.design import unpaired
from microtome.studies.dilemmas.effects import peer_ranks, summarised, towards
from microtome.studies.dilemmas.flips import flip_finding
from microtome.studies.dilemmas.largest import largest
from microtome.studies.dilemmas.lens import findings_of as lens_findings
from microtome.studies.dilemmas.singles import pair_findings
from microtome.studies.dilemmas.suppression import pair_finding
from microtome.studies.dilemmas.targets import target_findings, targets
from microtome.studies.dilemmas.two_ways import TwoWay

STATES = ("CC", "CC", "CD", "DC", "DD")
HEADS = [f"L{i // 4}H{i % 4}" for i in range(20)]


def _study(**fields):
    return Dilemmas(**{"model": "specimen:world", "models": ("base", "PT2_COREDe"), **fields})


def _patches(effects, gap=4.0, baseline=-3.0, scenarios=5):
    """Patching results of `effects` [prompt, head] on prompts of equal gap, three a scenario."""
    rows = []
    for i, prompt in enumerate(effects):
        for head, change in zip(HEADS, prompt, strict=False):
            rows.append({
                "source": "PT2_COREDe", "target": "base", "scenario": f"s{i % scenarios}",
                "variant": i // scenarios, "component": head, "kind": "head", "layer": 0,
                "baseline_delta": baseline, "donor_delta": baseline + gap,
                "baseline_neither": 0.0, "donor_neither": 0.0,
                "patched_delta": baseline + change, "delta_change": change, "effect": change,
                "action_flipped": (baseline + change > 0) != (baseline > 0), "unrelated_rms": 0.5,
            })  # fmt: skip
    return pd.DataFrame(rows)


def everything(one):
    """The answer of a judged finding with all that it rests on."""
    evidence = one.finding.evidence
    return f"{one.answer} {evidence.detail} {evidence.control} {one.why}"


def _patching_texts(frame, study):
    summary = summarised(frame, study)
    (pair,) = across_pairs(frame, summary, study)
    judged = judge(pair_findings(pair, summary, study), study.at.alpha)
    return [everything(one) for one in judged], summary


def test_a_rank_claims_a_named_random_head_as_seldom_as_it_says():
    """20 i.i.d. heads in five scenarios: at most 16 of 200 (the 97.5 % point of 5 %)."""
    study, claimed = _study(named=("L2H1",)), 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        frame = _patches(rng.standard_t(3, size=(5, 20)))
        claimed += peer_ranks(towards(frame), study)["L2H1"]["p_rank"] <= study.at.alpha
    assert claimed <= 16


def test_random_heads_are_claimed_nowhere_and_unnamed_ones_have_no_rank():
    frame = _patches(np.random.default_rng(1).normal(size=(15, 20)))
    texts, summary = _patching_texts(frame, _study())
    assert all(row["p_rank"] is None and row["peers"] == 20 for row in summary)
    said = " ".join(texts)
    assert "which component changes Δ most is not shown" in said
    assert "cannot decide" in said
    assert "stand out" not in said
    assert "random ones" not in said


def test_a_rank_among_few_peers_says_that_it_decides_nothing():
    effects = np.random.default_rng(2).normal(size=(15, 8))
    effects[:, 3] += 9
    texts, _ = _patching_texts(_patches(effects), _study(named=("L0H3",)))
    (ranked,) = [text for text in texts if "named beforehand" in text]
    assert "ranks 1 of 8" in ranked
    assert "this design gives no p below 0.12" in ranked
    assert "is not shown to act unlike others" in ranked
    effects = np.random.default_rng(2).normal(size=(15, 20))
    effects[:, 3] += 9
    texts, _ = _patching_texts(_patches(effects), _study(named=("L0H3",)))
    (ranked,) = [text for text in texts if "named beforehand" in text]
    assert "towards the source, unlike others of its kind" in ranked


def test_a_rank_far_from_its_peers_is_claimed_only_farther_from_0_than_they_are():
    """Peers move Δ by 5, the named head by 1 (less than they), by 9, or by nothing."""
    for own, verdict in ((9.0, "supported"), (1.0, "not supported"), (0.0, "inconclusive")):
        effects = 5 + 0.2 * np.random.default_rng(0).normal(size=(24, 20))
        effects[:, 3] += own - 5
        frame, study = _patches(effects, scenarios=8), _study(named=("L0H3",))
        summary = summarised(frame, study)
        (pair,) = across_pairs(frame, summary, study)
        found = [f for f in pair_findings(pair, summary, study) if "named" in f.answer]
        (judged,) = judge(found)
        assert judged.verdict == verdict
        assert "of its kind by the distance of its effect from their median (+5.0" in (
            judged.finding.evidence.detail
        )
        (row,) = [row for row in summary if row["component"] == "L0H3"]
        assert row["p_rank"] == 1 / 20


@pytest.mark.parametrize(
    ("sign", "lean", "way"), [(1, "more", "towards"), (-1, "less", "away from")]
)
def test_gaps_and_ranks_are_said_on_the_side_where_they_lie(sign, lean, way):
    rng = np.random.default_rng(0)
    effects = 0.2 * rng.normal(size=(24, 20))
    effects[:, 3] += 9
    # `towards` counts in the direction of the gap: the same change leads away where it is negative.
    frame, study = _patches(effects, scenarios=8), _study(named=("L0H3",))
    frame["donor_delta"] = frame["baseline_delta"] + sign * (4 + 0.1 * rng.random(len(frame)))
    summary = summarised(frame, study)
    (pair,) = across_pairs(frame, summary, study)
    judged = judge(pair_findings(pair, summary, study))
    (gap,) = [one for one in judged if one.finding.about.endswith(", gap")]
    assert f"the source leans {lean} to defection" in gap.answer
    (rank,) = [one for one in judged if "named beforehand" in one.answer]
    assert f"moves Δ {way} the source, unlike others" in rank.answer


def test_the_largest_of_many_is_measured_where_it_was_not_chosen():
    """Of 30 equal columns the largest looks far from 0; its held-out size does not."""
    study, naive, covered = _study(resample="wordings"), 0, 0
    index = pd.MultiIndex.from_product([range(5), range(3)], names=["scenario", "variant"])
    for seed in range(60):
        values = np.random.default_rng(seed).normal(size=(15, 30))
        wide = pd.DataFrame(values, index=index, columns=[f"c{i}" for i in range(30)])
        t = np.abs(values.mean(0)).max() / (values.std(0, ddof=1) / np.sqrt(15)).mean()
        naive += t > stats.t.ppf(0.975, 14)
        covered += not largest(wide, study).size.excludes(0)
    assert naive > 40
    assert covered > 54


def test_a_planted_component_is_largest_in_both_halves():
    effects = np.random.default_rng(3).normal(size=(24, 20))
    effects[:, 7] -= 5
    frame = _patches(effects, scenarios=8)
    (text,) = [t for t in _patching_texts(frame, _study())[0] if "changes Δ most" in t]
    assert "L1H3 changes Δ most" in text
    assert "away from the source" in text
    assert "mean_is_0, max-T" in text
    (text,) = [
        t for t in _patching_texts(frame, _study(test="symmetric_about_0"))[0] if "most" in t
    ]
    assert "symmetric_about_0, max-T" in text


def _unshown():
    """Effects of which both halves choose L1H3 and max-T shows none (p = 0.25)."""
    effects = np.random.default_rng(5).normal(size=(24, 20))
    effects[:, 7] += 1
    return effects


def test_a_component_that_max_t_does_not_show_is_not_named():
    texts, _ = _patching_texts(_patches(_unshown(), scenarios=8), _study())
    said = " ".join(texts)
    assert "0 of 20 components have p < 0.05" in said
    assert "which component changes Δ most is not shown" in said
    assert "L1H3" not in said


def test_neither_weights_nor_contributions_are_named_against_their_test():
    frame = _patches(_unshown(), scenarios=8).assign(gap=2.0, alone=0.1)
    study = _study()
    weights = frame.assign(model="PT2_COREDe", without=frame["delta_change"])
    (found,) = target_findings(targets(weights, study), weights, study)
    (judged,) = judge([found], study.at.alpha)
    assert "which trained weights it needs most is not shown" in judged.answer
    assert "0 of 20 attentions and MLPs have p < 0.05" in found.evidence.detail
    assert "L1H3" not in judged.answer
    after = frame.assign(model="PT2_COREDe", contribution=frame["delta_change"])
    full = pd.concat([after, after.assign(model="base", contribution=0.0)])
    found = judge(Attribution().conclude(study, {"attribution_full": full}, {}).findings)
    (change,) = [everything(one) for one in found if one.answer.startswith("From Base")]
    assert "which head or MLP changes most is not shown" in change
    assert "0 of 20" in change
    assert "L1H3" not in change


def test_the_share_in_the_sentence_is_that_of_the_table():
    effects = np.random.default_rng(3).normal(size=(24, 20))
    effects[:, 7] -= 5
    effects[::8, 7] -= 1
    uneven = _patches(effects, scenarios=8).query("scenario != 's0' or variant == 0")
    for frame in (uneven, uneven.assign(donor_delta=-2.98)):
        texts, summary = _patching_texts(frame, _study())
        (share,) = [row["normalised"] for row in summary if row["component"] == "L1H3"]
        (text,) = [text for text in texts if "L1H3 changes Δ most" in text]
        if share is None:
            assert "of the gaps" not in text
        else:
            assert f"{abs(share):.0%} of the gaps" in text
    assert share is None, "gaps of 0.02 logits are too small to divide by"


def _one_decides(resample):
    """29 changes from Base of −1 or so and one of −1.9, which decides the interval."""
    rng = np.random.default_rng(0)
    effects = np.c_[-1 - 0.05 * rng.random(30), 0.01 * rng.normal(size=30)]
    effects[11, 0] = -1.9
    frame = _patches(effects, scenarios=5 if resample == "wordings" else 30)
    after = frame.assign(model="PT2_COREDe", contribution=frame["delta_change"])
    full = pd.concat([after, after.assign(model="base", contribution=0.0)])
    study = _study(resample=resample, test="symmetric_about_0")
    found = judge(Attribution().conclude(study, {"attribution_full": full}, {}).findings)
    (change,) = [one for one in found if one.answer.startswith("From Base")]
    (writes,) = [one for one in found if "L0H0 writes most" in one.answer]
    return change, writes


def test_an_interval_has_the_sign_of_the_value_printed():
    for resample, who in (("wordings", "s1, variant 2"), ("scenarios", "s11")):
        change, writes = _one_decides(resample)
        assert "L0H0 changes most: -1.0" in change.answer
        assert "L0H0 writes most, for cooperation: 1.0" in writes.answer
        for one in (change, writes):
            own = one.finding.evidence
            assert f"interval {own.low:+.2f} to {own.high:+.2f}" in own.detail
            assert own.low < own.value < own.high < 0
            assert f"without {who} it is -1." in own.detail


def test_an_effect_that_unrelated_tokens_share_is_said_to_be_unspecific():
    effects = np.random.default_rng(3).normal(size=(24, 20))
    effects[:, 7] -= 5
    frame = _patches(effects, scenarios=8)
    study = _study(named=("L1H3",))
    assert "not specific" not in " ".join(_patching_texts(frame, study)[0])
    texts, _ = _patching_texts(frame.assign(unrelated_rms=7.0), study)
    assert sum("not specific to the two answers" in text for text in texts) == 2
    assert sum("the control shows an effect where there is none" in text for text in texts) == 2
    assert "away from the source" not in " ".join(texts)


def test_a_scenario_is_flipped_by_more_than_half_of_its_wordings_that_count():
    study = _study()
    effects = np.zeros((12, 20))
    effects[[0, 2, 1, 3, 4], 5] = 4.0  # scenario 0: wordings 0-2 of six, 1: wordings 0 and 1
    frame = _patches(effects, scenarios=2)
    row = next(r for r in consistency(frame, study) if r["component"] == HEADS[5])
    assert (row["prompts_flipped"], row["n_prompts"]) == (5, 12)
    assert (row["scenarios_flipped"], row["n_scenarios"]) == (0, 2), "3 and 2 of 6 are no more"
    assert row["consistency"] == 0
    frame.loc[(frame["scenario"] == "s0") & (frame["variant"] == 5), "baseline_delta"] = -0.01
    row = next(r for r in consistency(frame, study) if r["component"] == HEADS[5])
    assert (row["scenarios_flipped"], row["n_scenarios"]) == (1, 2), "3 of the 5 that count"
    assert row["consistency"] == 0.5
    assert (row["n_prompts"], row["n_anywhere"]) == (11, 12)
    near = consistency(_patches(effects, baseline=-0.01), study)
    none = next(r for r in near if r["component"] == HEADS[5])
    assert (none["prompts_flipped"], none["flipped_anywhere"], none["n_anywhere"]) == (0, 5, 12)
    assert (none["n_scenarios"], none["consistency"]) == (0, None)


def test_flips_of_the_greedy_search_count_where_there_was_a_side():
    rows = pd.DataFrame(
        [("a", 1, -2.0, True, 2), ("a", 2, -0.05, True, 1), ("b", 1, 0.02, False, 10)],
        columns=["scenario", "variant", "baseline_delta", "flipped", "rank"],
    ).assign(pair="A → B", donor_delta=1.0, baseline_neither=0.0)
    found = flip_finding(rows, _study())
    assert found.evidence.value == 1
    assert "on 1 of 1 prompts" in found.answer
    assert "prompts with |Δ| of 0.1 or more" in found.evidence.detail
    assert "Of the 2 prompts nearer to 0, 1 flip" in found.evidence.detail


def _choices(p_defect, model="base", p_neither=0.0):
    """Behaviour of one model, wordings "scenario wording"."""
    return pd.DataFrame([
        {"model": model, "scenario": f"s{i}", "variant": j, "state": STATES[i], "p_defect": p,
         "p_cooperate": 1 - p - p_neither, "p_neither": p_neither}
        for i, own in enumerate(p_defect) for j, p in enumerate(own)
    ])  # fmt: skip


def test_a_silent_model_is_not_narrated():
    frame = _choices(np.full((5, 3), 0.001), p_neither=0.99)
    (only,) = findings_of(frame, "base", _study())
    assert "gives neither answer: P(neither) is 0.99" in only.answer
    assert "defects" not in only.answer
    tuned = _choices(np.full((5, 3), 0.9), model="PT2_COREDe")
    both = findings_of(pd.concat([frame, tuned]), "PT2_COREDe", _study())
    assert not any("Base" in f.answer for f in both), "a silent Base is no comparison"
    talks = findings_of(frame, "base", _study(silent_above=0.995))
    assert "defects with probability" in talks[0].answer


def test_the_lens_does_not_narrate_silence_or_a_lean_across_0():
    study = _study()
    deltas = np.array([[-1.0, 2.0, -0.5, 1.5, -1.2]]).repeat(3, 0).T
    frame = pd.DataFrame([
        {"scenario": f"s{i}", "variant": j, "final_delta": d + j / 10, "final_action": "defect",
         "p_neither": 0.0}
        for i, own in enumerate(deltas) for j, d in enumerate(own)
    ])  # fmt: skip
    frame = frame.assign(settles_at=3)
    assert "without a lean" in _lean(frame, study).answer
    clear = frame.assign(final_delta=frame["final_delta"] + 9)
    assert "leaning to defection" in _lean(clear, study).answer
    assert (
        "leaning to cooperation"
        in _lean(clear.assign(final_delta=-9 + frame["final_delta"]), study).answer
    )
    silent = _lean(clear.assign(p_neither=0.9), study)
    assert "neither" in silent.answer
    assert silent.verdict is None


def _lean(frame, study):
    (found,) = [f for f in lens_findings(frame, "Base", 6, study) if f.evidence.unit != "layer"]
    (judged,) = judge([found], study.at.alpha)
    return judged


def _after(found):
    (one,) = [one for one in judge(found) if "after the opponent defected" in one.answer]
    return everything(one)


def test_no_direction_is_stated_where_the_interval_holds_0():
    """Scenarios after CD and DD differ by more than the states do."""
    own = np.array([0.2, 0.3, 0.1, 0.25, 0.9])[:, None] + np.array([-0.01, 0, 0.01])
    text = _after(findings_of(_choices(own), "base", _study()))
    assert "is not shown to defect more or less" in text
    assert "defects more" not in text
    assert "This rests on 2 against 3 scenarios" in text
    own = np.array([0.02, 0.03, 0.96, 0.02, 0.97])[:, None] + np.array([-0.01, 0, 0.01])
    assert "defects more after" in _after(findings_of(_choices(own), "base", _study()))


def test_after_defection_scenarios_are_resampled_and_not_wordings():
    """Two scenarios against three that differ among themselves: coverage of the true 0."""
    rng, study, welch, ours, n = np.random.default_rng(0), _study(), 0, 0, 300
    for _ in range(n):
        centres = rng.beta(2, 2, 5)
        spread = np.clip(centres[:, None] + 0.02 * rng.normal(size=(5, 6)), 0, 1)
        frame = _choices(spread)
        after = [frame[frame["state"].str[1] == move] for move in "DC"]
        found = unpaired(*after, "p_defect", study)
        ours += not found.excludes(0)
        sides = [part["p_defect"] for part in after]
        ends = stats.ttest_ind(*sides, equal_var=False).confidence_interval(0.95)
        welch += ends.low <= 0 <= ends.high
    assert welch / n < 0.7
    assert ours / n > 0.95


def test_other_wordings_of_these_scenarios_are_resampled_within_them():
    """Scenarios 0.5 apart, wordings 0.02: the interval is that of the wordings, and covers."""
    rng, covered, widths = np.random.default_rng(5), 0, []
    study, n = _study(resample="wordings"), 200
    centres = np.array([0.1, 0.3, 0.9, 0.2, 0.7])
    for _ in range(n):
        frame = _choices(centres[:, None] + rng.uniform(-0.04, 0.04, (5, 6)))
        after = [frame[frame["state"].str[1] == move] for move in "DC"]
        found = unpaired(*after, "p_defect", study)
        covered += found.low <= 0.6 <= found.high
        widths.append(found.high - found.low)
    assert covered / n >= 0.93
    # Two scenarios of six wordings against three: sd .023 each.
    honest = 2 * 2.1 * 0.0231 * np.sqrt(1 / 12 + 1 / 18)
    assert np.median(widths) < 2 * honest


def test_no_flip_and_no_difference_is_counted_where_a_model_gives_neither_answer():
    effects = np.zeros((12, 20))
    effects[:, 5] = 4.0
    frame, study = _patches(effects, scenarios=4), _study()
    texts = " ".join(_patching_texts(frame, study)[0])
    assert "1 flip the action" in texts
    assert "Their answers differ on 12" in texts

    first = frame["variant"] == 0
    some = frame.assign(baseline_neither=np.where(first, 0.9, 0.0))
    texts = " ".join(_patching_texts(some, study)[0])
    assert "Their answers differ on 8 where" in texts
    assert "On 4 of 12 prompts P(neither answer) exceeds 0.5; no answer is counted there." in texts
    row = next(r for r in consistency(some, study) if r["component"] == HEADS[5])
    assert (row["prompts_flipped"], row["n_prompts"], row["n_anywhere"]) == (8, 8, 12)

    donor = " ".join(_patching_texts(frame.assign(donor_neither=0.9), study)[0])
    assert "their answers are not compared" in donor
    assert "Their answers differ" not in donor
    assert "1 flip the action" in donor, "the receiver does answer"
    silent = " ".join(_patching_texts(frame.assign(baseline_neither=0.9), study)[0])
    assert "flip the action" not in silent
    assert "no flip is counted" in silent
    talks = _study(silent_above=0.95)
    assert "1 flip the action" in " ".join(
        _patching_texts(frame.assign(baseline_neither=0.9), talks)[0]
    )


def test_two_ways_and_suppression_say_what_unrelated_tokens_share():
    way = {
        "first": "base", "second": "PT2_COREDe", "first_into_second": 2.0, "second_into_first": 1.5,
        "p_both": 0.01, "distinguishes": True, "component": "L0H0",
    }  # fmt: skip
    study = _study()
    best = TwoWay(mean(np.linspace(1.4, 1.6, 12), at=study.at), ("L0H0", "L0H0"), 0.001)
    own, shared = (
        judge([two_way_finding([{**way, "unrelated_rms": rms}], best, study)])[0]
        for rms in (0.3, 1.6)
    )
    assert "specific" not in own.finding.evidence.detail
    assert own.verdict == "supported"
    assert "L0H0 moves Δ towards its owner both ways between Base and Strategic" in own.answer
    assert shared.verdict == "control failed"
    far = two_way_finding([{**way, "unrelated_rms": 0.3, "p_both": 0.3}], best, study)
    assert (far.claim.p, judge([far])[0].verdict) == (0.3, "not supported"), "max-T shows nothing"
    due = "Swapping 1 of these moves unrelated tokens apart as much or more"
    assert due in shared.finding.evidence.detail
    row = {
        "pair": "A → B", "kind": "head", "suppressed": True, "restores": True, "claimed": True,
        "test": "mean_is_0", "mean_delta_change": 1.0,
    }  # fmt: skip
    own, shared = (
        pair_finding(pd.DataFrame([{**row, "unrelated_rms": rms}]), None, study, "")
        for rms in (0.3, 1.2)
    )
    assert "specific" not in own.evidence.detail
    due = "Swapping 1 of these back moves unrelated tokens"
    assert due in shared.evidence.detail
    assert judge([shared])[0].verdict == "inconclusive", "no half of its own to choose on"
