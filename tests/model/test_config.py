"""A model whose configuration is wrong is refused in one sentence, with nothing left behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from microtome.errors import ModelError
from microtome.model.load import load
from microtome.model.memory import predicted_bytes
from microtome.model.tiny import tiny_model
from tests.model.families import save

WRONG: list[Any] = [
    {"n_embd": "x"}, {"n_layer": None}, {"model_type": ["x"]}, {"dtype": "floaty"},
    {"layer_types": 3}, None, [], '{"a":' * 5000, "{",
]  # fmt: skip


def broken(folder: Path, wrong: Any) -> Path:
    path = save("gpt2", folder) / "config.json"
    content = json.loads(path.read_text())
    if isinstance(wrong, str):
        path.write_text(wrong)
    else:
        path.write_text(json.dumps({**content, **wrong} if isinstance(wrong, dict) else wrong))
    return folder


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(wrong)[:20])
def test_a_wrong_configuration_is_one_sentence(tmp_path: Path, wrong: Any) -> None:
    model = broken(tmp_path / "model", wrong)
    for read in (
        lambda: load(str(model)),
        lambda: predicted_bytes(str(model)),
        lambda: tiny_model(str(model), tmp_path / "tiny"),
    ):
        with pytest.raises(ModelError, match=r"onfiguration") as error:
            read()
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 500


@pytest.mark.parametrize("wrong", [{"n_head": 0}, {"n_embd": -4}, {"n_embd": 10**30}], ids=str)
def test_a_model_of_impossible_size_is_one_sentence(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ModelError, match=r"weights of .* cannot be loaded"):
        load(str(broken(tmp_path / "model", wrong)))


def test_a_refused_model_leaves_no_run(tmp_path: Path, sentence_of: Any) -> None:
    model = broken(tmp_path / "model", {"n_embd": "x"})
    sentence = sentence_of(
        "run", "dilemmas", "--model", str(model), "--models", "base", "--pairs", "",
        "--output-dir", str(tmp_path / "runs"),
    )  # fmt: skip
    assert "expected int, got str" in sentence
    assert list((tmp_path / "runs").iterdir()) == []
