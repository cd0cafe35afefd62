"""Training of the specimen's dictionaries: both groups side by side, failures named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dictionary_training

pytestmark = pytest.mark.medium
_TOOL = Path(dictionary_training.__file__)


def test_both_workers_start_and_say_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(_TOOL), "train", "--workers", "2", "--steps", "3"]
    where = ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("holds no manifest.json") == 2, "one for each group"
    assert done.stderr.endswith("residual and transcoders stopped: start again to go on.\n")


def test_a_quarter_of_what_is_captured_is_more_physics(monkeypatch: pytest.MonkeyPatch) -> None:
    from microtome.specimens.world import documents

    monkeypatch.setattr(dictionary_training, "DOCUMENTS", 400)
    extra = {doc.text for doc in documents("physics", "train", dictionary_training.SEED, 100)}
    texts = dictionary_training.texts()
    assert len(texts) == 400
    assert set(texts[3::4]) == extra


def test_every_layer_has_an_autoencoder_and_a_transcoder() -> None:
    labels = {name: [r.label for r in own] for name, own in dictionary_training.recipes().items()}
    assert labels["residual"] == [f"resid_post_{n}" for n in range(5)]
    assert labels["transcoders"] == [f"transcoder_{n}" for n in range(5)]
