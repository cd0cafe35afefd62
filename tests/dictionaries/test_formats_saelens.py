"""SAELens files against their formula, through the versions; what is not known is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch

from microtome.dictionaries.load import load_dictionary
from microtome.errors import DictionaryError
from microtome.model.site import (
    Site,
    attn_z,
    head_z,
    mlp_in,
    mlp_normed,
    mlp_out,
    resid_mid,
    resid_pre,
)
from tests.dictionaries.files import D_DICT, D, X, close, parameters, put


def sae_lens(folder: Path, architecture: str = "standard", **config: Any) -> Path:
    p = parameters(D, D_DICT)
    if "jumprelu" not in architecture:
        del p["threshold"]
    p |= {"W_skip": 0.1 * torch.ones(D, D)} if "skip" in architecture else {}
    return put(
        folder, "sae_weights.safetensors", p, {"architecture": architecture, "d_in": D} | config
    )


def test_saelens_subtracts_its_bias_unless_told_not_to(tmp_path: Path) -> None:
    p = parameters(D, D_DICT)
    for config, subtracts in (({}, 1), ({"apply_b_dec_to_input": False}, 0)):
        sae = load_dictionary(sae_lens(tmp_path, **config))
        f = torch.relu((X - subtracts * p["b_dec"]) @ p["W_enc"] + p["b_enc"])
        close(sae.encode(X), f)
        close(sae.reconstruct(X), f @ p["W_dec"] + p["b_dec"])


def test_saelens_layer_norm(tmp_path: Path) -> None:
    p = parameters(D, D_DICT)
    sae = load_dictionary(sae_lens(tmp_path, normalize_activations="layer_norm"))
    mean, std = X.mean(-1, keepdim=True), X.std(-1, keepdim=True)
    f = torch.relu(((X - mean) / (std + 1e-5) - p["b_dec"]) @ p["W_enc"] + p["b_enc"])
    close(sae.encode(X), f)
    close(sae.reconstruct(X), (f @ p["W_dec"] + p["b_dec"]) * std + mean)


def test_saelens_top_k_ranks_by_the_norm_of_its_rows_when_told_so(tmp_path: Path) -> None:
    p = parameters(D, D_DICT)
    p["W_dec"] *= torch.rand(D_DICT, 1) + 0.1
    del p["threshold"]
    config = {"architecture": "topk", "k": 4, "rescale_acts_by_decoder_norm": True}
    sae = load_dictionary(put(tmp_path, "sae_weights.safetensors", p, config))
    norm = p["W_dec"].norm(dim=1)
    pre = ((X - p["b_dec"]) @ p["W_enc"] + p["b_enc"]) * norm
    top = pre.topk(4)
    f = torch.zeros(30, D_DICT).scatter_(1, top.indices, top.values.relu())
    close(sae.encode(X), f)
    close(sae.reconstruct(X), (f / norm) @ p["W_dec"] + p["b_dec"])
    config["rescale_acts_by_decoder_norm"] = False
    plain = load_dictionary(put(tmp_path, "sae_weights.safetensors", p, config))
    assert not torch.equal(plain.encode(X) > 0, f > 0)


def test_saelens_input_scale_is_folded_when_its_file_is_there(tmp_path: Path) -> None:
    folder = sae_lens(tmp_path, normalize_activations="expected_average_only_in")
    unfolded = load_dictionary(folder)
    (folder / "activation_scaler.json").write_text('{"scaling_factor": 0.25}')
    folded = load_dictionary(folder)
    close(folded.encode(X), unfolded.encode(0.25 * X))
    close(folded.reconstruct(X), unfolded.reconstruct(0.25 * X) / 0.25)
    assert unfolded.origin.facts["normalize_activations"] == "expected_average_only_in"


def test_saelens_before_version_6(tmp_path: Path) -> None:
    p = parameters(D, D_DICT)
    del p["threshold"]
    p["finetuning_scaling_factor"] = torch.rand(D_DICT) + 0.5
    old = {
        "hook_point": "blocks.2.hook_resid_pre",
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": 3},
        "normalize_activations": True,
        "model_name": "gpt2-small",
    }
    sae = load_dictionary(put(tmp_path, "sae_weights.safetensors", p, old))
    assert sae.architecture == "top-k SAE"
    assert (sae.encode(X) > 0).sum(-1).max() == 3
    assert sae.site_in == resid_pre[2]
    assert sae.origin.model == "gpt2-small"
    assert sae.origin.facts["normalize_activations"] == "expected_average_only_in"
    close(sae.atoms, p["finetuning_scaling_factor"][:, None] * p["W_dec"])


@pytest.mark.parametrize(
    ("metadata", "site"),
    [
        ({"hook_name": "blocks.4.hook_resid_mid"}, resid_mid[4]),
        ({"hook_name": "blocks.4.attn.hook_z"}, attn_z[4]),
        ({"hook_name": "blocks.4.attn.hook_z", "hook_head_index": 2}, head_z[4, 2]),
        ({"hook_name": "blocks.4.ln2.hook_normalized", "model_name": "gemma-2-2b"}, mlp_normed[4]),
        ({"hook_name": "blocks.4.ln2.hook_normalized", "model_name": "gpt2-small"}, mlp_in[4]),
        ({"hook_name": "blocks.4.mlp.hook_in"}, mlp_in[4]),
        ({"hook_name": "hook_embed"}, resid_pre[0]),
        ({"hook_name": "blocks.4.hook_mlp_in"}, None),  # before the norm in some, after in others
        (
            {
                "hook_name": "blocks.4.hook_mlp_in",
                "hf_hook_name": "model.layers.4.pre_feedforward_layernorm.output",
            },
            mlp_in[4],
        ),
        ({}, None),
    ],
)
def test_saelens_hooks(tmp_path: Path, metadata: dict[str, Any], site: Site | None) -> None:
    assert load_dictionary(sae_lens(tmp_path, metadata=metadata)).site_in == site


def test_a_saelens_skip_transcoder(tmp_path: Path) -> None:
    hooks = {"hook_name": "blocks.1.mlp.hook_in", "hook_name_out": "blocks.1.hook_mlp_out"}
    coder = load_dictionary(sae_lens(tmp_path, "jumprelu_skip_transcoder", metadata=hooks))
    p = parameters(D, D_DICT)
    f = torch.relu(pre := X @ p["W_enc"] + p["b_enc"]) * (pre > p["threshold"])
    close(coder.reconstruct(X), f @ p["W_dec"] + p["b_dec"] + 0.1 * X.sum(-1, keepdim=True))
    assert coder.architecture == "JumpReLU skip transcoder"
    assert (coder.site_in, coder.site_out) == (mlp_in[1], mlp_out[1])


@pytest.mark.parametrize(
    ("architecture", "config", "said"),
    [
        ("hydra", {}, "names the architecture 'hydra'"),
        ("temporal", {}, "names the architecture 'temporal'"),
        ("standard", {"activation_fn": "tanh-relu"}, "the activation 'tanh-relu'"),
        ("standard", {"normalize_activations": "covariance_whitening"}, "'covariance_whitening'"),
        ("transcoder", {"normalize_activations": "layer_norm"}, "'layer_norm' for a transcoder"),
        ("topk", {}, "does not say k"),
        ("jumprelu", {"drop": "threshold"}, "lacks 'threshold'; it holds W_dec, W_enc, b_dec"),
        ("gated", {}, "lacks 'b_mag'"),
        ("batchtopk", {}, "lacks the number 'topk_threshold'"),
    ],
)
def test_what_saelens_files_are_refused(tmp_path, architecture, config, said) -> None:
    folder = sae_lens(tmp_path, architecture, **config)
    if "drop" in config:
        p = parameters(D, D_DICT)
        put(folder, "sae_weights.safetensors", {k: v for k, v in p.items() if k != "threshold"})
    with pytest.raises(DictionaryError, match=said):
        load_dictionary(folder)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once_in_the_file(tmp_path: Path, dtype: torch.dtype) -> None:
    """Norms of rows are multiplied in as fp32: rounding each product again exchanges features."""
    p = parameters(D, D_DICT)
    p["W_dec"] *= torch.rand(D_DICT, 1) + 0.1
    del p["threshold"]
    p = {name: value.to(dtype) for name, value in p.items()}
    config = {"architecture": "topk", "k": 4, "rescale_acts_by_decoder_norm": True}
    sae = load_dictionary(put(tmp_path, "sae_weights.safetensors", p, config))
    p = {name: value.float() for name, value in p.items()}
    norm = p["W_dec"].norm(dim=1)
    top = (((X - p["b_dec"]) @ p["W_enc"] + p["b_enc"]) * norm).topk(4)
    f = torch.zeros(30, D_DICT).scatter_(1, top.indices, top.values.relu())
    close(sae.encode(X), f)
    close(sae.reconstruct(X), (f / norm) @ p["W_dec"] + p["b_dec"])
