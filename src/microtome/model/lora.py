"""What counts as a plain LoRA: a delta of projections, in safetensors, and nothing else.

Whatever else PEFT can put beside a model (biases, DoRA, embeddings, saved modules) would make
per-head decompositions inexact or change the base under the other adapters; it is refused.
"""

from pathlib import Path
from typing import Any

from peft import PeftConfig
from safetensors import safe_open

from microtome.errors import AdapterError, first_line


def plain_lora(folder: Path) -> Any:
    """The configuration of a LoRA that is a delta of projections and nothing else."""
    if not (folder / "adapter_config.json").is_file():
        raise AdapterError(
            f"No adapter in {folder}: adapter_config.json is missing. "
            f"Give a folder that PEFT saved."
        )
    try:
        config: Any = PeftConfig.from_pretrained(str(folder))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AdapterError(
            f"The adapter_config.json in {folder} cannot be read: {first_line(error)}"
        ) from error
    if found := [what for what, is_so in _beyond_lora(config).items() if is_so]:
        raise AdapterError(
            f"The adapter in {folder} is not a plain LoRA ({', '.join(found)}); per-head "
            f"decompositions would not be exact. Use LoRA on projections, without these."
        )
    if not (folder / "adapter_model.safetensors").is_file():
        raise AdapterError(
            f"No adapter_model.safetensors in {folder}; pickled weights are not read. "
            f"Save the adapter again with safe_serialization=True."
        )
    _demand_deltas_only(folder)
    return config


def _demand_deltas_only(folder: Path) -> None:
    """Every tensor of the file is a LoRA's, so that loading it changes no weight of the base."""
    with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
        names = list(file.keys())
    if other := [name for name in names if ".lora_" not in name]:
        raise AdapterError(
            f"The adapter in {folder} holds {other[0]}, a weight of the base itself (often an "
            f"embedding or unembedding) and no LoRA delta; it would change the other adapters of "
            f"this base too. Save the adapter without it."
        )
    if not names:
        raise AdapterError(f"The adapter in {folder} holds no weights; save it again.")


def _beyond_lora(config: Any) -> dict[str, bool]:
    """What changes more of a model than W + s·B A, and whether this adapter has it."""
    plain = config.peft_type == "LORA"

    def has(name: str) -> bool:
        return bool(getattr(config, name, None))

    return {
        f"type {config.peft_type}": not plain,
        "bias": plain and config.bias != "none",
        "DoRA": has("use_dora"),
        "lora_bias": has("lora_bias"),
        "modules_to_save": has("modules_to_save"),
        "trainable_token_indices": has("trainable_token_indices"),
        f"init_lora_weights={getattr(config, 'init_lora_weights', True)!r}": (
            plain and config.init_lora_weights not in (True, False, None, "gaussian")
        ),
    }
