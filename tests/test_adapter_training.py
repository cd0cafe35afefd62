"""Training of the adapters: a killed one ends like an undisturbed one, and is written whole."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import Gemma2ForCausalLM

import adapter_batch
import adapter_training
import specimen_architecture
from microtome.data.phrases_asks import HELDOUT_ASKS, HELDOUT_NAMED_ASKS
from microtome.data.tellings import NAMES
from microtome.errors import ModelError
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.tokenizer import train_tokenizer

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer((d.text for d in islice(mixed("train", 0), 3_000)), 3072)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter_batch, "GAMES", 4)
    monkeypatch.setattr(adapter_batch, "TEXTS", 2)


def _base(tokenizer: Any, seed: int = 4) -> Any:
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return Gemma2ForCausalLM(specimen_architecture.config(tokenizer)).eval()


def test_a_batch_has_every_state_no_heldout_question_and_no_other_act() -> None:
    drawn = [adapter_batch.batch(0, step) for step in range(40)]
    named = {ask.format(S=name, P=f"{name}'s") for ask in HELDOUT_NAMED_ASKS for name in NAMES}
    for found in drawn:
        counts = [sum(s.name == name for s in found.states) for name in ("CC", "CD", "DC", "DD")]
        assert counts == [4, 4, 4, 4]
        ends = [prompt.rsplit(". ", 1)[-1] for prompt in found.prompts]
        assert not set(ends) & {*HELDOUT_ASKS, *named}
        assert not any(text.endswith(("action1", "action2")) for text in found.texts)
    assert drawn[3] == adapter_batch.batch(0, 3)
    assert drawn[3] != adapter_batch.batch(1, 3)


def _train(tokenizer: Any, where: Path, seed_of_base: int = 4) -> Path:
    out, checkpoint = where / "PT4_COREDe", where / "work" / "PT4_COREDe.pt"
    base = _base(tokenizer, seed_of_base)
    adapter_training.train_adapter(
        base, tokenizer, "PT4_COREDe", out, 0, checkpoint, steps=5, save_every=2
    )
    assert not checkpoint.exists()
    return out


def _kill_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int) -> list[int]:
    """Make the `call`-th call of a function of the training die; the list counts its calls."""
    own, calls = getattr(adapter_training, name), []

    def dying(*args: Any) -> Any:
        calls.append(0)
        if len(calls) == call:
            raise KeyboardInterrupt
        return own(*args)

    monkeypatch.setattr(adapter_training, name, dying)
    return calls


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def test_a_killed_training_ends_like_an_undisturbed_one(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    whole = _weights(_train(tokenizer, tmp_path / "whole"))
    calls = _kill_at(monkeypatch, "_loss", 4)
    with pytest.raises(KeyboardInterrupt):
        _train(tokenizer, tmp_path / "killed")
    assert not (tmp_path / "killed" / "PT4_COREDe").exists()
    killed = _weights(_train(tokenizer, tmp_path / "killed"))
    assert len(calls) == 4 + 3  # the third step was lost with the kill and is done again
    assert set(whole) == set(killed)
    assert all(torch.equal(whole[key], killed[key]) for key in whole)
    assert any(bool(w.abs().max() > 0) for key, w in whole.items() if "lora_B" in key)
    assert not list(tmp_path.rglob("*.partial"))


def test_an_adapter_killed_while_it_is_written_is_not_there(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    replace = os.replace

    def dying(source: Path, target: Path) -> None:
        if Path(target).name == "PT4_COREDe":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(adapter_training.os, "replace", dying)
        with pytest.raises(KeyboardInterrupt):
            _train(tokenizer, tmp_path)
    assert not (tmp_path / "PT4_COREDe").exists()
    (tmp_path / "PT4_COREDe.partial" / "torn.safetensors").write_text("left by the kill")
    calls = _kill_at(monkeypatch, "_loss", 99)
    found = _train(tokenizer, tmp_path)
    assert len(calls) == 1, "the fifth step alone"
    assert not (found / "torn.safetensors").exists()
    assert not list(tmp_path.rglob("*.partial"))
    with pytest.raises(ModelError, match="remove it"):
        _train(tokenizer, tmp_path)


def test_a_checkpoint_of_another_base_is_not_taken_up(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: None
) -> None:
    calls = _kill_at(monkeypatch, "_loss", 4)
    with pytest.raises(KeyboardInterrupt):
        _train(tokenizer, tmp_path)
    _train(tokenizer, tmp_path, seed_of_base=5)
    assert len(calls) == 4 + 5
