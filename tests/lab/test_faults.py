"""Kills, full disks and damaged files: nothing acknowledged is lost, the end is always the same."""

import contextlib
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microtome import files
from microtome.errors import MicrotomeError, RunError
from microtome.lab.repair import repair
from microtome.lab.run import run
from microtome.lab.store import RunFolder
from microtome.lab.terminal import quiet
from microtome.lab.verify import verify

from .toy import Toy


def toy(home: Path, **fields: Any) -> Toy:
    fields = {"pictures": False, "journal": home / "journal", **fields}
    return Toy(output_dir=home / "runs", **fields)


def finals(folder: RunFolder) -> dict[str, bytes]:
    """Every file whose content must not depend on what happened on the way.

    Of the report, all but the table of time and memory.
    """
    changing = {"manifest.json", "log.jsonl", ".lock"}
    return {
        str(path.relative_to(folder.path)): re.sub(
            rb'<table id="took">.*?</table>', b"", path.read_bytes(), flags=re.S
        )
        for path in folder.path.rglob("*")
        if path.is_file() and path.name not in changing
    }


def journal(home: Path) -> list[str]:
    path = home / "journal"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def in_child(study: Toy) -> int:
    """Run in a forked process, which has everything imported and can be killed; returns its pid."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            run(study, terminal=quiet())
            code = 0
        finally:
            os._exit(code)
    return pid


@pytest.mark.medium
def test_killed_ten_times_ends_like_undisturbed(tmp_path: Path) -> None:
    rng = random.Random(0)
    calm_home, home = tmp_path / "calm", tmp_path / "killed"
    for folder in (calm_home, home):
        folder.mkdir()
    start = time.perf_counter()
    calm = run(toy(calm_home, count=12, delay=0.01, pictures=True), terminal=quiet())
    length = time.perf_counter() - start
    killed = 0
    while killed < 10:
        done = logged(home)
        before = journal(home)
        pid = in_child(toy(home, count=12, delay=0.01, pictures=True))
        time.sleep(rng.uniform(0, length / 4))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        # A unit whose commit was logged is never computed again.
        assert not done & set(journal(home)[len(before) :])
        if os.WIFSIGNALED(status):
            killed += 1
        else:  # It was done before the kill: the machine is faster now than it was at first.
            assert status == 0
            length /= 2
            shutil.rmtree(home)
            home.mkdir()
    record = run(toy(home, count=12, delay=0.01, pictures=True), terminal=quiet())
    assert record.manifest.columns == calm.manifest.columns
    assert finals(record.folder) == finals(calm.folder)
    assert verify(record.folder).sound


def logged(home: Path) -> set[str]:
    logs = list((home / "runs").glob("*/*/log.jsonl"))
    return {
        row["unit"] for log in logs for row in files.read_jsonl(log) if row["step"] == "squares"
    }


@pytest.mark.medium
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_every_single_disk_failure_is_survived(tmp_path: Path, monkeypatch, call: str) -> None:
    calm_home = tmp_path / "calm"
    calm_home.mkdir()
    calm = finals(run(toy(calm_home, count=1, steps=("squares",)), terminal=quiet()).folder)
    k = 0
    while True:
        k += 1
        home = tmp_path / str(k)
        home.mkdir()
        with monkeypatch.context() as patch:
            failing = Failing(getattr(os, call), k)
            patch.setattr(os, call, failing)
            with contextlib.suppress(OSError, MicrotomeError):
                run(toy(home, count=1, steps=("squares",)), terminal=quiet())
        if failing.calls < k:
            break
        record = run(toy(home, count=1, steps=("squares",)), terminal=quiet())
        assert finals(record.folder) == calm, f"{call} number {k}"
        assert verify(record.folder).sound
    assert k > 10


class Failing:
    """Calls through, but the k-th call finds the disk full."""

    def __init__(self, through: Callable[..., Any], k: int) -> None:
        self.through, self.k, self.calls = through, k, 0

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        self.calls += 1
        if self.calls == self.k:
            raise OSError(28, "No space left on device")
        return self.through(*arguments, **named)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


@pytest.fixture
def calm(tmp_path: Path) -> RunFolder:
    folder = run(toy(tmp_path, count=4), terminal=quiet()).folder
    (tmp_path / "journal").unlink()
    return folder


@pytest.mark.parametrize("damage", [flip, truncate, empty, remove])
def test_a_damaged_unit_is_named_and_computed_alone(
    tmp_path: Path, calm: RunFolder, damage: Callable[[Path], None]
) -> None:
    good = finals(calm)
    for victim in sorted((calm.path / "units" / "squares").iterdir()):
        damage(victim)
        (problem,) = verify(calm).problems
        assert str(victim) in problem
        run(toy(tmp_path, count=4), terminal=quiet())
        assert len(journal(tmp_path)) == 1
        (tmp_path / "journal").unlink()
        assert finals(calm) == good
        assert verify(calm).sound


def test_swapped_units_are_noticed(tmp_path: Path, calm: RunFolder) -> None:
    good = finals(calm)
    one, two, *_ = sorted((calm.path / "units" / "squares").iterdir())
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert len(verify(calm).problems) == 2
    run(toy(tmp_path, count=4), terminal=quiet())
    assert len(journal(tmp_path)) == 2
    assert finals(calm) == good


@pytest.mark.parametrize("damage", [flip, truncate, remove])
def test_every_other_file_is_mended_without_computing(
    tmp_path: Path, calm: RunFolder, damage: Callable[[Path], None]
) -> None:
    good = finals(calm)
    for name in sorted(set(good) | {"manifest.json"}):
        if name.startswith("units/"):
            continue
        damage(calm.path / name)
        found = verify(calm)
        assert any(name in problem for problem in found.problems), name
        repair(calm, lambda _: Toy, quiet())
        assert verify(calm).sound, name
        assert finals(calm) == good, name
    assert journal(tmp_path) == []


def test_swapped_tables_are_noticed(calm: RunFolder) -> None:
    good = finals(calm)
    one, two = calm.path / "tables/squares.parquet", calm.path / "tables/totals.parquet"
    content = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(content)
    assert len(verify(calm).problems) == 2
    repair(calm, lambda _: Toy, quiet())
    assert finals(calm) == good


def test_a_flip_anywhere_in_a_small_file_is_seen(calm: RunFolder) -> None:
    path = next((calm.path / "units" / "sums").iterdir())
    content = path.read_bytes()
    for position in range(len(content)):
        path.write_bytes(
            content[:position] + bytes([content[position] ^ 16]) + content[position + 1 :]
        )
        assert not verify(calm).sound, position
    path.write_bytes(content)
    assert verify(calm).sound


def test_repair_refuses_another_model(calm: RunFolder, monkeypatch) -> None:
    monkeypatch.setattr(Toy, "provenance", lambda self: {"model": "another"})
    next((calm.path / "units" / "sums").iterdir()).unlink()
    with pytest.raises(RunError, match="no longer the same"):
        repair(calm, lambda _: Toy, quiet())


HOSTILE = (
    "../../escape", "/absolute", "a/b", "..", "<script>alert(1)</script>", "x" * 300, "", "-rf",
    "$\\frac{", "new\nline", "nul\0", "日本語 🎲", "con", "'; drop", "%{x}", "\ud800", "{{7*7}}",
)  # fmt: skip


@pytest.mark.medium
def test_hostile_names_stay_in_the_folder(tmp_path: Path) -> None:
    around = set(tmp_path.parent.iterdir())
    for label in HOSTILE:
        home = tmp_path / files.safe_name(label)
        home.mkdir()
        study = toy(home, count=2, pictures=label in HOSTILE[4:6])
        # A configuration refuses some of them; units may be named by data that did not pass it.
        study = study.model_copy(update={"labels": (label, "b")})
        record = run(study, terminal=quiet())
        assert verify(record.folder).sound
        assert record.table("squares")["number"].tolist() == [0, 1]
        assert {path.name for path in home.iterdir()} == {"runs", "journal"}
        assert len(list((home / "runs").iterdir())) == 1
    assert set(tmp_path.parent.iterdir()) == around


def test_no_secret_of_the_environment_is_kept(tmp_path: Path, monkeypatch) -> None:
    canary = "sk-canary-0123456789"
    for name in ("OPENAI_API_KEY", "HF_TOKEN", "WANDB_API_KEY"):
        monkeypatch.setenv(name, canary)
    record = run(toy(tmp_path), terminal=quiet())
    for path in record.path.rglob("*"):
        assert not path.is_file() or canary.encode() not in path.read_bytes()
