"""Dictionaries as other libraries' files hold them: random weights, written here for reading."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

D, D_DICT = 16, 64
X = 2 * torch.randn(30, D, generator=torch.Generator().manual_seed(3)) + 0.2


def parameters(d: int, d_dict: int, seed: int = 0) -> dict[str, Tensor]:
    """W_enc "d d_dict", W_dec "d_dict d" (unit rows), biases and a threshold."""
    torch.manual_seed(seed)
    return {
        "W_enc": torch.randn(d, d_dict) / d**0.5,
        "b_enc": 0.1 * torch.randn(d_dict),
        "W_dec": torch.nn.functional.normalize(torch.randn(d_dict, d), dim=-1),
        "b_dec": 0.1 * torch.randn(d),
        "threshold": torch.rand(d_dict),
    }


def gemma_scope(
    folder: Path,
    d: int = 16,
    d_dict: int = 64,
    repository: str = "gemma-scope-2b-pt-res",
    inside: str = "layer_12/width_16k/average_l0_82",
    seed: int = 0,
    compressed: bool = False,
) -> Path:
    """A `params.npz` where GemmaScope would have it; returns its folder."""
    at = folder / repository / inside
    at.mkdir(parents=True)
    save = np.savez_compressed if compressed else np.savez
    save(at / "params.npz", **{k: v.numpy() for k, v in parameters(d, d_dict, seed).items()})
    return at


def close(found: Tensor, expected: Tensor) -> None:
    """Equal to 1e-5, and not because both are zero."""
    assert (expected != 0).any()
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def put(folder: Path, name: str, tensors: dict[str, Tensor], config: Any = None) -> Path:
    """A file of tensors, and the JSON that goes with it."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / name)
    if config is not None:
        beside = "cfg.json" if name.startswith("sae") else "config.json"
        (folder / beside).write_text(json.dumps(config))
    return folder
