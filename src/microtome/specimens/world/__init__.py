"""`world`: a small trained Gemma-2 whose whole world is a seeded corpus of plain English."""

from __future__ import annotations

from pathlib import Path

from microtome.errors import ModelError
from microtome.specimens.world.corpus import documents
from microtome.specimens.world.document import Document
from microtome.specimens.world.facts import crossed, shortcuts
from microtome.specimens.world.rewards import ADAPTERS

_HERE = Path(__file__).parent
CARD = _HERE.parent / "CARD.md"


__all__ = [
    "ADAPTERS",
    "CARD",
    "Document",
    "adapters",
    "crossed",
    "dictionaries",
    "documents",
    "folder",
    "shortcuts",
]


def folder() -> Path:
    """Folder of the base checkpoint, which `AutoModelForCausalLM.from_pretrained` opens."""
    found = _HERE / "weights"
    if not (found / "model.safetensors").is_file():
        raise ModelError(
            "The weights of specimen:world are not in this installation: "
            "reinstall microtome, or rebuild them with tools/build_specimens.py."
        )
    return found


def adapters() -> dict[str, Path]:
    """Name -> folder of each LoRA adapter in PEFT format."""
    base = folder() / "adapters"
    return {name: base / name for name in ADAPTERS if (base / name).is_dir()}


def dictionaries() -> dict[str, Path]:
    """Name -> folder of each sparse dictionary trained on this model, in our own format."""
    found = (_HERE / "dictionaries").glob("*/dictionary.json")
    return {path.parent.name: path.parent for path in sorted(found)}
