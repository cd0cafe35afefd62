"""Answers of several tokens are compared where they part, prefix and probability reported."""

import pytest
import torch

import microtome as mt
from microtome.errors import AnswerError
from microtome.model.answers import prefix_probability, single_token
from microtome.model.tokens import encode


@pytest.fixture(scope="module")
def model(checkpoint):
    return mt.load(str(checkpoint("gemma2")))


def test_the_common_prefix_is_forced_and_the_fork_found(model):
    answers = model.answers("I play", " action1", " action2")
    decoded = model.tokenizer.decode(answers.ids)
    assert decoded.endswith("I play action")
    assert model.tokenizer.decode([answers.first]) == "1"
    assert model.tokenizer.decode([answers.second]) == "2"
    assert model.tokenizer.decode(answers.ids[: answers.n_prompt]).endswith("I play")


def test_a_chat_turn_begins_with_one_bos_as_the_template_writes_it(checkpoint):
    model = mt.load(str(checkpoint("gemma2")))
    model.tokenizer.chat_template = (
        "{{ bos_token }}{% for m in messages %}U:{{ m['content'] }}{% endfor %}"
        "{% if add_generation_prompt %}A:{% endif %}"
    )
    ids = encode(model.tokenizer, "I play", chat=True)
    assert model.tokenizer.decode(ids) == "<bos>U:I playA:"
    assert ids.count(model.tokenizer.bos_token_id) == 1
    answers = model.answers("I play", " action1", " action2", chat=True)
    assert model.tokenizer.decode(answers.ids) == "<bos>U:I playA:action"


def test_ids_at_the_ends_of_the_vocabulary(model):
    size = len(model.tokenizer)
    assert [single_token(model.tokenizer, i) for i in (0, size - 1)] == [0, size - 1]
    for outside in (size, -1):
        with pytest.raises(AnswerError, match=f"Token id {outside} is not in the vocabulary"):
            single_token(model.tokenizer, outside)


def test_the_prefix_probability_is_the_product_of_conditionals(model):
    answers = model.answers("I", " ab1", " ab2")
    expected = 1.0
    for end in range(answers.n_prompt, len(answers.ids)):
        p = model.run([answers.ids[:end]]).logits[0, -1].double().softmax(-1)
        expected *= float(p[answers.ids[end]])
    assert prefix_probability(model, answers) == pytest.approx(expected, rel=1e-4)
    assert prefix_probability(model, model.answers("I", "a", "b")) == 1.0


def test_the_direction_is_second_minus_first(model):
    answers = model.answers("I play", " action1", " action2")
    logits = model.run([answers.ids], logits="last").logits[0]
    run = model.run([answers.ids], read=mt.resid_post[:], logits="last")
    lens = mt.logit_lens(run, answers.direction(model))
    gap = logits[answers.second] - logits[answers.first]
    assert lens.trajectory[-1, 0].item() == pytest.approx(gap.item(), abs=1e-5)


def test_probabilities_at_the_fork_sum_to_one(model):
    answers = model.answers("I play", " action1", " action2")
    logits = model.run([answers.ids], logits="last").logits[0]
    first, second, neither = answers.probabilities(logits)
    assert first + second + neither == pytest.approx(1.0)
    assert first == pytest.approx(float(torch.softmax(logits, -1)[answers.first]))
