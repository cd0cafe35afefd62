"""What a model or adapter name means, before anything is loaded: a folder, a revision, a digest.

`specimen:world` is the embedded model and `specimen:planted-gpt2` (or `-gemma2`) a constructed one
with a known circuit; a folder is read as it is; anything else is a hub id. The
digest identifies everything that is read: of a local folder by the content of its files, of a hub
model by its commit.
"""

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from microtome.errors import AdapterError, ModelError, suggest
from microtome.model.digest import folder_digest
from microtome.model.lineage import demand_base

SPECIMEN = "specimen:"
TEXTS = (
    *("*.json", "tokenizer*", "*.model", "*.spm", "*.vocab", "*.bpe", "*.tiktoken"),
    *("*.txt", "*.jinja", "*.py"),
)
"""What configuration, tokenizer and custom code are read from; weights are safetensors."""


@dataclass(frozen=True)
class Source:
    """Where weights come from. `specimen` marks everything that is ours and tiny."""

    name: str
    path: Path
    revision: str | None
    digest: str
    specimen: bool = False


def model_source(name: str, *, weights: bool = True) -> Source:
    """Resolve a model name; `weights=False` fetches only what identifies a hub model."""
    if name.startswith(SPECIMEN):
        return _specimen(name)
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise ModelError(f"{name} is a folder without config.json; {_hint(folder)}.")
        return Source(name, folder, None, folder_digest(folder))
    return _hub(name, weights)


def _hint(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return "it holds an adapter: give its base model, or the two saved as one"
    return "give a saved model"


def adapter_source(name: str | Path, base: Source) -> Source:
    """Resolve an adapter: one shipped with the specimen by its name, or a folder."""
    folder = Path(name).expanduser()
    if not folder.is_dir() and base.specimen:
        from microtome.specimens import world

        shipped = world.adapters()
        if str(name) in shipped:
            folder = shipped[str(name)]
            return Source(str(name), folder, None, folder_digest(folder), specimen=True)
        raise AdapterError(
            f"No adapter {str(name)!r}: it is neither one of {base.name}'s nor a folder."
            f"{suggest(str(name), shipped)}"
        )
    if not folder.is_dir():
        raise AdapterError(f"No adapter at {name}: there is no such folder. Give one PEFT saved.")
    if not (folder / "adapter_config.json").is_file():
        inside = sorted(p.parent.name for p in folder.glob("*/adapter_config.json"))
        hint = f" It holds the adapters {', '.join(inside)}." if inside else ""
        raise AdapterError(f"The folder {name} holds no adapter_config.json.{hint}")
    demand_base(folder, base.name, base.path)
    return Source(folder.name, folder, None, folder_digest(folder))


def identity_of(model: str, adapter: str = "") -> dict[str, Any]:
    """What names a model, with an adapter or none, in a run: name, revision, digest, specimen."""
    source = model_source(model, weights=False)
    found: dict[str, Any] = {
        "model": source.name,
        "revision": source.revision,
        "digest": source.digest,
        "specimen": source.specimen,
    }
    if not adapter:
        return found
    own = adapter_source(adapter, source)
    both = hashlib.sha256(f"{source.digest}+{own.digest}".encode()).hexdigest()
    return found | {"model": f"{source.name} + {own.name}", "adapter": own.name, "digest": both}


def _specimen(name: str) -> Source:
    from microtome.specimens import world

    known: dict[str, Callable[[], Path]] = {
        "specimen:world": world.folder,
        "specimen:planted-gpt2": lambda: _planted("gpt2"),
        "specimen:planted-gemma2": lambda: _planted("gemma2"),
    }
    if name not in known:
        raise ModelError(f"No specimen {name!r}.{suggest(name, known)}")
    folder = known[name]()
    return Source(name, folder, None, folder_digest(folder), specimen=True)


@lru_cache(maxsize=2)
def _planted(architecture: Literal["gpt2", "gemma2"]) -> Path:
    """A planted model of default strength, written for the life of this process."""
    from microtome.model.quiet import quietly
    from microtome.specimens.planted import Planted

    folder = tempfile.mkdtemp(prefix="microtome-planted-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with quietly():
        return Planted(architecture).save(folder)


def _hub(name: str, weights: bool) -> Source:
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError

    patterns = (*TEXTS, "*.safetensors") if weights else ("config.json",)
    try:
        path = Path(huggingface_hub.snapshot_download(name, allow_patterns=list(patterns)))
    except (OSError, ValueError, HFValidationError) as error:
        raise ModelError(
            f"No model {name!r}: it is neither a specimen nor a folder here, and the hub did "
            f"not give it ({type(error).__name__}). Check the name, the network and your access."
        ) from error
    revision = path.name
    digest = hashlib.sha256(f"{name}@{revision}".encode()).hexdigest()
    return Source(name, path, revision, digest)
