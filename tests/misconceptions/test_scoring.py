"""Answers and activations agree with plain transformers, and edits do what they say."""

import numpy as np
import pytest
import torch

from microtome.dictionaries.random import random_dictionary
from microtome.model.site import resid_post
from microtome.studies.misconceptions.ablating import Ablation, scored_without
from microtome.studies.misconceptions.codes import Codes
from microtome.studies.misconceptions.material import of_role, pairs_of
from microtome.studies.misconceptions.pairs import Prompt
from microtome.studies.misconceptions.reading import how_of, read_codes, readings
from microtome.studies.misconceptions.scoring import greedy, rows_of, score

LAYER = 0


@pytest.fixture(scope="module")
def prompts(small):
    return [p for pair in pairs_of(small)[:4] for p in pair.members]


def log_p(model, prompt: str, answer: str) -> float:
    """Σ log p of the answer's tokens by one plain forward pass."""
    n = len(model.tokenizer(prompt)["input_ids"])
    ids = torch.tensor([model.tokenizer(prompt + answer)["input_ids"]])
    with torch.no_grad():
        table = model.hf(ids).logits[0].double().log_softmax(-1)
    return sum(float(table[i - 1, ids[0, i]]) for i in range(n, ids.shape[1]))


def long(prompt: Prompt) -> Prompt:
    return Prompt(
        prompt.id, prompt.pair_id, prompt.label, "d", prompt.prompt, " zero. Its velocity is",
        " the direction of the north",
    )  # fmt: skip


def test_scores_equal_plain_forward_passes(world, prompts):
    mixed = [*prompts, *map(long, prompts)]
    found = score(world, rows_of(world, mixed), max_rows=5).numpy()
    due = [[log_p(world, p.prompt, a) for a in (p.correct, p.misconception)] for p in mixed]
    assert np.allclose(found, due, atol=1e-4)


def test_greedy_equals_generate(world, prompts):
    told = greedy(world, [p.prompt for p in prompts], 6, 50, max_rows=3)
    for prompt, own in zip(prompts, told, strict=True):
        ids = world.tokenizer(prompt.prompt, return_tensors="pt")["input_ids"]
        out = world.hf.generate(ids, max_new_tokens=6, do_sample=False)[0, ids.shape[1] :]
        assert list(own.tokens) == out.tolist()
        assert own.top_ids.shape == (len(own.tokens), 50)
        assert own.top_ids[:, 0].tolist() == list(own.tokens)
        assert (own.top_logits.diff(dim=1) <= 0).all()


def test_codes_are_the_dictionarys_own(world, prompts, small):
    dictionary = random_dictionary(128, resid_post[LAYER])
    pairs = pairs_of(small)[:4]
    read = readings(world, pairs, "last")
    own = read_codes(world, read, {LAYER: dictionary}, max_rows=3)[LAYER]
    values = own.pooled(read)
    for row, prompt in zip(values, prompts, strict=True):
        run = world.run(prompt.prompt, read=resid_post[LAYER])
        due = dictionary.encode(run.last(resid_post[LAYER]))[0].numpy()
        assert np.allclose(row, due, atol=1e-3)
    assert own.fit.fvu < 1e-6, "random directions with both signs are complete"


def test_pairs_of_one_prompt_differ_nowhere_but_on_their_answers(world, small):
    shared = pairs_of(small.model_copy(update={"prompts": "shared", "generated": 0}))[:3]
    dictionary = {LAYER: random_dictionary(128, resid_post[LAYER])}
    assert {how_of(pair, "last") for pair in shared} == {"answer"}
    read = readings(world, shared, "last")
    own = read_codes(world, read, dictionary, 16)[LAYER]
    values = own.pooled(read)
    assert (np.abs(values[::2] - values[1::2]).max(1) > 0.1).all()
    dense = own.codes.dense(own.d_dict)
    n = len(read[0].ids)
    assert len(read[1].ids) == n
    before, after = dense[:n], dense[n : 2 * n]
    assert np.allclose(before[: read[0].n_prompt], after[: read[0].n_prompt], atol=1e-4)


