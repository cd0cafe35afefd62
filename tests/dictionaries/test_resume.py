"""A training that was killed ends as one that was not, alone and on several ranks."""

import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from microtome.dictionaries import checkpoints
from microtome.dictionaries.checkpoints import NAME
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.recipes import BatchTopK, TopK
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.training import train
from microtome.errors import InputError, RunError
from microtome.files import read_jsonl
from tests.dictionaries.unattended import RECIPES, SAVE_EVERY, SITE, activations

STEPS = 240
ALONE = [sys.executable, "-m", "tests.dictionaries.unattended"]


class Stopped(Exception):
    """What stands for a kill within this process."""


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for recipe in RECIPES:
        made = load_dictionary(folder / recipe.label)
        assert isinstance(made, SAE)
        found |= {f"{recipe.label}.{k}": v for k, v in made.tensors().items()}
    return found


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def rows(folder: Path) -> list[dict]:
    path = folder / "log.jsonl"
    return list(read_jsonl(path)) if path.exists() else []


@pytest.mark.medium
@pytest.mark.timeout(3600)
def test_five_kills_change_no_bit(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run([*ALONE, str(whole), str(STEPS)], check=True)
    kills = sorted(random.Random(11).sample(range(10, STEPS - 20), 5))
    command = [*ALONE, str(broken), str(STEPS), *map(str, kills)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seen = [int(line) for line in done.stdout.split()]
    assert len(seen) == 5
    assert all(kill <= step < STEPS for kill, step in zip(kills, seen, strict=True))
    assert any(step % SAVE_EVERY for step in seen), "every kill fell on a checkpoint"
    assert equal(weights(whole), weights(broken))
    assert rows(whole) == rows(broken)


def test_going_on_is_bitwise_and_without_the_optimisers_memory_it_is_not(tmp_path, monkeypatch):
    """Within one process; the control forgets Adam's moments when it goes on."""
    recipes, x = [TopK(64, SITE, k=4, name="a"), BatchTopK(64, SITE, k=4, name="b")], activations()
    options = {"steps": 60, "batch": 256, "lr": 3e-3, "save_every": 20}
    whole = train(recipes, x, **options)

    def stop(row: dict) -> None:
        if row["step"] == 50:
            raise Stopped

    with pytest.raises(Stopped):
        train(recipes, x, **options, checkpoint=tmp_path, log=stop, log_every=10)
    again = train(recipes, x, **options, checkpoint=tmp_path, log_every=50)
    for one, two in zip(whole, again, strict=True):
        assert torch.equal(one.dictionary.w_enc, two.dictionary.w_enc)
        assert torch.equal(
            one.dictionary.activation.name and one.dictionary.b_enc, two.dictionary.b_enc
        )
    steps = [row["step"] for row in rows(tmp_path) if row["name"] == "a"]
    assert steps == [1, 10, 20, 30, 40, 50, 60]
    assert train(recipes, x, **options, checkpoint=tmp_path)[0].curve == again[0].curve
    monkeypatch.setattr(checkpoints, "_restore", lambda *_: None)
    with pytest.raises(Stopped):
        train(recipes, x, **options, checkpoint=tmp_path / "control", log=stop, log_every=10)
    control = train(recipes, x, **options, checkpoint=tmp_path / "control", log_every=50)
    assert not torch.equal(whole[0].dictionary.w_enc, control[0].dictionary.w_enc)


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_refused(tmp_path):
    x = activations(1000)
    train(TopK(32, SITE, k=4), x, steps=3, batch=128, checkpoint=tmp_path)
    with pytest.raises(RunError, match="belongs to another training"):
        train(TopK(32, SITE, k=5), x, steps=3, batch=128, checkpoint=tmp_path)
    content = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match="damaged"):
        train(TopK(32, SITE, k=4), x, steps=3, batch=128, checkpoint=tmp_path)


def test_a_checkpoint_of_the_same_plan_on_other_data_is_refused(tmp_path):
    x = activations(1000)
    train(TopK(32, SITE, k=4), x, steps=3, batch=128, checkpoint=tmp_path)
    again = train(TopK(32, SITE, k=4), x.clone(), steps=3, batch=128, checkpoint=tmp_path)
    assert [row["step"] for row in again.curve] == [1, 3]
    moved, changed = x.roll(1, 0), x.clone()
    changed[700, 3] += 1e-3
    for other in (moved, changed, x[:-1], x.double()):
        with pytest.raises(RunError, match="belongs to another training"):
            train(TopK(32, SITE, k=4), other, steps=3, batch=128, checkpoint=tmp_path)


def test_activations_that_do_not_differ_are_refused_by_name(tmp_path):
    for x in (activations(1000)[:1], torch.ones(64, 16)):
        with pytest.raises(InputError, match=r"first batch at resid_post\[2\] do not differ"):
            train(TopK(32, SITE, k=4), x, steps=3, batch=len(x))


def killed(command: list[str], folder: Path, step: int) -> bool:
    """Start, and SIGKILL once this step has been logged; False if it ended before."""
    process = subprocess.Popen(
        [*command, str(folder), str(STEPS)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while process.poll() is None:
        if any(row["step"] >= step for row in rows(folder)[-1:]):
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.005)
    return False


def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launched(count: int) -> list[str]:
    """The same training on several ranks, as `torchrun` (and `accelerate launch`) start it."""
    return [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count),
        "--master-port", str(port()), "-m", "tests.dictionaries.unattended",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_ranks_end_as_one_does_and_a_kill_changes_no_bit(tmp_path):
    one, two, broken = (tmp_path / name for name in ("one", "two", "broken"))
    subprocess.run([*ALONE, str(one), str(STEPS)], check=True)
    subprocess.run([*launched(2), str(two), str(STEPS)], check=True)
    assert killed(launched(2), broken, 130)
    time.sleep(3)  # the ranks notice that their launcher is gone
    subprocess.run([*launched(2), str(broken), str(STEPS)], check=True)
    assert equal(weights(two), weights(broken))
    x = activations()
    for recipe in RECIPES:
        a, b = (load_dictionary(f / recipe.label).reconstruct(x) - x for f in (one, two))
        variance = (x - x.mean(0)).pow(2).sum()
        assert abs(a.pow(2).sum() - b.pow(2).sum()) / variance < 0.002
