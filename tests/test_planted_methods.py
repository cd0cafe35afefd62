"""The methods on the planted models: what each must find, and what direct attribution cannot."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
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


def directions(model: mt.Model, pairs: list[PlantedPair]) -> list[mt.Direction]:
    """Per pair logit(answer) − logit(other)."""
    return [model.answers(p.clean, p.other, p.answer).direction(model) for p in pairs]


def patched(model: mt.Model, pairs: list[PlantedPair], noising: bool = False) -> mt.Patching:
    """Clean outputs put into the corrupted prompts, or the other way round."""
    receiver, donor = [p.corrupt for p in pairs], [p.clean for p in pairs]
    if noising:
        receiver, donor = donor, receiver
    return mt.patch(model, receiver, donor, NODES, directions(model, pairs))


def by_node(planted: Planted, result: mt.Patching) -> np.ndarray:
    """Effects "node pair" in the order of `planted.nodes`."""
    assert set(result.nodes) == set(planted.nodes)
    return result.effects[:, [result.nodes.index(node) for node in planted.nodes]].T.numpy()


@pytest.mark.parametrize(("architecture", "beta", "gate"), VARIANTS)
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_patch_finds_the_truth_and_agrees_with_the_hook_loop(
    opened, architecture: str, beta: float, gate: bool, corruption: str
) -> None:
    planted, model = opened(architecture, beta, gate)
    pairs = planted.prompts(N_PAIRS, corruption, seed=1)
    result = patched(model, pairs)
    assert all(a.passed for a in result.audit)
    effects = by_node(planted, result)
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
    effects = by_node(planted, patched(model, pairs))
    assert claimed(planted, effects, pairs) == frozenset()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_noising_undoes_what_denoising_does(opened, architecture: str) -> None:
    """A chain of single heads: taking L1H0 out costs what putting it in restores."""
    planted, model = opened(architecture)
    pairs = planted.prompts(N_PAIRS, "keys", seed=3)
    there, back = patched(model, pairs), patched(model, pairs, noising=True)
    whole = (there.donor - there.baseline).mean()
    for node in planted.truth("keys"):
        at = there.nodes.index(node)
        assert float(there.effects[:, at].mean() / whole) == pytest.approx(1.0, abs=0.05)
        assert float(back.effects[:, at].mean() / whole) == pytest.approx(-1.0, abs=0.05)
    rows = there.table()
    flipped = rows[rows.component.isin(planted.truth("keys"))].action_flipped
    assert flipped.all()
    assert flipped.sum() == rows.action_flipped.sum()  # and nothing else flips


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_direct_attribution_is_complete_and_sees_the_table_and_the_constant_head_only(
    opened, architecture: str
) -> None:
    planted, model = opened(architecture)
    pairs = planted.prompts(N_PAIRS, "keys", seed=1)
    rows = []
    for pair, direction in zip(pairs, directions(model, pairs), strict=True):
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
