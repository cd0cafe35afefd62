"""Files with any one value wrong: read anyway, or refused in a sentence of ours, never a crash."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from microtome.dictionaries.export import export
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.nonlinearity import JumpReLU, TopK
from microtome.errors import MicrotomeError
from tests.dictionaries.files import X
from tests.dictionaries.planted import random_sae, random_transcoder
from tests.dictionaries.test_formats_dictionary_learning import dictionary_learning, learnt
from tests.dictionaries.test_formats_others import circuit_tracer, gemma_scope_2, sparsify
from tests.dictionaries.test_formats_saelens import sae_lens

WRONG_VALUES: list[Any] = [None, [], {}, "x", "", -1, 0, 2.5, 10**9, True, [1, "a"]]
WRONG_TENSORS = [
    torch.zeros(()),
    torch.ones(1),
    torch.ones(3),
    torch.ones(16, 16),
    torch.ones(2, 2, 2),
    torch.ones(0, 16),
    torch.ones(64, dtype=torch.int32),
]
MAKERS: dict[str, Callable[[Path], Path]] = {
    "ours": lambda at: export(random_sae(16, activation=TopK(3)), at, "ours"),
    "ours-transcoder": lambda at: export(random_transcoder(16), at, "ours"),
    "saelens": lambda at: export(random_sae(16, activation=TopK(3)), at, "saelens"),
    "saelens-old": lambda at: sae_lens(
        at, activation_fn_str="topk", activation_fn_kwargs={"k": 3}, hook_point_head_index=1
    ),
    "saelens-coder": lambda at: sae_lens(at, "jumprelu_skip_transcoder"),
    "sparsify": lambda at: sparsify(at / "layers.3.mlp", transcode=True, skip_connection=True),
    "gemma-scope-2": lambda at: gemma_scope_2(
        at, {"architecture": "jump_relu", "hf_hook_point_in": "model.layers.1.output", "l0": 3}
    ),
    "circuit-tracer": lambda at: circuit_tracer(
        at, layers=1, **{"activation_function.threshold": torch.rand(64)}
    ),
}


def outcome(folder: Path) -> str:
    """ "read", or the sentence of the refusal; anything else is raised."""
    try:
        found = load_dictionary(folder)
        found.encode(X)
        found.reconstruct(X)
    except MicrotomeError as refusal:
        return str(refusal)
    return "read"


def nested(config: dict[str, Any], trail: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key."""
    found = []
    for key, value in config.items():
        found.append((*trail, key))
        found += nested(value, (*trail, key)) if isinstance(value, dict) else []
    return found


@pytest.mark.parametrize("made", MAKERS)
def test_any_field_of_the_configuration(tmp_path: Path, made: str) -> None:
    folder = MAKERS[made](tmp_path)
    assert outcome(folder) == "read"
    for path in sorted(folder.glob("*.json")):
        whole = path.read_text()
        for trail in nested(json.loads(whole)):
            for wrong in WRONG_VALUES:
                config = json.loads(whole)
                inner = config
                for key in trail[:-1]:
                    inner = inner[key]
                inner[trail[-1]] = wrong
                path.write_text(json.dumps(config))
                assert "\n" not in outcome(folder)
        path.write_text(whole)


@pytest.mark.parametrize("made", MAKERS)
def test_any_tensor(tmp_path: Path, made: str) -> None:
    folder = MAKERS[made](tmp_path)
    file = next(folder.glob("*.safetensors"))
    whole = load_file(file)
    for name in whole:
        for wrong in [None, *(w for w in WRONG_TENSORS if w.shape != whole[name].shape)]:
            # A new file each time: the old one may still be mapped.
            file.unlink()
            kept = {key: value.clone() for key, value in whole.items()}
            kept |= {} if wrong is None else {name: wrong}
            save_file({k: v for k, v in kept.items() if wrong is not None or k != name}, file)
            told = outcome(folder)
            optional = name.lower() in ("w_skip", "b_in", "activation_function.threshold")
            assert told != "read" or (wrong is None and optional), (name, wrong)


@pytest.mark.parametrize("kind", ["AutoEncoderTopK", "BatchTopKSAE", "GatedAutoEncoder"])
def test_any_field_of_a_trainer(tmp_path: Path, kind: str) -> None:
    state, _ = learnt(kind)
    for key in ("dict_class", "lm_name", "layer", "k", "submodule_name"):
        for wrong in WRONG_VALUES:
            folder = dictionary_learning(tmp_path, kind, state, **{"k": 4, key: wrong})
            outcome(folder)
    for wrong in WRONG_VALUES:
        (tmp_path / "config.json").write_text(json.dumps({"trainer": wrong}))
        assert outcome(tmp_path) != "read"


def test_k_is_at_most_the_number_of_features() -> None:
    with pytest.raises(MicrotomeError, match="the 33 largest of 32 features"):
        random_sae(16, activation=TopK(33))
    with pytest.raises(MicrotomeError, match="the 0 largest"):
        random_sae(16, activation=TopK(0))
    assert random_sae(16, activation=JumpReLU(torch.tensor(0.1))).d_dict == 32