def ablation(dictionary, mode="zero", positions="all"):
    pool = Codes.of(np.full((3, dictionary.d_dict), 0.7, dtype=np.float32))
    return Ablation(dictionary, mode, positions, pool, seed=1)


def test_without_what_never_fires_nothing_changes_at_all(world, prompts, planted):
    rows = rows_of(world, prompts)
    plain = score(world, rows, 16).numpy()
    silent = planted.sae.d_dict - 1
    without = scored_without(world, rows, ablation(planted.sae), [silent], 16)
    assert np.array_equal(plain, without)


@pytest.mark.parametrize("positions", ["all", "last"])
def test_mean_and_resample_of_a_constant_pool_are_that_clamp(world, prompts, planted, positions):
    mixed = [prompts[0], long(prompts[1])]
    mean, drawn = (
        scored_without(
            world, rows_of(world, mixed), ablation(planted.sae, mode, positions), [0, 5], 16
        )
        for mode in ("mean", "resample")
    )
    assert np.allclose(mean, drawn, atol=1e-4)
    for prompt, own in zip(mixed, mean, strict=True):
        whole = world.tokenizer(prompt.prompt + prompt.correct)["input_ids"]
        n = len(world.tokenizer(prompt.prompt)["input_ids"])
        at = None if positions == "all" else (n - 1,)
        edit = planted.sae.clamp([0, 5], [0.7, 0.7], positions=at)
        table = world.run([whole[:-1]], write=edit).logits[0].double().log_softmax(-1)
        due = sum(float(table[i - 1, whole[i]]) for i in range(n, len(whole)))
        assert own[0] == pytest.approx(due, abs=1e-4)


def test_the_planted_voice_is_found_and_taking_it_out_moves_the_answer(world, small, planted):
    from microtome.studies.misconceptions.layer import layer_product, prepare
    from microtome.studies.misconceptions.warm import Warm

    pairs = [pair for role in ("select", "test") for pair in of_role(pairs_of(small), role)]
    layer = prepare(LAYER, pairs, Warm(world, {LAYER: planted.sae}), small)
    assert [f.number for f in layer.found.strongest(LAYER, 1, 1)] == [planted.textbook]
    assert [f.number for f in layer.found.strongest(LAYER, -1, 1)] == [planted.misconception]
    product = layer_product(layer)
    results, controls = product.tables["ablate_results"], product.tables["ablate_controls"]
    for row in results[:3]:
        baseline, ablated = (
            row[f"{what}_correct"] - row[f"{what}_misconception"]
            for what in ("baseline", "ablated")
        )
        assert row["change"] == pytest.approx(ablated - baseline)
    # Without a voice the specimen is right, so it is the misconception's flag that is there to go.
    change = [r["change"] for r in results if r["headline"] and r["side"] == "misconception"]
    random = [r["mean_change"] for r in controls if r["side"] == "misconception"]
    assert len(random) == 199
    assert np.mean(change) > max(random) + 1
    assert len({audit.name for audit in product.audits}) == 4
    assert all(audit.passed for audit in product.audits)


def test_a_feature_of_the_users_is_ablated_on_every_prompt(world, small, planted):
    from microtome.studies.misconceptions.layer import layer_product, prepare
    from microtome.studies.misconceptions.warm import Warm

    pairs = of_role(pairs_of(small), "select")[:8]
    study = small.model_copy(update={"layer": LAYER, "feature": planted.misconception})
    product = layer_product(prepare(LAYER, pairs, Warm(world, {LAYER: planted.sae}), study))
    results = product.tables["ablate_results"]
    assert [r["id"] for r in results] == [p.id for pair in pairs for p in pair.members]
    assert {(r["side"], r["features"], r["headline"]) for r in results} == {
        ("misconception", str(planted.misconception), True)
    }
    mistaken = [r["change"] for r in results if r["label"] == "misconception"]
    assert np.mean(mistaken) > 1
    (row,) = product.tables["ablate_features"]
    assert row["injected_low"] <= row["injected"] <= row["injected_high"]
