"""Rows of variance: with halves where a checkpoint has two, and what each number is."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.sampling.spread_changes import hotter
from microtome.studies.sampling.variance import _layer_rows
from tests.sampling.little import little


@pytest.fixture
def halves() -> tuple[np.ndarray, np.ndarray]:
    """Odd and even means "layer n d": a shared part of each completion, and noise."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2, 9, 5)) * np.array([1.0, 3.0])[:, None, None]
    return shared + rng.normal(size=(2, 9, 5)), shared + rng.normal(size=(2, 9, 5))


def test_a_row_without_halves_has_no_split(tmp_path: Path, halves) -> None:
    z = sum(halves) / 2
    for row in _layer_rows(z, None, little(tmp_path)):
        assert not [name for name in row if name.startswith(("split", "control"))]


def test_numbers_are_those_of_the_formulas(tmp_path: Path, halves) -> None:
    z = sum(halves) / 2
    rows = _layer_rows(z, halves, little(tmp_path))
    for layer, row in enumerate(rows):
        size = np.mean((z[layer] ** 2).sum(-1))
        assert row["tr_cov"] == pytest.approx(z[layer].var(0, ddof=1).sum())
        one, other = (half[layer] - half[layer].mean(0) for half in halves)
        assert row["split_half"] == pytest.approx((one * other).sum() / 8)
        assert row["size"] == pytest.approx(size)
        for name in ("tr_cov", "split_half"):
            assert row[f"{name}_relative"] == pytest.approx(row[name] / size)
    assert rows[1]["split_half"] > 4 * rows[0]["split_half"]
    assert abs(rows[1]["control_relative"]) < 0.5 * rows[1]["split_half_relative"]


@pytest.mark.parametrize("temperatures", [(1.0,), (0.5, 1.0), (0.5, 0.8, 1.0)])
def test_the_hottest_is_compared_with_the_coolest(
    tmp_path: Path, temperatures: tuple[float, ...]
) -> None:
    rows = [
        {"problem": f"p{i}", "temperature": t, "split_half": t * (1 + 0.1 * i)}
        for i in range(6)
        for t in temperatures
    ]
    found = hotter(pd.DataFrame(rows), 2, 40, little(tmp_path))
    if len(temperatures) == 1:
        assert found == []
        return
    (one,) = found
    (judged,) = judge([one])
    assert judged.answer.startswith("From T = 0.5 to 1 the variance between completions rises")
    assert one.evidence.value == pytest.approx(0.5 * 1.25)
    assert hotter(pd.DataFrame(rows[: len(temperatures)]), 2, 40, little(tmp_path)) == []
