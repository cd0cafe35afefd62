"""Predicted times: arithmetic at the timed speed, and what the rehearsal shows besides."""

from pathlib import Path
from typing import Any

import pytest

from microtome.cli.study import _duration
from microtome.lab.dry import rehearse
from microtome.lab.study import Cost
from microtome.lab.terminal import quiet

from .toy import Squares, Toy


class Timed(Toy):
    """A toy on a machine of 1 GFLOP/s."""

    def speed(self) -> float:
        return 1e9


def predicted(home: Path, **fields: Any) -> dict[str, float]:
    study = Timed(output_dir=home / "runs", pictures=False, **fields)
    return rehearse(study, terminal=quiet()).seconds


def test_what_every_unit_takes_grows_with_the_forwards(tmp_path: Path) -> None:
    seconds = predicted(tmp_path, count=600, delay=0.05)
    assert seconds["squares"] == pytest.approx(600 * 0.05, rel=0.2)
    assert seconds["sums"] < 2


def test_arithmetic_is_counted_at_the_speed_of_the_machine(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def cost(self: Squares, study: Toy) -> Cost:
        return Cost(study.count, study.count, 0, flops=1e9 * study.count)

    monkeypatch.setattr(Squares, "cost", cost)
    assert predicted(tmp_path, count=600)["squares"] == pytest.approx(600, rel=0.01)


def test_a_rehearsal_on_the_model_itself_counts_its_arithmetic_once(
    tmp_path: Path, monkeypatch: Any
) -> None:
    def cost(self: Squares, study: Toy) -> Cost:
        return Cost(study.count, study.count, 0, flops=0.04e9 * study.count)

    monkeypatch.setattr(Squares, "cost", cost)
    monkeypatch.setattr(Timed, "dry", lambda self: self)
    seconds = predicted(tmp_path, count=100, delay=0.05)
    assert seconds["squares"] == pytest.approx(100 * 0.05, rel=0.2)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.034, "0.034 s"), (12.34, "12 s"), (89, "89 s"), (90, "1.5 min"), (754, "13 min"),
     (5399, "90 min"), (5400, "1.5 h"), (400_000, "110 h")],
)  # fmt: skip
def test_a_prediction_has_two_digits(seconds: float, text: str) -> None:
    assert _duration(seconds) == text
