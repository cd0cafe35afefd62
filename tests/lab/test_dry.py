"""Predicted times: arithmetic at the timed speed, and what the rehearsal shows besides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microtome.cli.study import _duration
from microtome.lab import executor, work
from microtome.lab.dry import rehearse
from microtome.lab.study import Cost
from microtome.lab.terminal import quiet

from .toy import Squares, Sums, Toy


class Timed(Toy):
    """A toy on a machine of 1 GFLOP/s."""

    def speed(self) -> float:
        return 1e9


class Clocked:
    """A clock that only `pass_` moves, in the place of the machine's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        for module in (executor, work):
            monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(Squares, "compute", self.slow(Squares.compute, 0.05))
        monkeypatch.setattr(Sums, "compute", self.slow(Sums.compute, 0.5))
        monkeypatch.setattr(Sums, "conclude", self.slow(Sums.conclude, 0.25))

    def slow(self, call: Callable[..., Any], seconds: float) -> Callable[..., Any]:
        def slowed(*arguments: Any) -> Any:
            self.now += seconds
            return call(*arguments)

        return slowed


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clocked:
    return Clocked(monkeypatch)


def predicted(home: Path, **fields: Any) -> dict[str, float]:
    study = Timed(output_dir=home / "runs", pictures=False, **fields)
    return rehearse(study, terminal=quiet()).seconds


def test_what_every_unit_takes_grows_with_the_forwards(tmp_path: Path) -> None:
    """0.05 s a number; the two sums of 0.5 s need no pass, and are concluded in 0.25 s."""
    seconds = predicted(tmp_path, count=600)
    assert seconds == pytest.approx({"squares": 600 * 0.05, "sums": 2 * 0.5 + 0.25}, abs=0.01)


def test_arithmetic_is_counted_at_the_speed_of_the_machine(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def cost(self: Squares, study: Toy) -> Cost:
        return Cost(study.count, study.count, 0, flops=1e9 * study.count)

    monkeypatch.setattr(Squares, "cost", cost)
    assert predicted(tmp_path, count=600)["squares"] == pytest.approx(600, abs=0.01)


def test_a_rehearsal_on_the_model_itself_counts_its_arithmetic_once(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def cost(self: Squares, study: Toy) -> Cost:
        return Cost(study.count, study.count, 0, flops=0.04e9 * study.count)

    monkeypatch.setattr(Squares, "cost", cost)
    monkeypatch.setattr(Timed, "dry", lambda self: self)
    assert predicted(tmp_path, count=100)["squares"] == pytest.approx(100 * 0.05, abs=0.01)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.034, "0.034 s"), (12.34, "12 s"), (89, "89 s"), (90, "1.5 min"), (754, "13 min"),
     (5399, "90 min"), (5400, "1.5 h"), (400_000, "110 h")],
)  # fmt: skip
def test_a_prediction_has_two_digits(seconds: float, text: str) -> None:
    assert _duration(seconds) == text
