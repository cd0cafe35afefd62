"""Run by an interpreter that has the other libraries: they load what microtome exported.

    python oracle_compare.py FOLDER

Each subfolder `saelens-*` or `circuit_tracer-*` holds an export and `inputs.safetensors` (x);
features and reconstructions as the library computes them are put beside, as `seen.safetensors`.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file


def sae_lens(folder: Path, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    from sae_lens import SAE

    sae = SAE.load_from_disk(folder)
    if sae.cfg.reshape_activations == "hook_z":
        x = x.unflatten(-1, (4, -1))
        return sae.encode(x), sae(x).flatten(-2)
    return sae.encode(x), sae(x)


def circuit_tracer(folder: Path, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    import yaml
    from circuit_tracer.transcoder.activation_functions import TopK
    from circuit_tracer.transcoder.single_layer_transcoder import load_transcoder_set

    config = yaml.safe_load((folder / "config.yaml").read_text())
    layers = sorted(folder.glob("layer_*.safetensors"))
    coders = load_transcoder_set(
        {layer: str(path) for layer, path in enumerate(layers)},
        "test",
        config["feature_input_hook"],
        config["feature_output_hook"],
        device=torch.device("cpu"),
    )
    if config.get("activation") == "topk":  # release 0.5 does not read the set's k yet
        coders[0].activation_function = TopK(config["k"])
    features = coders[0].encode(x)
    return features, coders[0].decode(features, x)


def main(root: Path) -> None:
    for folder in sorted(root.iterdir()):
        x = load_file(folder / "inputs.safetensors")["x"]
        library = sae_lens if folder.name.startswith("saelens") else circuit_tracer
        features, out = library(folder, x)
        seen = {"features": features, "reconstruction": out}
        save_file(
            {name: tensor.detach().contiguous() for name, tensor in seen.items()},
            folder / "seen.safetensors",
        )


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main(Path(sys.argv[1]))
