"""Forks: equal to full passes, ties, re-joins, and the token that chooses a method."""

import itertools

import pytest
import torch

import microtome as mt
from microtome.errors import InputError, PromptError
from microtome.methods.branching import (
    Rejoin,
    branch_points,
    choices,
    fork,
    greedy,
    rejoin,
    top_two,
)

FAMILIES = ("gemma2", "gpt2", "llama", "qwen3", "gpt_neox")
PROMPT = "what comes next: "
STRIDE, SPAN, LIMIT = 3, 9, 20


@pytest.fixture(scope="module")
def model(checkpoint):
    return mt.load(str(checkpoint("gemma2")))


@pytest.fixture(scope="module")
def baseline(model):
    return greedy(model, PROMPT, stride=STRIDE, span=SPAN, limit=LIMIT)


def by_full_passes(model, ids, count):
    """Greedy tokens, one whole pass each, and the choice made at every step."""
    ids, made = list(ids), []
    for _ in range(count):
        (one,) = choices(model.run([ids], logits="last").final_logits)
        made.append(one)
        if one.ids[0] == 2:
            break
        ids.append(one.ids[0])
    return ids, made


def pooled(model, ids, start, span):
    """z of ids[start:start + span] from one whole pass, "layer d_model"."""
    run = model.run([ids], read=mt.resid_post[:])
    members = range(start + STRIDE - 1, min(start + span, len(ids)), STRIDE)
    return run[mt.resid_post[:]][:, 0, list(members)].mean(1)


@pytest.mark.parametrize(
    "family", [pytest.param(f, marks=() if f == "gemma2" else pytest.mark.medium) for f in FAMILIES]
)
def test_branches_are_those_of_full_passes(checkpoint, family):
    model = mt.load(str(checkpoint(family)))
    base = greedy(model, PROMPT, stride=STRIDE, span=SPAN, limit=LIMIT)
    ids, made = by_full_passes(model, base.prompt_ids, LIMIT + SPAN)
    assert [*base.prompt_ids, *base.ids] == ids
    for mine, theirs in zip(base.choices, made, strict=False):
        assert mine.ids == theirs.ids
        assert mine.entropy == pytest.approx(theirs.entropy, abs=1e-5)
        assert mine.logits == pytest.approx(theirs.logits, abs=1e-4)
    points = branch_points(base, 5)
    for one in fork(base, points, finish=False):
        prefix = [*base.before(one.step), base.choices[one.step].ids[1]]
        whole, _ = by_full_passes(model, prefix, SPAN - 1)
        start = len(prefix) - 1
        assert list(one.branch) == whole[start:]
        if one.divergence is None:
            assert len(one.branch) < STRIDE
            continue
        apart = pooled(model, ids, start, SPAN) - pooled(model, whole, start, SPAN)
        assert torch.allclose(one.divergence, apart.norm(dim=-1), rtol=1e-3, atol=1e-4)


def test_a_stride_of_one_or_of_the_whole_span_averages_every_or_one_state(model):
    """z of a step is the mean of its `span` states, or the last of them alone."""
    ids = greedy(model, PROMPT, stride=1, span=SPAN, limit=LIMIT)
    start = len(ids.prompt_ids)
    states = model.run([[*ids.prompt_ids, *ids.ids]], read=mt.resid_post[:])[mt.resid_post[:]][:, 0]
    assert torch.allclose(ids.latent(2), states[:, start + 2 : start + 2 + SPAN].mean(1), atol=1e-4)
    once = greedy(model, PROMPT, stride=SPAN, span=SPAN, limit=LIMIT)
    assert torch.allclose(once.latent(2), states[:, start + 1 + SPAN], atol=1e-4)


def test_forcing_the_token_that_greedy_takes_changes_nothing(baseline):
    points = branch_points(baseline, 4)
    same = fork(baseline, points, tokens=[baseline.ids[t] for t in points])
    other = fork(baseline, points)
    assert max(one.scaled for one in same) < 1e-5
    for one in same:
        rest = baseline.ids[one.step :]
        assert one.branch[: len(rest)] == rest
    assert min(one.scaled for one in other if one.scaled is not None) > 1e-2, "the control moves"


def test_spread_is_the_pair_s_term_of_the_total_variance(baseline):
    one = fork(baseline, [0])[0]
    p, q = one.choice.probabilities
    here, there = baseline.latent(0), baseline.latent(0) + one.divergence[:, None]
    mean = (p * here + q * there) / (p + q)
    between = (p * (here - mean) ** 2 + q * (there - mean) ** 2).sum(-1)
    per_layer = (p * q / (p + q) * (here - there).pow(2).sum(-1)) ** 0.5
    assert torch.allclose(between.sqrt(), per_layer, rtol=1e-4), "Σ p_i p_j d² over p1 + p2"
    assert one.spread == pytest.approx((p * q) ** 0.5 * one.scaled)


def test_relative_distance_is_over_the_noise_and_needs_some(baseline):
    one = fork(baseline, [0], continuations=3)[0]
    assert one.relative == pytest.approx(float((one.divergence / one.noise).mean()))
    assert fork(baseline, [0])[0].relative is None, "no continuations, no noise"


def test_samples_of_one_prefix_do_not_depend_on_the_other_points(baseline):
    alone = fork(baseline, [6], continuations=3)[0].noise
    among = fork(baseline, [0, 3, 6], continuations=3, batch=2)[2].noise
    assert torch.allclose(alone, among, rtol=1e-4)


