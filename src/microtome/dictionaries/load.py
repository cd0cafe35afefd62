"""Load a dictionary from a folder, a file, the hub or the specimen: the format is told by files."""

from dataclasses import replace
from pathlib import Path

import torch

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.fit import check_fits
from microtome.dictionaries.formats import ours
from microtome.dictionaries.formats.place import Place
from microtome.dictionaries.formats.table import FORMATS, Format, Found, format_of
from microtome.dictionaries.hub import below, from_hub, the_one
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError, suggest
from microtome.model.model import Model
from microtome.model.site import Site, parse_site

_SPECIMEN = "specimen:world"


def load_dictionary(
    name: str | Path,
    site: Site | str | tuple[Site | str, Site | str] | None = None,
    *,
    model: Model | None = None,
    device: torch.device | str | None = None,
) -> Dictionary:
    """A dictionary by path, hub id with a folder, or `specimen:world/resid_post_2`.

    `site` says where it belongs when its files do not (a pair for one that reads and writes
    different sites). With a `model` it is checked to fit, and goes to the model's device unless
    `device` says another one. Nothing in the files is executed; DictionaryError says what is
    wrong with them.
    """
    place, found = _found(str(name))
    dictionary = found.read(place)
    if site is not None:
        dictionary = _placed(dictionary, site)
    if model is not None:
        check_fits(dictionary, model)
    return dictionary.to(device or ("cpu" if model is None else model.device))


def save_dictionary(dictionary: Dictionary, folder: str | Path) -> Path:
    """Write `dictionary.json` and `weights.safetensors` into `folder`; returns the folder."""
    ours.write(dictionary, Path(folder))
    return Path(folder)


def dictionaries_in(name: str | Path) -> list[str]:
    """The names `load_dictionary` takes of every dictionary in a folder or of the specimen."""
    if str(name).rstrip("/") == _SPECIMEN:
        return [f"{_SPECIMEN}/{one}" for one in _shipped()]
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise DictionaryError(f"{name} is no folder; give one that holds dictionaries.")
    return [str(folder / one.path) for one in below(folder)]


def _found(name: str) -> tuple[Place, Format]:
    if name.startswith("specimen:"):
        return _from_specimen(name)
    path = Path(name).expanduser()
    if path.is_file():
        return Place(name, path), _of_file(path)
    if path.is_dir():
        one = the_one(below(path), name)
        return Place(str(Path(name) / one.folder), path / one.path), one.format
    if path.is_absolute() or name.startswith((".", "~")):
        raise DictionaryError(f"There is no dictionary at {name}: no such file or folder.")
    place, hub = from_hub(name)
    return place, hub.format


def _of_file(path: Path) -> Format:
    named = format_of(path.name)
    if named is None and path.suffix == ".npz":
        named = format_of("params.npz")
    if named is None:
        known = ", ".join(one.weights for one in FORMATS)
        raise DictionaryError(
            f"{path} is not called as a known format calls its weights ({known}, any .npz)."
        )
    return named


def _from_specimen(name: str) -> tuple[Place, Format]:
    shipped = _shipped()
    own = name.removeprefix(f"{_SPECIMEN}/")
    if own not in shipped:
        raise DictionaryError(f"No specimen dictionary {name!r}.{suggest(own, shipped)}")
    found: Found = the_one(below(shipped[own]), name)
    return Place(name, shipped[own] / found.path), found.format


def _shipped() -> dict[str, Path]:
    from microtome.specimens import world

    return world.dictionaries()


def _placed(dictionary: Dictionary, site: Site | str | tuple[Site | str, Site | str]) -> Dictionary:
    pair = site if isinstance(site, tuple) else (site, site)
    sites = [parse_site(one) if isinstance(one, str) else one for one in pair]
    if not isinstance(site, tuple) and isinstance(dictionary, Transcoder):
        raise DictionaryError(
            f"{dictionary.origin.source} reads one site and writes another "
            f"({dictionary.site_in} and {dictionary.site_out}); give both, "
            f"site=('mlp_in[3]', 'mlp_out[3]')."
        )
    return replace(dictionary, site_in=sites[0], site_out=sites[1])
