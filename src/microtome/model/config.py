"""A model's own config.json, read; what Transformers has against it becomes one sentence."""

from pathlib import Path
from typing import Any

from transformers import AutoConfig

from microtome.errors import ModelError
from microtome.model.source import model_source

_LONGEST = 200


def config_of(name: str) -> Any:
    """The configuration of a hub id, folder or specimen; fetches no weights."""
    return read_config(model_source(name, weights=False).path, name)


def read_config(folder: Path, name: str, *, trust_remote_code: bool = False) -> Any:
    """The configuration in `folder`; ModelError for one that cannot be one."""
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:  # fields of a wrong kind raise whatever their reader stumbles over
        reason = " ".join(str(error).split())[:_LONGEST].rstrip(".") or type(error).__name__
        raise ModelError(f"The configuration of {name} cannot be read: {reason}.") from error