def test_a_tie_goes_to_the_lower_id_and_the_difference_is_never_negative():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 50, generator=generator).round()
    for row, ids, one in zip(logits, top_two(logits).tolist(), choices(logits), strict=True):
        best = sorted(range(50), key=lambda i: (-float(row[i]), i))[:2]
        assert ids == best == list(one.ids)
        assert one.logit_difference >= 0
        assert one.probabilities[0] >= one.probabilities[1]
    tied = torch.zeros(1, 7)
    assert choices(tied)[0].ids == (0, 1)
    assert choices(tied)[0].logit_difference == 0
    assert choices(tied)[0].entropy == pytest.approx(torch.tensor(7.0).log().item())


def test_points_are_every_k_or_the_least_certain(baseline):
    every = branch_points(baseline, 4)
    assert every == tuple(range(0, LIMIT, 4))
    unsure = branch_points(baseline, 4, "entropy")
    assert len(unsure) == len(every)
    rest = set(range(LIMIT)) - set(unsure)
    entropy = [one.entropy for one in baseline.choices]
    assert min(entropy[t] for t in unsure) >= max(entropy[t] for t in rest)
    floor = sorted(entropy[t] for t in unsure)[-2]
    assert len(branch_points(baseline, 4, "entropy", floor)) == 2


def test_a_planted_rejoin_is_found_at_every_step_and_offset():
    generator = torch.Generator().manual_seed(1)
    text = torch.randperm(1000, generator=generator)[:40].tolist()
    for step, offset in itertools.product((1, 3, 8), (-2, 0, 5)):
        if step + offset < 1:
            continue
        detour = list(range(2000, 2000 + step))
        branch = [*detour, *text[step + offset :]]
        assert rejoin(branch, True, text, True) == Rejoin(step, offset)
    inserted = rejoin([2000, *text], True, text, True)
    assert inserted == Rejoin(2, -1), "token 0 of the baseline is where the two part"
    assert rejoin(list(range(2000, 2040)), True, text, True) is None
    assert rejoin([2000, *text[-3:]], True, text, True) == Rejoin(1, 36), "three tokens and the end"
    assert rejoin([2000, *text[-3:]], False, text, True) is None, "cut off: three are too few"
    assert rejoin([2000, *text[1:20]], True, text, True) is None, (
        "it ends where the baseline goes on"
    )


def test_what_cannot_be_done_is_one_sentence(model, baseline):
    with pytest.raises(InputError, match="stride from 1 to 9"):
        greedy(model, PROMPT, stride=10, span=9, limit=20)
    with pytest.raises(InputError, match="interval of 0"):
        branch_points(baseline, 0)
    with pytest.raises(PromptError, match="context of 64"):
        greedy(model, PROMPT, stride=3, span=9, limit=600)
    assert fork(baseline, []) == []


@pytest.fixture(scope="module")
def solved():
    """The specimen, and its greedy solutions of held-out problems with their forks."""
    from microtome.studies.sampling.problems import TEMPLATE, specimen_problems

    model = mt.load("specimen:world", dtype="float32")
    found = []
    for problem in specimen_problems(3):
        base = greedy(model, problem.prompt(TEMPLATE), stride=4, span=24, limit=64)
        found.append((problem, base, fork(base, branch_points(base, 2), finish=False)))
    return found


@pytest.mark.medium
def test_spread_finds_a_choice_and_plain_distance_does_not(solved):
    """The second token of the top fork leads to another method, or slips to another answer."""
    from microtome.studies.sampling.problems import read

    assert len(solved) == 3
    leads = []
    for problem, base, forks in solved:
        known = [one for one in forks if one.scaled is not None]
        top = max(known, key=lambda one: one.spread)
        (whole,) = fork(base, [top.step])
        ids = [base.ids, (*base.ids[: top.step], *whole.branch)]
        own, other = (read(base.model.tokenizer.decode(list(one)), problem) for one in ids)
        assert other.method is not None, "still a solution of the problem"
        leads.append((own.method, own.answer) != (other.method, other.answer))
        wrecked = max(known, key=lambda one: one.scaled)
        assert wrecked.choice.probabilities[1] < 0.01 < top.choice.probabilities[1]
    assert sum(leads) >= 2


@pytest.mark.medium
def test_where_samples_all_agree_there_is_no_relative_distance(solved):
    """Of the first token, a choice of method, and the first from which on nothing is one."""
    _, base, _ = solved[0]
    sure = [one.probabilities[0] > 0.999 for one in base.choices[: len(base.ids)]]
    last = next(t for t in range(len(sure)) if all(sure[t:]))
    assert len(sure) - last > 8
    start, end = fork(base, [0, last], continuations=4, finish=False)
    assert start.relative > 0
    assert end.relative is None
    assert end.noise.max() < 1e-3 * end.size.min() < end.divergence.min()


@pytest.mark.medium
def test_the_top_fork_need_not_be_the_first_token():
    """After "In this round" the specimen's words are fixed but for a few known choices."""
    model = mt.load("specimen:world", dtype="float32")
    ids = model.tokenize("You cooperated by playing action1. In").ids[0].tolist()
    base = greedy(model, ids, stride=2, span=16, limit=12)
    forks = fork(base, branch_points(base, 1), finish=False)
    top = max(forks, key=lambda one: one.spread)
    assert base.choices[0].probabilities[0] > 0.99, "the first token is no choice"
    assert top.step > 0
    assert top.choice.probabilities[1] > 0.1
