"""Run by an interpreter that has the other libraries: they write dictionaries and what they do.

    python oracle_write.py FOLDER

Each subfolder holds one dictionary as its library saves it, with random weights, and
`expected.safetensors`: inputs x, features and reconstructions as the library computes them. Only
libraries that are installed write; `cases.json` lists what was written.
"""

import json
import sys
import types
from pathlib import Path

import torch
from safetensors.torch import save_file

D, D_DICT, N = 16, 48, 40


def randomised(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """The module with random parameters; decoder rows get unequal lengths on purpose."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.copy_(torch.randn(value.shape, generator=generator, dtype=value.dtype) / 3)
            if "threshold" in name:
                value.copy_(value.abs())
    return module


def inputs(seed: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(N, D, generator=generator) + 0.3


def keep(folder: Path, x: torch.Tensor, features: torch.Tensor, out: torch.Tensor) -> None:
    tensors = {"x": x, "features": features, "reconstruction": out}
    save_file(
        {k: v.detach().float().contiguous().clone() for k, v in tensors.items()},
        folder / "expected.safetensors",
    )


def sae_lens(root: Path) -> list[str]:
    import sae_lens as library
    from sae_lens.saes.sae import SAEMetadata

    def metadata(**more: object) -> SAEMetadata:
        return SAEMetadata(hook_name="blocks.3.hook_resid_post", model_name="gpt2-small", **more)

    common = {"d_in": D, "d_sae": D_DICT}
    norms = ("none", "expected_average_only_in", "constant_norm_rescale", "layer_norm")
    cases = {}
    for kind in ("Standard", "TopK", "JumpReLU", "Gated"):
        config, cls = getattr(library, f"{kind}SAEConfig"), getattr(library, f"{kind}SAE")
        more = {"k": 6} if kind == "TopK" else {}
        for norm in norms:
            for subtract in (True, False):
                made = config(
                    **common,
                    **more,
                    normalize_activations=norm,
                    apply_b_dec_to_input=subtract,
                    metadata=metadata(),
                )
                cases[f"saelens-{kind}-{norm}-{subtract}"] = cls(made)
    rescaled = library.TopKSAEConfig(
        **common, k=6, rescale_acts_by_decoder_norm=True, metadata=metadata()
    )
    cases["saelens-TopK-rescaled"] = library.TopKSAE(rescaled)
    for kind in ("Transcoder", "SkipTranscoder", "JumpReLUTranscoder", "JumpReLUSkipTranscoder"):
        config = getattr(library.saes.transcoder, f"{kind}Config")(
            **common,
            d_out=D,
            apply_b_dec_to_input=False,
            metadata=metadata(hook_name_out="blocks.3.hook_mlp_out"),
        )
        cases[f"saelens-{kind}"] = getattr(library.saes.transcoder, kind)(config)
    for seed, (name, sae) in enumerate(cases.items()):
        randomised(sae, seed)
        sae.save_model(root / name)
        again = library.SAE.load_from_disk(root / name)
        x = inputs()
        keep(root / name, x, again.encode(x), again(x))
    return list(cases) + trained_by_sae_lens(root) + older_sae_lens(root)


def trained_by_sae_lens(root: Path) -> list[str]:
    """Batch top-k checkpoints in the form they have while training, and what their export does."""
    import sae_lens as library

    cases = []
    for rescale in (True, False):
        name = f"saelens-batchtopk-checkpoint-{rescale}"
        config = library.BatchTopKTrainingSAEConfig(
            d_in=D, d_sae=D_DICT, k=6, rescale_acts_by_decoder_norm=rescale
        )
        sae = randomised(library.BatchTopKTrainingSAE(config), 50)
        sae.topk_threshold.fill_(0.8)
        sae.save_model(root / name)
        sae.save_inference_model(root / f"{name}-export")
        export = library.SAE.load_from_disk(root / f"{name}-export")
        for folder in (root / name, root / f"{name}-export"):
            x = inputs()
            keep(folder, x, export.encode(x), export(x))
        cases += [name, f"{name}-export"]
    return cases


def older_sae_lens(root: Path) -> list[str]:
    """A configuration with the names that versions before 6 used."""
    import sae_lens as library

    sae = randomised(library.TopKSAE(library.TopKSAEConfig(d_in=D, d_sae=D_DICT, k=5)), 60)
    name = "saelens-version-3"
    sae.save_model(root / name)
    config = {
        "d_in": D,
        "d_sae": D_DICT,
        "dtype": "torch.float32",
        "device": "cpu",
        "hook_point": "blocks.2.hook_resid_pre",
        "hook_point_head_index": None,
        "activation_fn_str": "topk",
        "activation_fn_kwargs": {"k": 5},
        "normalize_activations": False,
        "model_name": "gpt2-small",
        "finetuning_scaling_factor": False,
    }
    (root / name / "cfg.json").write_text(json.dumps(config))
    again = library.SAE.load_from_disk(root / name)
    x = inputs()
    keep(root / name, x, again.encode(x), again(x))
    return [name]


def sparsify(root: Path) -> list[str]:
    from sparsify import SparseCoder, SparseCoderConfig

    cases = []
    for seed, (transcode, skip) in enumerate([(False, False), (True, False), (True, True)]):
        name = f"sparsify-{transcode}-{skip}/layers.3.mlp"
        config = SparseCoderConfig(
            num_latents=D_DICT, k=6, transcode=transcode, skip_connection=skip
        )
        coder = randomised(SparseCoder(D, config), seed)
        coder.save_to_disk(root / name)
        x = inputs()
        out = SparseCoder.load_from_disk(root / name)(x)
        dense = torch.zeros(N, D_DICT).scatter_(-1, out.latent_indices, out.latent_acts)
        keep(root / name, x, dense, out.sae_out)
        cases.append(name)
    return cases


def dictionary_learning(root: Path) -> list[str]:
    # The package imports nnsight for its training buffer, which nothing here uses.
    nnsight = types.ModuleType("nnsight")
    nnsight.LanguageModel = object
    sys.modules.setdefault("nnsight", nnsight)
    import dictionary_learning.dictionary as classes
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
    from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE
    from dictionary_learning.trainers.top_k import AutoEncoderTopK

    made = {
        "AutoEncoder": classes.AutoEncoder(D, D_DICT),
        "AutoEncoderNew": classes.AutoEncoderNew(D, D_DICT),
        "GatedAutoEncoder": classes.GatedAutoEncoder(D, D_DICT),
        "JumpReluAutoEncoder": classes.JumpReluAutoEncoder(D, D_DICT),
        "AutoEncoderTopK": AutoEncoderTopK(D, D_DICT, 6),
        "BatchTopKSAE": BatchTopKSAE(D, D_DICT, 6),
        "MatryoshkaBatchTopKSAE": MatryoshkaBatchTopKSAE(D, D_DICT, 6, [16, 32]),
    }
    for seed, (name, sae) in enumerate(made.items()):
        randomised(sae, seed)
        if name in ("BatchTopKSAE", "MatryoshkaBatchTopKSAE"):
            sae.threshold.fill_(0.7)
        folder = root / f"dictionary_learning-{name}" / "resid_post_layer_3" / "trainer_0"
        folder.mkdir(parents=True)
        torch.save(sae.state_dict(), folder / "ae.pt")
        trainer = {"dict_class": name, "layer": 3, "lm_name": "EleutherAI/pythia-70m", "k": 6}
        (folder / "config.json").write_text(json.dumps({"trainer": trainer}))
        x = inputs()
        features = sae.encode(x)
        keep(folder, x, features, sae.decode(features))
    return [f"dictionary_learning-{name}/resid_post_layer_3/trainer_0" for name in made]


def circuit_tracer(root: Path) -> list[str]:
    from circuit_tracer.transcoder.activation_functions import JumpReLU, TopK
    from circuit_tracer.transcoder.single_layer_transcoder import SingleLayerTranscoder

    kinds = {
        "relu": torch.nn.functional.relu,
        "jumprelu": JumpReLU(torch.rand(D_DICT), 0.1),
        "topk": TopK(6),
    }
    cases = []
    for seed, (name, activation) in enumerate(kinds.items()):
        for skip in (False, True):
            coder = SingleLayerTranscoder(
                D, D_DICT, activation, 3, skip_connection=skip, dtype=torch.float32
            )
            randomised(coder, seed)
            folder = root / f"circuit_tracer-{name}-{skip}"
            folder.mkdir()
            coder.to_safetensors(str(folder / "layer_3.safetensors"))
            lines = ["model_name: Qwen/Qwen3-4B", "model_kind: transcoder_set"]
            lines += ["feature_input_hook: mlp.hook_in", "feature_output_hook: mlp.hook_out"]
            lines += ["activation: topk", "k: 6"] if name == "topk" else []
            (folder / "config.yaml").write_text("\n".join(lines) + "\n")
            x = inputs()
            features = coder.encode(x)
            keep(folder, x, features, coder.decode(features, x))
            cases.append(folder.name)
    return cases


def main(root: Path) -> None:
    written: list[str] = []
    for library in (sae_lens, sparsify, dictionary_learning, circuit_tracer):
        try:
            written += library(root)
        except ModuleNotFoundError as error:
            print(f"{library.__name__} writes nothing: {error}")
    (root / "cases.json").write_text(json.dumps(written))


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main(Path(sys.argv[1]))
