"""Our own format: `dictionary.json` beside `weights.safetensors`, the canonical form as it is.

The JSON names the class, the activation function, the norm, the sites, where the dictionary comes
from and what its training measured; the sha256 of the weights stands there too and is checked.
"""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary, Origin
from microtome.dictionaries.formats.place import Place, section, whole
from microtome.dictionaries.formats.weights import Weights, read_safetensors
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, Nonlinearity, ReLU, TopK
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError, suggest
from microtome.files import sha256, write_atomic, write_json
from microtome.model.site import Site, parse_site

NAME = "microtome"
CONFIG, WEIGHTS, VERSION = "dictionary.json", "weights.safetensors", 1

_CLASSES: dict[str, type[SAE]] = {"SAE": SAE, "Transcoder": Transcoder}
_ACTIVATIONS: dict[str, type[Nonlinearity]] = {
    kind.__name__: kind for kind in (ReLU, TopK, JumpReLU, Gated)
}
_VECTORS = ("threshold", "gate_bias", "log_rescale")


def write(dictionary: Dictionary, folder: Path) -> None:
    """Put both files into `folder`, the weights first; DictionaryError for a class unknown here."""
    if type(dictionary) not in _CLASSES.values():
        raise DictionaryError(
            f"A {type(dictionary).__name__} cannot be saved in this format; it takes "
            f"{' and '.join(_CLASSES)}."
        )
    assert isinstance(dictionary, SAE)
    content = save(unshared(dictionary.tensors()))
    write_atomic(folder / WEIGHTS, content)
    write_json(folder / CONFIG, _config(dictionary, sha256(content)))


def unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous on the CPU, none in another's memory: what a safetensors file takes."""
    kept: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        shared = any(own.data_ptr() == other.data_ptr() for other in kept.values())
        kept[name] = own.clone() if shared else own
    return kept


def _config(sae: SAE, digest: str) -> dict[str, Any]:
    numbers = {k: v for k, v in vars(sae.activation).items() if not isinstance(v, Tensor)}
    origin = {f.name: getattr(sae.origin, f.name) for f in fields(Origin)}
    return {
        "format": NAME,
        "version": VERSION,
        "class": type(sae).__name__,
        "architecture": sae.architecture,
        "activation": {"name": sae.activation.name, **numbers},
        "norm": sae.norm.kind,
        "site_in": _text(sae.site_in),
        "site_out": _text(sae.site_out),
        "d_in": sae.d_in,
        "d_out": sae.d_out,
        "d_dict": sae.d_dict,
        "dtype": str(sae.w_enc.dtype).removeprefix("torch."),
        "sha256": digest,
        "origin": {**origin, "facts": dict(sae.origin.facts)},
    }


def _text(site: Site | None) -> str | None:
    return None if site is None else str(site)


def read(place: Place) -> Dictionary:
    """The dictionary in a folder that `write` made."""
    config = place.config(CONFIG)
    if config.get("format") != NAME or config.get("version") != VERSION:
        raise DictionaryError(
            f"{place.folder / CONFIG} says format {config.get('format')!r}, version "
            f"{config.get('version')!r}; {NAME!r}, version {VERSION} can be read here."
        )
    weights = read_safetensors(place.file)
    before = section(config, "origin")
    facts = {**section(before, "facts"), **_previous(before)}
    origin = place.origin(NAME, str(before.get("model", "")), facts)
    if origin.sha256 != config.get("sha256"):
        raise DictionaryError(
            f"{place.file} is not the file that {CONFIG} was written for (another sha256); "
            f"it is damaged or was exchanged, fetch both again."
        )
    marked = Origin(**{**vars(origin), "stand_in": str(before.get("stand_in", ""))})
    return _built(place, config, weights, marked)


def _previous(before: Mapping[str, Any]) -> dict[str, Any]:
    """Where it came from before it was saved here."""
    named = {f"made_from_{k}": before.get(k) for k in ("source", "format", "sha256")}
    return {name: value for name, value in named.items() if value}


def _built(place: Place, config: dict[str, Any], weights: Weights, origin: Origin) -> SAE:
    kind = _one_of(place, "class", config.get("class"), _CLASSES)
    skip = weights.optional("w_skip", 2)
    more: dict[str, Any] = {} if skip is None else {"w_skip": skip}
    norm = _one_of(
        place, "norm", config.get("norm"), {k: k for k in ("none", "constant", "layer", "unit")}
    )
    return kind(
        weights.matrix("w_enc"),
        weights.vector("b_enc"),
        weights.matrix("w_dec"),
        weights.vector("b_dec"),
        _activation(place, config, weights),
        b_in=weights.optional("b_in", 1),
        norm=InputNorm(norm),
        site_in=_site(config.get("site_in")),
        site_out=_site(config.get("site_out")),
        origin=origin,
        **more,
    )


def _activation(place: Place, config: dict[str, Any], weights: Weights) -> Nonlinearity:
    said = section(config, "activation")
    kind = _one_of(place, "activation", said.pop("name", None), _ACTIVATIONS)
    wanted = {f.name for f in fields(kind)}
    held = {name: weights.tensors[name] for name in _VECTORS if name in weights}
    given = {name: value for name, value in {**said, **held}.items() if name in wanted}
    if whole(given.get("k", 1)) is None:
        raise DictionaryError(f"{place.folder / CONFIG} says k {given['k']!r}, which is no number.")
    if missing := sorted(wanted - set(given)):
        raise DictionaryError(f"{place.folder} lacks {missing[0]!r}, which {kind.__name__} needs.")
    return kind(**given)


def _site(text: Any) -> Site | None:
    return None if text is None else parse_site(str(text))


def _one_of(place: Place, what: str, said: Any, known: Mapping[str, Any]) -> Any:
    if not isinstance(said, str) or said not in known:
        raise DictionaryError(
            f"{place.folder / CONFIG} names the {what} {said!r}, which is unknown here."
            f"{suggest(str(said), known)}"
        )
    return known[said]
