"""Method × architecture × corruption on the planted models: what finds the truth, and what cannot.

AUROC over nodes, signed (denoising effects are positive; attribution by magnitude), mean over
prompts. Exact patching and integrated gradients over inputs are 1 everywhere; each other entry has
a band around what it reached: an estimate that falls below its floor is broken, and one that rises
above its ceiling makes the documentation wrong.
"""

import pytest
import torch

import microtome as mt
from microtome.methods.patching import attribution_patching, integrated_gradients
from tests.methods.test_estimates import planted_case, signed_auroc

pytestmark = pytest.mark.medium
BAND = 0.12
# Architecture, β, OR-gate, corruption: AtP at the receiver, AtP at the donor, direct attribution.
TABLE = {
    ("gpt2", 3.0, False, "keys"): (1.00, 1.00, 0.41),
    ("gpt2", 3.0, False, "queries"): (1.00, 1.00, 0.64),
    ("gpt2", 3.0, False, "values"): (1.00, 1.00, 0.64),
    ("gpt2", 20.0, False, "keys"): (0.67, 0.68, 0.39),
    ("gpt2", 20.0, False, "queries"): (1.00, 1.00, 0.61),
    ("gpt2", 20.0, False, "values"): (1.00, 1.00, 0.61),
    ("gpt2", 3.0, True, "keys"): (0.21, 0.21, 0.29),
    ("gpt2", 3.0, True, "queries"): (0.33, 0.33, 0.54),
    ("gpt2", 3.0, True, "values"): (0.33, 0.33, 0.54),
    ("gemma2", 3.0, False, "keys"): (1.00, 0.86, 0.39),
    ("gemma2", 3.0, False, "queries"): (1.00, 1.00, 0.60),
    ("gemma2", 3.0, False, "values"): (1.00, 1.00, 0.60),
    ("gemma2", 20.0, False, "keys"): (0.88, 0.81, 0.39),
    ("gemma2", 20.0, False, "queries"): (1.00, 1.00, 0.60),
    ("gemma2", 20.0, False, "values"): (1.00, 1.00, 0.60),
    ("gemma2", 3.0, True, "keys"): (0.39, 0.36, 0.27),
    ("gemma2", 3.0, True, "queries"): (0.33, 0.33, 0.51),
    ("gemma2", 3.0, True, "values"): (0.35, 0.33, 0.51),
}


def _direct(
    model: mt.Model, texts: list[str], directions: list[mt.Direction], nodes
) -> torch.Tensor:
    """|direct contribution| of every node on every clean prompt, "prompt node"."""
    found = []
    for text, direction in zip(texts, directions, strict=True):
        table = mt.attribute(model, text, direction).table().set_index("component")
        found.append([abs(float(table.loc[node, "contribution"])) for node in nodes])
    return torch.tensor(found)


@pytest.mark.parametrize("setting", TABLE, ids=lambda s: "-".join(map(str, s)))
def test_each_method_finds_what_it_can(setting):
    case, truth = planted_case(*setting, 4)
    model, _, clean, _, directions = case
    exact = mt.patch(*case, audited=False)
    inputs = integrated_gradients(*case, over="inputs")
    assert signed_auroc(exact.effects, exact.nodes, truth) == 1.0
    assert signed_auroc(inputs.values, inputs.nodes, truth) == 1.0
    others = (
        attribution_patching(*case).values,
        attribution_patching(*case, at="donor").values,
        _direct(model, clean, directions, exact.nodes),
    )
    for values, reached in zip(others, TABLE[setting], strict=True):
        assert abs(signed_auroc(values, exact.nodes, truth) - reached) <= BAND
