"""Other systems and processes: no fcntl, no resource, no fsync of folders, another hash seed."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from microtome import files
from microtome.lab.run import run
from microtome.lab.store import RunFolder
from microtome.lab.study import Conclusion
from microtome.lab.terminal import quiet
from microtome.lab.verify import verify

from .test_faults import finals, toy
from .toy import Sums

ROOT = Path(__file__).parents[2]


def python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


WITHOUT_UNIX = """
import builtins, sys
through_import = builtins.__import__
refused = []
def no_unix(name, globals=None, *rest, **named):
    # Libraries need both modules on this system; ours, and the lock that it relies on, must not.
    importer = str((globals or {}).get("__name__"))
    if name in ("fcntl", "resource") and importer.partition(".")[0] in ("microtome", "filelock"):
        refused.append(importer)
        raise ImportError(name)
    return through_import(name, globals, *rest, **named)
builtins.__import__ = no_unix
"""


@pytest.mark.medium
def test_every_module_loads_and_a_run_works_without_unix(tmp_path: Path) -> None:
    """Windows has neither module and opens no folder."""
    out = python(
        WITHOUT_UNIX
        + f"""
import os, importlib, pkgutil, warnings, microtome
names = [m.name for m in pkgutil.walk_packages(microtome.__path__, "microtome.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
through = os.open
def no_folders(path, *rest, **named):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return through(path, *rest, **named)
os.open = no_folders
from microtome.errors import RunError
from microtome.lab.run import run
from microtome.lab.terminal import quiet
from microtome.lab.verify import verify
from tests.lab.toy import Toy
study = Toy(count=2, pictures=False, output_dir={str(tmp_path)!r})
record = run(study, terminal=quiet())
assert verify(record.folder).sound and record.manifest.peak_memory_bytes > 1e7
with record.folder.locked():
    try:
        run(study, terminal=quiet())
    except RunError as error:
        assert "Another process" in str(error)
    else:
        raise AssertionError("two writers")
assert not record.folder.is_locked()
print(len(names) > 200, sorted(set(refused)), record.manifest.status)
"""
    )
    assert out.splitlines()[-1] == ("True ['filelock._unix', 'microtome.lab.manifest'] finished")


HOLD = """
import sys, time
from pathlib import Path
from microtome.lab.store import RunFolder
with RunFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""
ASK = """
from microtome.lab.store import RunFolder
print(RunFolder(Path({!r})).is_locked())
"""


@pytest.mark.parametrize("system", ["", WITHOUT_UNIX], ids=["unix", "without fcntl"])
def test_a_killed_process_frees_its_run(tmp_path: Path, system: str) -> None:
    ask = f"{system}\nfrom pathlib import Path\n{ASK.format(str(tmp_path))}"
    command = [sys.executable, "-c", system + HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert python(ask) == "True"
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert python(ask) == "False"


MANY = """
import sys
import numpy as np
from microtome.lab.run import run
from microtome.lab.study import Product
from microtome.lab.terminal import quiet
from tests.lab.toy import Squares, Toy
inner = Squares.compute
def compute(self, unit, warm, study):
    product = inner(self, unit, warm, study)
    arrays = {f"layer_{i}": warm * i for i in range(12)} | dict(product.arrays)
    return Product(product.tables, arrays)
Squares.compute = compute
run(Toy(count=3, pictures=False, output_dir=sys.argv[1]), terminal=quiet())
"""


@pytest.mark.medium
def test_the_hash_seed_changes_no_file(tmp_path: Path) -> None:
    found = []
    for seed in ("0", "1", "2"):
        home = tmp_path / seed
        python(f"import sys; sys.argv = ['x', {str(home)!r}]\n{MANY}", PYTHONHASHSEED=seed)
        (path,) = home.glob("toy/*")
        names = [a["name"] for a in files.read_json(path / "steps/squares.json")["arrays"]]
        assert names == sorted(names)
        assert len(names) == 13
        found.append(finals(RunFolder(path)))
    assert found[0] == found[1] == found[2]


def synced(monkeypatch: Any) -> list[tuple[str, Any]]:
    """Renames and fsyncs of folders, in their order."""
    events: list[tuple[str, Any]] = []
    fsync, replace, mkdir = os.fsync, os.replace, Path.mkdir

    def on_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        kind = "folder" if stat.S_ISDIR(status.st_mode) else "file"
        events.append((kind, (status.st_dev, status.st_ino)))
        fsync(descriptor)

    def on_replace(source: Any, target: Any) -> None:
        events.append(("rename", str(target)))
        replace(source, target)

    def on_mkdir(self: Path, *rest: Any, **named: Any) -> None:
        mkdir(self, *rest, **named)
        events.append(("mkdir", str(self)))

    monkeypatch.setattr(os, "fsync", on_fsync)
    monkeypatch.setattr(os, "replace", on_replace)
    monkeypatch.setattr(Path, "mkdir", on_mkdir)
    return events


def identity(path: Path) -> tuple[int, int]:
    return (path.stat().st_dev, path.stat().st_ino)


def test_a_new_name_is_durable_before_the_write_returns(tmp_path: Path, monkeypatch) -> None:
    """The content first, then the name, then the folder that holds the name; so for new folders."""
    events = synced(monkeypatch)
    path = tmp_path / "one" / "two" / "x"
    files.write_atomic(path, b"x")
    one, two = tmp_path / "one", tmp_path / "one" / "two"
    assert events == [
        ("mkdir", str(one)), ("folder", identity(tmp_path)),
        ("mkdir", str(two)), ("folder", identity(one)),
        ("file", identity(path)), ("rename", str(path)), ("folder", identity(two)),
    ]  # fmt: skip


@pytest.mark.parametrize(("code", "survived"), [(errno.EINVAL, True), (errno.ENOSPC, False)])
def test_a_folder_that_cannot_be_synced_is_no_failure_but_a_full_disk_is(
    tmp_path: Path, monkeypatch, code: int, survived: bool
) -> None:
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    if survived:
        files.write_atomic(tmp_path / "x", b"x")
    else:
        with pytest.raises(OSError, match=os.strerror(code)):
            files.write_atomic(tmp_path / "x", b"x")
    assert (tmp_path / "x").read_bytes() == b"x"


def test_what_a_step_no_longer_writes_is_gone(tmp_path: Path, monkeypatch) -> None:
    first = run(toy(tmp_path, count=2), terminal=quiet())
    assert (first.path / "tables/totals.csv").exists()
    assert "totals" in first.manifest.columns

    def conclude(self: Sums, study: Any, tables: Any, arrays: Any) -> Conclusion:
        return Conclusion((), {"other": [{"x": 1}]}, {"total": 1})

    monkeypatch.setattr(Sums, "conclude", conclude)
    again = run(toy(tmp_path, count=2), terminal=quiet())
    assert again.path == first.path
    left = {str(path.relative_to(again.path)) for path in again.path.rglob("*") if path.is_file()}
    assert left - {".lock", "log.jsonl", "configuration.json", "manifest.json"} == {
        *again.manifest.artifacts,
        *(str(p.relative_to(again.path)) for p in again.path.glob("units/*/*")),
    }
    assert not {"tables/totals.parquet", "tables/totals.csv", "data/a.json"} & left
    assert {"tables/other.csv", "data/total.json"} <= left
    assert set(again.manifest.columns) == {"squares", "lengths", "other"}
    assert verify(again.folder).sound
