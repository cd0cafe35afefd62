"""The planted models do what their truth says; their truth is checked by an independent loop."""

import pytest
import torch
from sklearn.metrics import roc_auc_score
from transformers import AutoModelForCausalLM, AutoTokenizer, Gemma2ForCausalLM, GPT2LMHeadModel

from microtome.errors import ConfigError
from microtome.specimens.planted import CORRUPTIONS, Planted, PlantedPair
from tests.planted_loop import (
    ARCHITECTURES,
    EVERY,
    answer_ids,
    change,
    claimed,
    exact_effects,
    ids,
    last_logits,
    outputs,
    restored,
    tapped,
)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_seed_makes_the_model(architecture: str) -> None:
    state = Planted(architecture, seed=5).model.state_dict()
    again = Planted(architecture, seed=5).model.state_dict()
    other = Planted(architecture, seed=6).model.state_dict()
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert not any(torch.equal(v, other[k]) for k, v in state.items() if v.any())


def test_building_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    Planted("gpt2", seed=9).model  # noqa: B018
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("architecture", "beta", "gate"), EVERY)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_solves_every_prompt_clean_or_corrupt(
    architecture: str, beta: float, gate: bool, seed: int
) -> None:
    planted = Planted(architecture, beta=beta, or_gate=gate, seed=seed)
    for corruption in CORRUPTIONS:
        pairs = planted.prompts(128, corruption, seed=11)
        answer, other = answer_ids(planted, pairs)
        for texts, right in (
            ([p.clean for p in pairs], answer),
            ([p.corrupt for p in pairs], other),
        ):
            best = last_logits(planted, texts).topk(2)
            assert torch.equal(best.indices[:, 0], right)
            assert (best.values[:, 0] - best.values[:, 1]).min() > 4.0


@pytest.mark.parametrize(
    ("architecture", "kind"), [("gpt2", GPT2LMHeadModel), ("gemma2", Gemma2ForCausalLM)]
)
def test_a_saved_folder_opens_as_a_stock_checkpoint(tmp_path, architecture, kind) -> None:
    planted = Planted(architecture, seed=4)
    folder = planted.save(tmp_path / "planted")
    model, tokenizer = (c.from_pretrained(folder) for c in (AutoModelForCausalLM, AutoTokenizer))
    assert type(model) is kind
    pair = planted.prompts(1, "keys")[0]
    read = tokenizer(pair.clean, return_tensors="pt").input_ids
    assert tokenizer.convert_ids_to_tokens(read[0]) == ["<bos>", *pair.clean.split()]
    with torch.no_grad():
        logits = model(read).logits[:, -1]
    assert torch.equal(logits, last_logits(planted, [pair.clean]))
    assert tokenizer.decode(logits.argmax(-1)).strip() == pair.answer.strip()


def test_pairs_differ_in_the_tokens_that_the_corruption_names() -> None:
    planted = Planted()
    by_kind = {c: planted.prompts(50, c, seed=2) for c in CORRUPTIONS}
    for keys, queries, values in zip(*by_kind.values(), strict=True):
        assert keys.clean == queries.clean == values.clean
        assert keys.answer == queries.answer == values.answer != keys.other
        for pair, places in ((keys, {0, 2, 4, 6}), (queries, {8}), (values, {1, 3, 5, 7})):
            clean, corrupt = pair.clean.split(), pair.corrupt.split()
            differ = {i for i, (a, b) in enumerate(zip(clean, corrupt, strict=True)) if a != b}
            assert differ <= places
            assert len(differ) == (1 if pair is queries else 2)
    for pair in (*by_kind["keys"], *by_kind["queries"], *by_kind["values"]):
        for text, answer in ((pair.clean, pair.answer), (pair.corrupt, pair.other)):
            words = text.split()
            value = words[words.index(words[-1]) + 1]
            assert answer == f" v{planted.answers[int(value[1:])]}"


