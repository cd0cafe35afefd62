"""Tests in a forked child of a process that has loaded the libraries already.

Importing torch, transformers and the rest takes ten times as long as a small test. The parent loads
them once and never loads microtome; a child enters a copy of the tree, loads what stands there and
runs pytest. CPU time is limited, not time on the clock, so that a busy machine changes no verdict.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
OURS = ("microtome", "tests", "tools", "bench", "mutants", "conftest")
STALLED = 900.0
"""Seconds on the clock after which a child that uses no CPU is given up."""


@dataclass(frozen=True)
class Ending:
    code: int
    """pytest's exit code; -1 for a child that ran out of CPU or stalled."""
    seconds: float
    """CPU seconds of the child and of the processes it started."""


def preload(modules: Sequence[str]) -> None:
    """Load the libraries named; those of ours and those that are absent are passed over."""
    for name in modules:
        if name.split(".")[0] not in OURS:
            with contextlib.suppress(Exception):
                importlib.import_module(name)


def copy_tree(target: Path) -> Path:
    """The files that git tracks or would add, as a tree of its own; what is compiled stays."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if path.suffix != ".pyc" and str(path.relative_to(target)) not in names:
            path.unlink()
    for name in names:
        if _stamp(ROOT / name) != _stamp(target / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def _stamp(path: Path) -> tuple[int, int] | None:
    return (path.stat().st_size, path.stat().st_mtime_ns) if path.exists() else None


def forked(work: Callable[[], int], tree: Path, log: Path, cpu: float) -> Ending:
    """What `work` returns, done in a child that lives in `tree` and writes to `log`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = os.fork()
    if child == 0:
        code = 70
        try:
            _enter(tree, log, cpu)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    code = _await(child)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ending(code, used)


def _enter(tree: Path, log: Path, cpu: float) -> None:
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu) + 1, int(cpu) + 5))
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(tree)
    sys.path[:] = [str(tree / "src"), str(tree), *(p for p in sys.path if not _of_root(p))]
    os.environ["PYTHONPATH"] = f"{tree / 'src'}:{tree}"
    for name in [name for name in sys.modules if name.split(".")[0] in ("microtome", "tests")]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _of_root(path: str) -> bool:
    return Path(path or ".").resolve() in (ROOT, ROOT / "src", ROOT / "tools")


def _await(child: int) -> int:
    """The exit code of the child; afterwards its whole process group is gone."""
    until = time.monotonic() + STALLED
    code = None
    while code is None and time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
        else:
            time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if code is None:
        os.waitpid(child, 0)
    return -1 if code is None or code < 0 else code
