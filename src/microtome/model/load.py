"""Load a model, attach its adapter, and verify the anatomy before anyone believes a number."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from microtome.errors import ConfigError, InputError, ModelError, first_line
from microtome.model.adapters import AdapterBank, merged
from microtome.model.anatomy import Anatomy, anatomy_of
from microtome.model.check import demand
from microtome.model.config import read_config
from microtome.model.model import Model
from microtome.model.parts import Parts
from microtome.model.quiet import quietly
from microtome.model.source import Source, adapter_source, model_source

Quantization = Literal["8bit", "4bit"]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@quietly()
def load(
    name: str | Path,
    *,
    adapter: str | Path | None = None,
    merge: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    device_map: str | dict[str, Any] | None = None,
    quantization: Quantization | None = None,
    anatomy: Anatomy | None = None,
    trust_remote_code: bool = False,
    verify: bool = True,
) -> Model:
    """A hub id, a folder or "specimen:world" as a Model, with an optional LoRA adapter.

    The adapter stays unmerged unless `merge=True`, which merges in fp32 and casts afterwards.
    `device_map` spreads layers over devices as transformers does ("auto", or a dictionary), and
    `quantization` loads in 8 or 4 bits by bitsandbytes; heads of a quantised model cannot be taken
    apart exactly and are refused.
    Raises UnknownFamilyError, AnatomyError, AdapterError or ModelError, each with what to do.
    """
    if not isinstance(name, str | Path):
        raise InputError(
            f"load takes a hub id, a folder or a specimen's name, and got a "
            f"{type(name).__name__}; save the model and its tokenizer with "
            f"save_pretrained(folder) and load that folder."
        )
    source = model_source(str(name))
    config = read_config(source.path, source.name, trust_remote_code=trust_remote_code)
    entry = (anatomy or anatomy_of(config.model_type)).of(config.get_text_config())
    chosen = choose_dtype(dtype, config)
    first = torch.float32 if merge and adapter else chosen
    hf = _weights(source, first, trust_remote_code, _placement(device_map, quantization))
    donor = adapter_source(adapter, source) if adapter is not None else None
    if merge and donor is not None:
        hf = merged(hf, donor.path, chosen)
    hf.requires_grad_(False).eval()
    if device_map is None and quantization is None:
        hf.to(choose_device(device))
    parts = Parts(hf, entry, AdapterBank(hf))
    model = Model(parts, _tokenizer(source, trust_remote_code), source)
    if verify:
        demand(model)
    if donor is not None:
        model = replace(model, adapter_source=donor) if merge else model.with_adapter(adapter)
    return model


def choose_device(device: str) -> torch.device:
    """ "auto" is cuda, then mps, then cpu; anything else is torch's own name."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"Device {device!r} is not usable here; use cpu or auto.") from error
    return chosen


def choose_dtype(name: str, config: Any) -> torch.dtype:
    """ "auto" is the checkpoint's own number format."""
    if name == "auto":
        own = getattr(config, "dtype", None)
        return own if isinstance(own, torch.dtype) else torch.float32
    if name not in DTYPES:
        raise ConfigError(f"Unknown dtype {name!r}; use auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def _placement(
    device_map: str | dict[str, Any] | None, quantization: Quantization | None
) -> dict[str, Any]:
    """What `from_pretrained` is told about devices and bits."""
    options: dict[str, Any] = {} if device_map is None else {"device_map": device_map}
    if quantization is not None:
        if quantization not in ("8bit", "4bit"):
            raise ConfigError(f"Unknown quantization {quantization!r}; use 8bit or 4bit.")
        bits = BitsAndBytesConfig(**{f"load_in_{quantization}": True})
        options |= {"quantization_config": bits, "device_map": device_map or "auto"}
    return options


def _weights(source: Source, dtype: torch.dtype, trust: bool, options: dict[str, Any]) -> Any:
    try:
        hf, info = AutoModelForCausalLM.from_pretrained(
            source.path,
            dtype=dtype,
            trust_remote_code=trust,
            use_safetensors=True,
            output_loading_info=True,
            **options,
        )
    except Exception as error:  # sizes that cannot be stop in the middle of some arithmetic
        raise ModelError(
            f"The weights of {source.name} cannot be loaded: {first_line(error)}"
        ) from error
    if absent := sorted(info["missing_keys"]):
        raise ModelError(
            f"The checkpoint {source.name} lacks {len(absent)} weights ({absent[0]}, ...), which "
            f"would be random numbers; use a complete checkpoint."
        )
    return hf


def _tokenizer(source: Source, trust: bool) -> Any:
    try:
        return AutoTokenizer.from_pretrained(source.path, trust_remote_code=trust)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(
            f"{source.name} has no tokenizer that can be read: {first_line(error)}"
        ) from error