def test_the_control_permutes_only_the_answers_compared() -> None:
    planted = Planted()
    assert sorted(planted.control) == sorted(planted.answers)
    assert not (planted.control == planted.answers).any()
    for pair, control in zip(
        planted.prompts(50, "keys"), planted.prompts(50, "keys", permuted=True), strict=True
    ):
        assert (pair.clean, pair.corrupt) == (control.clean, control.corrupt)
        assert len({pair.answer, pair.other, control.answer, control.other}) == 4


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("beta", [3.0, 8.0, 20.0])
def test_heads_attend_as_designed(architecture: str, beta: float) -> None:
    planted = Planted(architecture, beta=beta)
    planted.model.set_attn_implementation("eager")
    texts = [p.clean for p in planted.prompts(64, "keys")]
    with torch.no_grad():
        patterns = planted.model(ids(planted, texts), output_attentions=True).attentions
    back = patterns[0][:, 0].diagonal(offset=-1, dim1=1, dim2=2)
    assert back.min() > 0.99
    match = torch.tensor([t.split().index(t.split()[-1]) + 2 for t in texts])
    last = patterns[1][:, 0, -1]
    assert torch.equal(last.argmax(-1), match)
    rest = last.scatter(1, match[:, None], 0.0)
    nats = (last.gather(1, match[:, None])[:, 0].log() - (rest.sum(-1) / 9).log()).mean()
    assert abs(nats - beta) < 0.2 * beta
    for layer in (0, 1):  # the decoys share the pattern
        torch.testing.assert_close(patterns[layer][:, 0], patterns[layer][:, 1])


@pytest.mark.medium
@pytest.mark.parametrize(("architecture", "beta", "gate"), EVERY)
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_exact_patching_finds_the_truth_and_nothing_else(
    architecture: str, beta: float, gate: bool, corruption: str
) -> None:
    planted = Planted(architecture, beta=beta, or_gate=gate)
    pairs = planted.prompts(48, corruption, seed=1)
    effects, whole = exact_effects(planted, pairs)
    share = dict(zip(planted.nodes, effects.mean(1) / whole, strict=True))
    truth = planted.truth(corruption)
    scores = [abs(share[node]) for node in planted.nodes]
    assert roc_auc_score([node in truth for node in planted.nodes], scores) == 1.0
    for node in planted.nodes:
        expected = 0.0 if node not in truth else 0.5 if gate and "H" in node else 1.0
        assert share[node] == pytest.approx(expected, abs=0.03)
    assert claimed(planted, effects, pairs) == truth


@pytest.mark.medium
@pytest.mark.parametrize(("architecture", "beta", "gate"), EVERY)
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_nothing_is_claimed_where_the_metric_is_permuted(
    architecture: str, beta: float, gate: bool, corruption: str
) -> None:
    planted = Planted(architecture, beta=beta, or_gate=gate)
    pairs = planted.prompts(48, corruption, seed=1, permuted=True)
    effects, _ = exact_effects(planted, pairs)
    assert claimed(planted, effects, pairs) == frozenset()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_either_branch_of_the_gate_raises_the_answer_alone(architecture: str) -> None:
    """On the answer's own logit: putting in one branch suffices, taking one out costs nothing."""
    planted = Planted(architecture, or_gate=True)
    pairs = planted.prompts(48, "keys", seed=1)
    flipped = [PlantedPair(p.corrupt, p.clean, p.answer, p.other) for p in pairs]
    answer, _ = answer_ids(planted, pairs)
    rows = torch.arange(len(pairs))
    clean, corrupt = (
        last_logits(planted, texts)[rows, answer]
        for texts in ([p.clean for p in pairs], [p.corrupt for p in pairs])
    )
    whole = (clean - corrupt).mean()
    heads = [head for branch in planted.branches for head in branch]
    denoised = (restored(planted, pairs, heads)[:, rows, answer] - corrupt).mean(1) / whole
    noised = (clean - restored(planted, flipped, heads)[:, rows, answer]).mean(1) / whole
    least = 0.9 if architecture == "gpt2" else 0.65  # Gemma-2's post-norm shares one length
    assert denoised.min() > least
    assert noised.max() < 1 - least


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_distractors_are_active(architecture: str) -> None:
    planted = Planted(architecture)
    pairs = planted.prompts(16, "keys", seed=1)
    clean, corrupt = (
        outputs(planted, texts) for texts in ([p.clean for p in pairs], [p.corrupt for p in pairs])
    )
    changes = {node: change(planted, node, clean[node], corrupt[node]) for node in planted.nodes}
    constant = changes.pop("L2H3")  # it writes the same into every prompt ...
    assert constant < 0.07 < min(changes.values())
    with tapped(planted, "L2H3", torch.zeros_like):
        without = last_logits(planted, [p.clean for p in pairs])
    moved = (last_logits(planted, [p.clean for p in pairs]) - without)[:, -12:]
    assert moved.std(1).min() > 0.5  # ... and tells the answers apart all the same


def test_bad_arguments_are_refused_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'gemma2'"):
        Planted("gemma")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="between 3 and 40"):
        Planted(beta=1.0)
    with pytest.raises(ConfigError, match="Did you mean 'values'"):
        Planted().truth("value")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="corruption"):
        Planted().prompts(1, "noise")  # type: ignore[arg-type]
