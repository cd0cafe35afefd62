"""Agreement with the libraries that own the formats, on files that they write, and back.

They live in an environment of their own, because sae-lens brings dozens of packages:

    python -m venv oracles
    oracles/bin/pip install torch sae-lens eai-sparsify
    oracles/bin/pip install --no-deps dictionary-learning circuit-tracer
    MICROTOME_ORACLES=oracles/bin/python pytest tests/dictionaries/test_oracles.py -m slow

Without MICROTOME_ORACLES these tests are skipped and say so. Tolerance is 1e-5 on features and
reconstructions of order one; `-s` prints the largest difference of each library.
"""

import json
import os
import subprocess
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from microtome.dictionaries.export import export
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, ReLU, TopK
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.model.site import attn_z, mlp_in, mlp_out
from tests.dictionaries.planted import random_sae, random_transcoder

HERE = Path(__file__).parent
PYTHON = os.environ.get("MICROTOME_ORACLES", "")
TOLERANCE = 1e-5

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON, reason="set MICROTOME_ORACLES to a Python that has sae-lens and eai-sparsify"
    ),
]


def run(script: str, folder: Path) -> None:
    done = subprocess.run(
        [PYTHON, HERE / script, folder], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr[-2000:]


def gap(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, over a non-trivial tensor."""
    assert theirs.abs().max() > 0.1
    return float((ours - theirs).abs().max())


def shown(gaps: dict[str, list[float]]) -> None:
    for library, found in gaps.items():
        print(f"{library}: {len(found)} files, largest difference {max(found):.1e}")


def test_we_read_what_they_write(tmp_path: Path) -> None:
    run("oracle_write.py", tmp_path)
    cases = json.loads((tmp_path / "cases.json").read_text())
    gaps = defaultdict(list)
    for case in cases:
        expected = load_file(tmp_path / case / "expected.safetensors")
        mine = load_dictionary(tmp_path / case)
        features = mine.encode(expected["x"])
        assert ((features > 0) == (expected["features"] > 0)).all(), case
        found = max(
            gap(features, expected["features"]),
            gap(mine.decode(features, expected["x"]), expected["reconstruction"]),
        )
        assert found <= TOLERANCE, (case, found)
        assert mine.site_out is not None or "checkpoint" in case, case
        gaps[case.split("-")[0]].append(found)
    shown(gaps)
    assert {"saelens", "sparsify"} <= set(gaps)
    assert len(gaps["saelens"]) == 42


def exports() -> dict[str, SAE]:
    """Everything that can be exported, each by the formats that take it."""
    cases: dict[str, SAE] = {}
    torch.manual_seed(5)
    kinds = {
        "relu": ReLU(),
        "topk": TopK(5),
        "jumprelu": JumpReLU(torch.rand(32)),
        "onethreshold": JumpReLU(torch.tensor(0.3)),
        "gated": Gated(torch.randn(32), 0.3 * torch.randn(32)),
    }
    for name, kind in kinds.items():
        for norm in ("none", "constant", "layer", "unit"):
            sae = random_sae(16, activation=kind, norm=InputNorm(norm))
            offsets = {"zero": None, "b_dec": sae.b_dec, "other": 0.2 * torch.randn(16)}
            for offset, b_in in offsets.items():
                cases[f"saelens-{name}-{norm}-{offset}"] = replace(sae, b_in=b_in)
    cases["saelens-z"] = random_sae(16, site=attn_z[1])
    coder = random_transcoder(16, layer=0)
    offset = replace(coder, b_in=0.2 * torch.randn(16))
    for library in ("saelens", "circuit_tracer"):
        for name in ("relu", "jumprelu", "topk"):
            if (library, name) != ("saelens", "topk"):
                plain: Transcoder = replace(offset, activation=kinds[name])
                cases[f"{library}-coder-{name}-skip"] = plain
                cases[f"{library}-coder-{name}"] = replace(plain, w_skip=None)
    return cases


def test_they_read_what_we_write(tmp_path: Path) -> None:
    cases, x = exports(), 2 * torch.randn(40, 16) + 0.3
    for name, dictionary in cases.items():
        export(dictionary, tmp_path / name, name.split("-")[0].replace("_", "-"))
        save_file({"x": x}, tmp_path / name / "inputs.safetensors")
    run("oracle_compare.py", tmp_path)
    gaps = defaultdict(list)
    for name, dictionary in cases.items():
        seen = load_file(tmp_path / name / "seen.safetensors")
        features = dictionary.encode(x)
        pairs = [(features, "features"), (dictionary.decode(features, x), "reconstruction")]
        # A unit norm becomes a constant one, its features the same.
        found = max(gap(ours, seen[theirs]) for ours, theirs in pairs)
        assert found <= TOLERANCE, (name, found)
        gaps[name.split("-")[0]].append(found)
        again = load_dictionary(tmp_path / name)
        torch.testing.assert_close(again.encode(x), features, rtol=1e-5, atol=1e-5)
        if "coder" in name:
            assert (again.site_in, again.site_out) == (mlp_in[0], mlp_out[0])
        else:
            assert again.site_in == dictionary.site_in
    shown(gaps)
