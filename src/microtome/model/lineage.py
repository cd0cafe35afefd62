"""Which base model an adapter says it was trained on, and whether this is it.

PEFT writes the base's name beside the weights, and a delta added to other weights of equal shape
computes something that nobody trained. Names agree where their last parts do (a mirror, a local
copy, the hub's cache); a folder that still exists is compared by its weights. An adapter that
names no base is taken at its shape.
"""

import json
from pathlib import Path

from microtome.errors import AdapterError
from microtome.model.digest import weights_digest, weights_read


def demand_base(adapter: Path, name: str, base: Path) -> None:
    """AdapterError unless the base that an adapter names is the model `name` in folder `base`."""
    told = base_named(adapter)
    if told and not _is(told, name, base):
        raise AdapterError(
            f"The adapter in {adapter} does not fit {name}: its adapter_config.json says that it "
            f"was trained on {told!r}. Load that model, or, if these are the same weights, put "
            f"{name!r} there as base_model_name_or_path."
        )


def base_named(adapter: Path) -> str:
    """`base_model_name_or_path` of an adapter, "" where it names none or cannot be read."""
    try:
        told = json.loads((adapter / "adapter_config.json").read_bytes())
        return str(told.get("base_model_name_or_path") or "")
    except (ValueError, AttributeError, OSError):
        return ""


def _is(told: str, name: str, base: Path) -> bool:
    there = Path(told).expanduser()
    if there.is_dir() and weights_read(there) and weights_read(base):
        same = there.resolve() == base.resolve()
        return same or weights_digest(there) == weights_digest(base)
    return bool(_tails(told) & (_tails(name) | _tails(str(base.resolve()))))


def _tails(text: str) -> set[str]:
    """The last part of a path or id, and the model's name in a path of the hub's cache."""
    parts = text.casefold().replace("\\", "/").rstrip("/").split("/")
    return {parts[-1], *(p.rsplit("--", 1)[-1] for p in parts if p.startswith("models--"))}
