"""Training of the specimen: a killed run ends where an undisturbed one ends."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import corpus_exclusion
import specimen_architecture
import specimen_rows
import specimen_training
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.exclusion import shipped
from microtome.specimens.world.tokenizer import train_tokenizer

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer((d.text for d in islice(mixed("train", 0), 20_000)), 3072)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(specimen_training, "BATCH", 2)
    monkeypatch.setattr(specimen_training, "SAVE_EVERY", 2)
    torch.set_num_threads(1)


def test_rows_hold_whole_documents(tmp_path: Path, tokenizer: Any) -> None:
    specimen_rows.write_rows(tmp_path / "rows.npy", tokenizer, 30, seed=1)
    rows = np.load(tmp_path / "rows.npy")
    text = [d.text for d in islice(mixed("train", 1), 400)]
    read = []
    for row in rows[:-1]:
        for piece in tokenizer.decode(row).replace("<pad>", "").split("<eos>"):
            read += [piece.removeprefix("<bos>").strip()] if piece.strip() else []
    assert read == text[: len(read)]
    assert len(read) > 29


def test_documents_are_read_back_from_the_rows(tmp_path: Path, tokenizer: Any) -> None:
    specimen_rows.write_rows(tmp_path / "rows.npy", tokenizer, 30, seed=1)
    rows = np.load(tmp_path / "rows.npy")
    texts = corpus_exclusion.documents(rows, tokenizer)
    assert texts == [d.text for d in islice(mixed("train", 1), len(texts))]
    assert len(texts) == (rows == tokenizer.eos_token_id).sum() > 100


def test_a_shipped_prompt_in_a_row_is_found(tmp_path: Path, tokenizer: Any) -> None:
    prompt = next(shipped())
    rows = np.full((3, specimen_rows.ROW), tokenizer.pad_token_id, dtype=np.uint16)
    for row, text in enumerate(["A wolf met 12 people.", f"{prompt.text} action1.", "So be it."]):
        ids = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
        rows[row, : len(ids)] = ids
    np.save(tmp_path / "rows.npy", rows)
    found = corpus_exclusion.read_rows([tmp_path / "rows.npy"], tokenizer)
    assert found["documents"] == 3
    assert {hit["name"] for hit in found["hits"]} >= {prompt.name}
    assert {hit["document"] for hit in found["hits"]} == {f"{prompt.text} action1."}


def test_a_killed_run_ends_like_an_undisturbed_one(
    tmp_path: Path, tokenizer: Any, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
        specimen_rows.write_rows(tmp_path / name / "rows.npy", tokenizer, 12, seed=1)
    whole = specimen_training.train(tmp_path / "whole", tokenizer, 6, seed=0).state_dict()

    step, calls = specimen_training._step, []

    def dying(*args: Any) -> float:
        calls.append(0)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(*args)

    monkeypatch.setattr(specimen_training, "_step", dying)
    with pytest.raises(KeyboardInterrupt):
        specimen_training.train(tmp_path / "killed", tokenizer, 6, seed=0)
    resumed = specimen_training.train(tmp_path / "killed", tokenizer, 6, seed=0).state_dict()
    assert len(calls) == 4 + 4  # the third step was lost with the kill and is done again
    fresh = specimen_training.Gemma2ForCausalLM(
        specimen_architecture.config(tokenizer)
    ).state_dict()
    for key, weight in whole.items():
        assert torch.equal(weight, resumed[key]), key
    assert not torch.equal(whole["model.embed_tokens.weight"], fresh["model.embed_tokens.weight"])


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    rates = [specimen_training.rate(s, 1000) for s in range(1001)]
    assert rates[0] < 0.02
    assert rates[100:650] == [1.0] * 550
    assert all(a > b for a, b in pairwise(rates[660:]))
    assert rates[-1] == 0.0


_TWO = """
import sys, torch
from pathlib import Path
from transformers import AutoTokenizer
sys.path.insert(0, sys.argv[1])
import specimen_training
specimen_training.BATCH = 4

if __name__ == "__main__":
    tokenizer = AutoTokenizer.from_pretrained(sys.argv[2])
    for workers in (1, 2):
        out = Path(sys.argv[2]) / str(workers)
        model = specimen_training.train(out, tokenizer, 4, 0, workers)
        torch.save(model.state_dict(), out / "end.pt")
"""


@pytest.mark.slow
def test_two_workers_take_the_steps_of_one(tmp_path: Path, tokenizer: Any) -> None:
    tokenizer.save_pretrained(tmp_path)
    for workers in ("1", "2"):
        (tmp_path / workers).mkdir()
        specimen_rows.write_rows(tmp_path / workers / "rows.npy", tokenizer, 16, seed=1)
    script = tmp_path / "two.py"
    script.write_text(_TWO)
    tools = str(Path(__file__).parents[1] / "tools")
    subprocess.run([sys.executable, str(script), tools, str(tmp_path)], check=True)
    one, two = (torch.load(tmp_path / w / "end.pt", weights_only=True) for w in ("1", "2"))
    start = specimen_training.Gemma2ForCausalLM(
        specimen_architecture.config(tokenizer)
    ).state_dict()
    key = "model.layers.1.mlp.up_proj.weight"
    assert (one[key] - two[key]).abs().mean() < 0.1 * (one[key] - start[key]).abs().mean()
