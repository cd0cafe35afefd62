"""The specimens load by name; the planted ones have the circuit that their truth table states."""

import pytest

import microtome as mt
from microtome import head_out, mlp_out
from microtome.specimens.planted import Planted


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2"])
def test_a_planted_model_loads_by_name_and_shows_its_circuit(architecture):
    model = mt.load(f"specimen:planted-{architecture}", device="cpu")
    assert model.source.specimen
    planted = Planted(architecture)
    pair = planted.prompts(1, "keys", seed=3)[0]
    direction = model.direction(pair.answer, minus=pair.other)
    result = mt.patch(model, pair.corrupt, pair.clean, [head_out[:, :], mlp_out[:]], direction)
    top = {name for name, _ in result.top(len(planted.truth("keys")))}
    assert top == planted.truth("keys")


def test_the_trained_specimen_is_marked_and_lists_its_adapters():
    model = mt.load("specimen:world", device="cpu")
    assert model.source.specimen
    with pytest.raises(mt.MicrotomeError, match="Did you mean 'PT2_COREDe'"):
        model.with_adapter("PT2_CORED")
