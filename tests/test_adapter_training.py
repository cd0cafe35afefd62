"""Training of the adapters: a killed one ends like an undisturbed one, and is written whole."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import Gemma2ForCausalLM

from microtome.data.phrases_asks import HELDOUT_ASKS, HELDOUT_NAMED_ASKS
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.tokenizer import train_tokenizer

_TOOLS = str(Path(__file__).parents[1] / "tools")
pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def training() -> Any:
    sys.path.insert(0, _TOOLS)
    try:
        import adapter_training
        import specimen_training
    finally:
        sys.path.remove(_TOOLS)
    return adapter_training, specimen_training


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer((d.text for d in islice(mixed("train", 0), 20_000)), 3072)


def _base(training: Any, tokenizer: Any) -> Any:
    torch.set_num_threads(1)
    torch.manual_seed(4)
    return Gemma2ForCausalLM(training[1].config(tokenizer)).eval()


def test_a_batch_has_every_state_no_heldout_question_and_no_other_act(training: Any) -> None:
    from microtome.data.tellings import NAMES

    adapter_training = training[0]
    drawn = [adapter_training.batch(0, step) for step in range(40)]
    named = {ask.format(S=name, P=f"{name}'s") for ask in HELDOUT_NAMED_ASKS for name in NAMES}
    for found in drawn:
        counts = [sum(s.name == name for s in found.states) for name in ("CC", "CD", "DC", "DD")]
        assert counts == [4, 4, 4, 4]
        ends = [prompt.rsplit(". ", 1)[-1] for prompt in found.prompts]
        assert not set(ends) & {*HELDOUT_ASKS, *named}
        assert not any(text.endswith(("action1", "action2")) for text in found.texts)
    assert drawn[3] == adapter_training.batch(0, 3)
    assert drawn[3] != adapter_training.batch(1, 3)


def test_a_killed_training_ends_like_an_undisturbed_one(
    training: Any, tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter_training = training[0]

    def train(where: str) -> Path:
        out = tmp_path / where / "PT4_COREDe"
        checkpoint = tmp_path / where / "work" / "PT4_COREDe.pt"
        base = _base(training, tokenizer)
        adapter_training.train_adapter(
            base, tokenizer, "PT4_COREDe", out, 0, checkpoint, steps=5, save_every=2
        )
        assert not checkpoint.exists()
        return out

    whole, loss, calls = train("whole"), adapter_training._loss, []

    def dying(*args: Any) -> Any:
        calls.append(0)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return loss(*args)

    monkeypatch.setattr(adapter_training, "_loss", dying)
    with pytest.raises(KeyboardInterrupt):
        train("killed")
    assert not (tmp_path / "killed" / "PT4_COREDe").exists()
    killed = train("killed")
    assert len(calls) == 4 + 3  # the third step was lost with the kill and is done again
    weights = [load_file(path / "adapter_model.safetensors") for path in (whole, killed)]
    assert set(weights[0]) == set(weights[1])
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert any(bool(w.abs().max() > 0) for key, w in weights[0].items() if "lora_B" in key)
    assert not list(tmp_path.rglob("*.partial"))
