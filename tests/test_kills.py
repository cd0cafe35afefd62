"""A real study killed ten times at random moments ends with the tables of an undisturbed run."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.model.families import save_adapter

pytestmark = pytest.mark.slow
KILLS = 10


def _command(model: Path, adapters: Path, output: Path) -> list[str]:
    return [
        sys.executable, "-m", "microtome", "run", "dilemmas", "--model", str(model),
        "--adapters", str(adapters), "--models", "base,one,two", "--pairs", "one:two,two:one",
        "--output-dir", str(output),
    ]  # fmt: skip


def _columns(output: Path) -> dict[str, object]:
    (manifest,) = output.glob("dilemmas/*/manifest.json")
    content = json.loads(manifest.read_text())
    assert content["status"] == "finished"
    return content["columns"]


@pytest.mark.timeout(7200)
def test_ten_kills_change_no_table(checkpoint, tmp_path):
    from tests.model.families import save

    model = save("gemma2", tmp_path / "model", max_position_embeddings=600, sliding_window=32)
    for seed, name in enumerate(("one", "two"), start=1):
        save_adapter(model, tmp_path / "adapters" / name, seed)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    start = time.monotonic()
    subprocess.run(_command(model, tmp_path / "adapters", whole), check=True, capture_output=True)
    duration = time.monotonic() - start

    rng = random.Random(7)
    died = 0
    while died < KILLS:
        process = subprocess.Popen(
            _command(model, tmp_path / "adapters", broken),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            code = process.wait(rng.uniform(0.2, 0.6) * duration)
            assert code == 0
            assert _columns(broken) == _columns(whole)
            shutil.rmtree(broken)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            died += 1
    subprocess.run(_command(model, tmp_path / "adapters", broken), check=True, capture_output=True)
    assert _columns(broken) == _columns(whole)
