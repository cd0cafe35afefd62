"""The methods on the planted models: what each must find, and what direct attribution cannot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import microtome as mt
from microtome import head_out, mlp_out
from microtome.specimens.planted import CORRUPTIONS, Planted, PlantedPair
from tests.planted_loop import ARCHITECTURES, claimed, exact_effects

N_PAIRS = 12
NODES = [head_out[:, :], mlp_out[:]]
pytestmark = pytest.mark.medium
Opened = tuple[Planted, mt.Model]
VARIANTS = [(a, beta, gate) for a in ARCHITECTURES for beta, gate in ((20.0, False), (8.0, True))]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Opened]:
    """A planted model saved to a folder and loaded from it as any checkpoint."""
    root: Path = tmp_path_factory.mktemp("planted")
    known: dict[tuple, Opened] = {}

    def of(architecture: str, beta: float = 8.0, or_gate: bool = False) -> Opened:
        key = (architecture, beta, or_gate)
        if key not in known:
            planted = Planted(architecture, beta=beta, or_gate=or_gate)
            folder = planted.save(root / f"{architecture}-{beta}-{or_gate}")
            known[key] = planted, mt.load(str(folder), device="cpu")
        return known[key]

    return of


def patched(model: mt.Model, pairs: list[PlantedPair]) -> list[mt.Patching]:
    """One denoising result per pair: each has its own two answers."""
    found = []
    for pair in pairs:
        direction = model.answers(pair.clean, pair.other, pair.answer).direction(model)
        found.append(mt.patch(model, pair.corrupt, pair.clean, NODES, direction, max_rows=20))
    return found


@pytest.mark.parametrize(("architecture", "beta", "gate"), VARIANTS)
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_patch_finds_the_truth_and_agrees_with_the_hook_loop(
    opened, architecture: str, beta: float, gate: bool, corruption: str
) -> None:
    planted, model = opened(architecture, beta, gate)
    pairs = planted.prompts(N_PAIRS, corruption, seed=1)
    results = patched(model, pairs)
    assert all(a.passed for r in results for a in r.audit)
    assert set(results[0].nodes) == set(planted.nodes)
    order = [results[0].nodes.index(node) for node in planted.nodes]
    effects = torch.cat([r.effects for r in results])[:, order].T.numpy()
    np.testing.assert_allclose(effects, exact_effects(planted, pairs)[0], atol=1e-4)
    truth = planted.truth(corruption)
    score = roc_auc_score([node in truth for node in planted.nodes], np.abs(effects.mean(1)))
    assert score == 1.0
    assert claimed(planted, effects, pairs) == truth


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_patch_claims_nothing_where_the_metric_is_permuted(
    opened, architecture: str, corruption: str
) -> None:
    planted, model = opened(architecture)
    pairs = planted.prompts(N_PAIRS, corruption, seed=1, permuted=True)
    results = patched(model, pairs)
    order = [results[0].nodes.index(node) for node in planted.nodes]
    effects = torch.cat([r.effects for r in results])[:, order].T.numpy()
    assert claimed(planted, effects, pairs) == frozenset()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_noising_undoes_what_denoising_does(opened, architecture: str) -> None:
    """A chain of single heads: taking L1H0 out costs what putting it in restores."""
    planted, model = opened(architecture)
    for pair in planted.prompts(4, "keys", seed=3):
        direction = model.answers(pair.clean, pair.other, pair.answer).direction(model)
        there = mt.patch(model, pair.corrupt, pair.clean, NODES, direction)
        back = mt.patch(model, pair.clean, pair.corrupt, NODES, direction)
        whole = there.donor - there.baseline
        for node in planted.truth("keys"):
            at = there.nodes.index(node)
            assert float(there.effects[0, at] / whole) == pytest.approx(1.0, abs=0.15)
            assert float(back.effects[0, at] / whole) == pytest.approx(-1.0, abs=0.15)
            assert bool(there.table().action_flipped[at])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_direct_attribution_is_complete_and_sees_the_table_and_the_constant_head_only(
    opened, architecture: str
) -> None:
    planted, model = opened(architecture)
    pairs = planted.prompts(N_PAIRS, "keys", seed=1)
    rows = []
    for pair in pairs:
        direction = model.answers(pair.clean, pair.other, pair.answer).direction(model)
        split = mt.attribute(model, pair.clean, direction)
        assert all(a.passed for a in split.audit)
        named = {row["component"]: row["contribution"] for row in split.rows()}
        rows.append([abs(named[node]) for node in planted.nodes])
    size = dict(zip(planted.nodes, np.mean(rows, axis=0), strict=True))
    assert max(size, key=size.__getitem__) == "L2_MLP"
    upstream = max(size["L0H0"], size["L1H0"])
    assert size["L2H3"] > 3 * upstream  # no cause at all, and yet its share is the larger one
    truth = planted.truth("keys")
    score = roc_auc_score([n in truth for n in planted.nodes], [size[n] for n in planted.nodes])
    assert score < 0.9
