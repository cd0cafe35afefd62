"""What all tests share: the threads of the environment, real checkpoints of tiny random models."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def threads() -> None:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny random model of a family, saved once a session."""
    from tests.model.families import save

    root = tmp_path_factory.mktemp("checkpoints")

    def of(family: str) -> Path:
        folder = root / family
        return folder if folder.is_dir() else save(family, folder)

    return of


@pytest.fixture(scope="session")
def adapter(
    checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, int], Path]:
    """The folder of a real LoRA adapter for a family, by seed."""
    from tests.model.families import save_adapter

    root = tmp_path_factory.mktemp("adapters")

    def of(family: str, seed: int = 1) -> Path:
        folder = root / f"{family}-{seed}"
        return folder if folder.is_dir() else save_adapter(checkpoint(family), folder, seed)

    return of


@pytest.fixture
def sentence_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must be refused: one sentence, exit code 2, nothing computed."""
    from microtome.cli import main

    def call(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ending:
            main([*arguments])
        assert ending.value.code == 2
        assert not list((tmp_path / "runs").rglob("*.unit")), "nothing was computed"
        lines = capsys.readouterr().err.strip().splitlines()
        (sentence,) = [line for line in lines if line.startswith("microtome:")]
        return sentence

    return call
