"""GemmaScope 2, sparsify and circuit-tracer files, each against its formula written out here."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from microtome.dictionaries.formats.variant import variant_of
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError, NumericsError
from microtome.model.site import (
    attn_z,
    mlp_in,
    mlp_out,
    resid_post,
    resid_pre,
)
from tests.dictionaries.files import D_DICT, D, X, close, parameters, put


def gemma_scope_2(folder: Path, config: dict[str, Any] | None, skip: bool = False) -> Path:
    p = parameters(D, D_DICT)
    tensors = {key.lower(): value for key, value in p.items()}
    if skip:
        tensors["affine_skip_connection"] = torch.eye(D)[torch.arange(D).roll(1)]
    return put(folder, "params.safetensors", tensors, config)


@pytest.mark.parametrize(
    ("read_at", "written_at", "site_in", "site_out"),
    [
        ("model.layers.7.output", None, resid_post[7], resid_post[7]),
        ("model.language_model.layers.7.output", None, resid_post[7], resid_post[7]),
        ("model.layers.3.self_attn.o_proj.input", None, attn_z[3], attn_z[3]),
        ("model.layers.3.post_feedforward_layernorm.output", None, mlp_out[3], mlp_out[3]),
        (
            "model.layers.3.pre_feedforward_layernorm.output",
            "model.layers.3.post_feedforward_layernorm.output",
            mlp_in[3],
            mlp_out[3],
        ),
    ],
)
def test_gemma_scope_2(tmp_path, read_at, written_at, site_in, site_out) -> None:
    config = {"architecture": "jump_relu", "model_name": "gemma-3-1b-pt", "l0": 20}
    config |= {"hf_hook_point_in": read_at, "hf_hook_point_out": written_at}
    skip = written_at is not None
    found = load_dictionary(gemma_scope_2(tmp_path, config, skip))
    p = parameters(D, D_DICT)
    f = torch.relu(pre := X @ p["W_enc"] + p["b_enc"]) * (pre > p["threshold"])
    close(found.encode(X), f)
    close(found.reconstruct(X), f @ p["W_dec"] + p["b_dec"] + (X.roll(-1, 1) if skip else 0))
    assert (found.site_in, found.site_out) == (site_in, site_out)
    assert isinstance(found, Transcoder) == skip
    assert found.origin.model == "google/gemma-3-1b-pt"
    assert found.origin.facts == {"average_l0": 20}


def test_gemma_scope_2_without_its_configuration(tmp_path: Path) -> None:
    inside = "gemma-scope-2-1b-it/transcoder/layer_5_width_16k_l0_small_affine"
    found = load_dictionary(gemma_scope_2(tmp_path / inside, None, True))
    assert (found.site_in, found.site_out) == (mlp_in[5], mlp_out[5])
    assert found.origin.model == "google/gemma-3-1b-it"
    inside = "resid_post_against_mlp/gemma-scope-2-1b-it/attn_out/layer_5_width_16k_l0_small"
    found = load_dictionary(gemma_scope_2(tmp_path / inside, None))
    assert (found.site_in, found.site_out) == (attn_z[5], attn_z[5])
    with pytest.raises(DictionaryError, match="architecture 'topk'; GemmaScope 2"):
        load_dictionary(gemma_scope_2(tmp_path / "other", {"architecture": "topk"}))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("gemma-v3-1b-it", "google/gemma-3-1b-it"),
        ("gemma-v3-270m-pt", "google/gemma-3-270m"),
        ("google/gemma-v3-27b-pt", "google/gemma-3-27b-pt"),
        ("gemma-3-4b-pt", "google/gemma-3-4b-pt"),
        ("other/gemma-2-v3-x", "other/gemma-2-v3-x"),
    ],
)
def test_gemma_scope_2_names_the_model_as_the_hub_does(tmp_path, theirs, ours) -> None:
    config = {"model_name": theirs, "hf_hook_point_in": "model.layers.7.output"}
    assert load_dictionary(gemma_scope_2(tmp_path, config)).origin.model == ours


def test_gemma_scope_2_folders_tell_width_and_level(tmp_path: Path) -> None:
    inside = "gemma-scope-2-270m-pt/resid_post_all/layer_5_width_16k_l0_small"
    found = load_dictionary(gemma_scope_2(tmp_path / inside, None))
    assert found.site_in == resid_post[5]
    assert found.origin.model == "google/gemma-3-270m"
    assert found.origin.facts == {"width": "16k", "level": "small"}
    told = load_dictionary(gemma_scope_2(tmp_path / inside, {"l0": 18, "width": 16384}))
    assert told.origin.facts == {"width": 16384, "level": "small", "average_l0": 18}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("resid_post/layer_12_width_16k_l0_small/params.safetensors", ("16k", 15, "small")),
        ("resid_post/layer_12_width_262k_l0_big", ("262k", 105, "big")),
        ("transcoder/layer_5_width_1m_l0_medium_affine", ("1m", 45, "medium")),
        ("layer_12/width_16k/average_l0_82/params.npz", ("16k", 82, "82")),
        ("layer_12/width_65k", ("65k", None, "")),
        ("layer_12/average_l0_82", None),
        ("blocks.8.hook_resid_pre", None),
    ],
)
def test_a_variant_is_read_from_its_path(path: str, found: tuple | None) -> None:
    variant = variant_of(path)
    assert (variant and (variant.width, variant.l0, variant.level)) == found


def sparsify(folder: Path, **config: Any) -> Path:
    p = parameters(D, D_DICT)
    tensors = {"encoder.weight": p["W_enc"].T, "encoder.bias": p["b_enc"]}
    tensors |= {"W_dec": p["W_dec"], "b_dec": p["b_dec"]}
    if config.get("skip_connection"):
        tensors["W_skip"] = 0.1 * torch.ones(D, D)
    (folder.parent).mkdir(parents=True, exist_ok=True)
    (folder.parent / "config.json").write_text('{"model": "EleutherAI/pythia-160m"}')
    return put(folder, "sae.safetensors", tensors, {"d_in": D, "k": 4, **config})


@pytest.mark.parametrize("transcode", [False, True])
def test_sparsify(tmp_path: Path, transcode: bool) -> None:
    folder = tmp_path / "gpt_neox.layers.3.mlp"
    found = load_dictionary(sparsify(folder, transcode=transcode, skip_connection=transcode))
    p = parameters(D, D_DICT)
    pre = torch.relu((X if transcode else X - p["b_dec"]) @ p["W_enc"] + p["b_enc"])
    top = pre.topk(4)
    f = torch.zeros(30, D_DICT).scatter_(1, top.indices, top.values)
    close(found.encode(X), f)
    skip = 0.1 * X.sum(-1, keepdim=True) if transcode else 0
    close(found.reconstruct(X), f @ p["W_dec"] + p["b_dec"] + skip)
    assert (found.site_in, found.site_out) == (mlp_in[3] if transcode else mlp_out[3], mlp_out[3])
    assert found.origin.model == "EleutherAI/pythia-160m"


@pytest.mark.parametrize(
    ("hookpoint", "transcode", "sites"),
    [
        ("layers.10", False, (resid_post[10], resid_post[10])),
        ("h.2", True, (resid_pre[2], resid_post[2])),
        ("embed_tokens", False, (None, None)),
    ],
)
def test_sparsify_hookpoints(tmp_path, hookpoint, transcode, sites) -> None:
    found = load_dictionary(sparsify(tmp_path / hookpoint, transcode=transcode))
    assert (found.site_in, found.site_out) == sites


def test_what_sparsify_files_are_refused(tmp_path: Path) -> None:
    for config, said in (
        ({"activation": "groupmax"}, "the activation 'groupmax'"),
        ({"signed": True}, "the activation 'signed top-k'"),
        ({"k": None}, "does not say k"),
        ({"skip_connection": True}, "W_skip and cfg.json says it is no transcoder"),
    ):
        with pytest.raises(DictionaryError, match=said):
            load_dictionary(sparsify(tmp_path / "layers.1", **config))
    file = tmp_path / "layers.1" / "sae.safetensors"
    file.write_bytes(file.read_bytes()[:100])
    sparsify_config = tmp_path / "layers.1" / "cfg.json"
    sparsify_config.write_text('{"d_in": 16, "k": 4}')
    with pytest.raises(DictionaryError, match="cannot be read as a safetensors file"):
        load_dictionary(tmp_path / "layers.1")
    sparsify_config.write_text("[]")
    with pytest.raises(DictionaryError, match="holds no JSON object"):
        load_dictionary(tmp_path / "layers.1")


HOOKS = "feature_input_hook: mlp.hook_in\nfeature_output_hook: mlp.hook_out\n"


def circuit_tracer(folder: Path, config: str = HOOKS, layers: int = 2, **more: Tensor) -> Path:
    for layer in range(layers):
        p = parameters(D, D_DICT, seed=layer)
        del p["threshold"]
        put(folder, f"layer_{layer}.safetensors", p | {"W_enc": p["W_enc"].T} | more)
    (folder / "config.yaml").write_text(f"model_name: Qwen/Qwen3-4B\n{config}")
    return folder


def test_a_circuit_tracer_set(tmp_path: Path) -> None:
    folder = circuit_tracer(tmp_path, W_skip=0.1 * torch.ones(D, D))
    with pytest.raises(DictionaryError, match=r"2 dictionaries \(layer_0.safetensors, layer_1"):
        load_dictionary(folder)
    coder = load_dictionary(folder / "layer_1.safetensors")
    p = parameters(D, D_DICT, seed=1)
    f = torch.relu(X @ p["W_enc"] + p["b_enc"])
    close(coder.encode(X), f)
    close(coder.reconstruct(X), f @ p["W_dec"] + p["b_dec"] + 0.1 * X.sum(-1, keepdim=True))
    assert (coder.site_in, coder.site_out) == (mlp_in[1], mlp_out[1])
    assert coder.origin.model == "Qwen/Qwen3-4B"
    assert coder.architecture == "ReLU skip transcoder"


def test_activation_functions_of_a_set(tmp_path: Path) -> None:
    threshold = parameters(D, D_DICT)["threshold"]
    jump = circuit_tracer(tmp_path / "a", **{"activation_function.threshold": threshold})
    assert load_dictionary(jump / "layer_0.safetensors").architecture == "JumpReLU transcoder"
    top = circuit_tracer(tmp_path / "b", HOOKS + "activation: topk\nk: 7\n")
    found = load_dictionary(top / "layer_0.safetensors")
    assert (found.encode(X) > 0).sum(-1).max() == 7
    for config, said in (
        (HOOKS + "activation: topk\n", "activation: topk and no k"),
        ("model_kind: cross_layer_transcoder\n", "describes a cross_layer_transcoder"),
    ):
        with pytest.raises(DictionaryError, match=said):
            load_dictionary(circuit_tracer(tmp_path / "c", config) / "layer_0.safetensors")


def test_values_that_are_not_finite(tmp_path: Path) -> None:
    bad = circuit_tracer(tmp_path, W_skip=torch.full((D, D), torch.inf))
    with pytest.raises(NumericsError, match="not finite in w_skip"):
        load_dictionary(bad / "layer_0.safetensors")


def test_weights_are_mapped_and_not_copied(tmp_path: Path) -> None:
    """The pages of a safetensors file belong to the file until they are written to."""
    found = load_dictionary(circuit_tracer(tmp_path) / "layer_0.safetensors")
    assert isinstance(found, SAE)
    mapped = Path("/proc/self/maps")
    if not mapped.exists():
        pytest.skip("this system has no /proc")
    assert str(tmp_path / "layer_0.safetensors") in mapped.read_text()


def test_a_module_before_a_post_norm_is_told_from_our_site(tmp_path: Path) -> None:
    """`layers.3.mlp` writes mlp_out only where no norm follows: fits asks the model about it."""
    p = parameters(D, D_DICT)
    told = {
        "model.layers.3.mlp": True,
        "blocks.3.mlp.hook_out": True,
        "model.layers.3.self_attn": True,
        "blocks.3.hook_mlp_out": False,
        "model.layers.3.post_feedforward_layernorm.output": False,
        "model.layers.3": False,
    }
    for hook, before in told.items():
        config = {"architecture": "standard", "metadata": {"hook_name": hook}}
        found = load_dictionary(put(tmp_path / hook, "sae_weights.safetensors", p, config))
        assert found.site_out is not None
        assert (found.origin.facts.get("hookpoint") == hook) == before
    for hook in ("mlp.hook_out", "hook_mlp_out"):
        folder = put(tmp_path / hook, "layer_3.safetensors", {**p, "W_enc": p["W_enc"].T})
        text = f"feature_input_hook: mlp.hook_in\nfeature_output_hook: {hook}\n"
        (folder / "config.yaml").write_text(text)
        found = load_dictionary(folder)
        assert found.site_out == mlp_out[3]
        assert ("hookpoint" in found.origin.facts) == (hook == "mlp.hook_out")
