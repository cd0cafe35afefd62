"""The dictionaries of a run: found for every layer, checked against the model, or made at random.

A repository or folder may hold `layer_12/width_16k/average_l0_82` (GemmaScope) or
`layer_12_width_16k_l0_small` (GemmaScope 2), of which the width and the nearest L0 are taken, or
one dictionary per layer, named as any library names it. One of resid_pre[l + 1] reads
resid_post[l].
Missing weights are an error: random directions are taken only where they were asked for.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import microtome as mt
from microtome.dictionaries.formats.variant import listed, variant_of
from microtome.errors import DictionaryError
from microtome.studies.misconceptions.configuration import GEMMA_SCOPE, LAYERS, Configuration

if TYPE_CHECKING:
    from microtome.dictionaries.dictionary import Dictionary

_INSTEAD = "or take random directions with --random-dictionary"
_LAYER = re.compile(r"(?:^|[/.])(?:resid_(?:post|pre)[_\[]?|layers?[_.]|blocks\.|h\.)(\d+)")
_OTHER_SITE = re.compile(r"mlp|att|transcoder|resid_mid", re.IGNORECASE)
_BEFORE = re.compile(r"resid_pre", re.IGNORECASE)


def load_dictionaries(study: Configuration, model: "mt.Model") -> "dict[int, Dictionary]":
    """One dictionary per layer, in order; DictionaryError where it is missing or does not fit."""
    if study.random_dictionary:
        from microtome.dictionaries.random import random_dictionary

        width = int(model.parts.d_model)
        sites = {layer: mt.resid_post[layer] for layer in wanted_layers(study)}
        made = {n: random_dictionary(width, s, seed=study.seed) for n, s in sites.items()}
        return {n: own.to(model.device) for n, own in made.items()}
    return {layer: _loaded(name, layer, model) for layer, name in located(study).items()}


def _loaded(name: str, layer: int, model: "mt.Model") -> "Dictionary":
    from microtome.dictionaries.fit import at_block_end, check_fits
    from microtome.dictionaries.load import load_dictionary

    site = mt.resid_post[layer]
    try:
        found = load_dictionary(name, model=model)
    except DictionaryError as error:
        if name.startswith("specimen:") or Path(name).expanduser().exists():
            raise
        raise _missing(str(error)) from error
    found = at_block_end(found)
    if found.site_in is None and found.site_out is None:
        found = replace(found, site_in=site, site_out=site)
    if (found.site_in, found.site_out) != (site, site):
        raise DictionaryError(
            f"{name} reads {found.site_in} and writes {found.site_out}, and this study reads "
            f"{site}; give dictionaries of the residual stream."
        )
    check_fits(found, model)
    return found


def wanted_layers(study: Configuration) -> tuple[int, ...]:
    """The layers to read, and the one of a feature to ablate."""
    extra = set() if study.layer is None else {study.layer}
    return tuple(sorted({*layers_of(study), *extra}))


def layers_of(study: Configuration) -> tuple[int, ...]:
    """The layers that are contrasted: those asked for, else those there are dictionaries of."""
    if study.layers:
        return tuple(sorted(study.layers))
    if study.layer is not None:
        return (study.layer,)
    if not study.specimen:
        return LAYERS
    if study.random_dictionary:
        from microtome.model.speed import arithmetic

        return tuple(range(arithmetic(study.model).layers))
    return tuple(sorted(_by_layer(_shelf(study))))


def located(study: Configuration) -> dict[int, str]:
    """Per layer the name that `load_dictionary` takes; DictionaryError where there is none."""
    shelf = _shelf(study)
    there = _by_layer(shelf)
    found = {}
    for layer in wanted_layers(study):
        if layer not in there:
            named = ", ".join(map(str, sorted(there))) or "none"
            raise _missing(f"{shelf} has no dictionary of layer {layer} (it has those of {named})")
        found[layer] = _chosen(there[layer], study)
    return found


def _shelf(study: Configuration) -> str:
    return study.dictionaries or (study.model if study.specimen else GEMMA_SCOPE)


def _by_layer(shelf: str) -> dict[int, list[str]]:
    """Names of residual-stream dictionaries by layer, as their paths tell.

    What enters a block counts for the layer before it, where no dictionary is of that layer's end.
    """
    found: dict[bool, dict[int, list[str]]] = {True: {}, False: {}}
    for name in _names(shelf):
        own = name.removeprefix(shelf).lstrip("/")
        layer, before = _LAYER.search(own), _BEFORE.search(own) is not None
        if layer is not None and not _OTHER_SITE.search(own) and int(layer[1]) >= before:
            found[before].setdefault(int(layer[1]) - before, []).append(name)
    return found[True] | found[False]


def _chosen(names: Sequence[str], study: Configuration) -> str:
    """Of several for one layer the one of the width whose L0 is nearest to the one asked for."""
    variants = {name: found for name in names if (found := variant_of(name)) is not None}
    fitting = [n for n in names if n not in variants or variants[n].width == study.width]
    if not fitting:
        raise DictionaryError(
            f"No dictionary of width {study.width!r} beside {names[0]}; there are the widths "
            f"{listed(variants.values())}."
        )
    known = {name: variants[name].l0 for name in fitting if name in variants}
    levels = {name: l0 for name, l0 in known.items() if l0 is not None}
    if len(fitting) > 1 and len(levels) < len(fitting):
        raise DictionaryError(
            f"{fitting[0]} and {fitting[1]} are both of one layer; give a folder that holds one "
            f"dictionary a layer."
        )
    return min(fitting, key=lambda name: abs(levels.get(name, 0.0) - study.average_l0))


@lru_cache(maxsize=8)
def _names(shelf: str) -> tuple[str, ...]:
    from microtome.dictionaries.load import dictionaries_in

    try:
        if shelf.startswith("specimen:") or Path(shelf).expanduser().is_dir():
            return tuple(dictionaries_in(shelf))
        return _on_the_hub(shelf)
    except (DictionaryError, OSError, ValueError) as error:
        raise _missing(f"No dictionaries in {shelf!r} ({_short(error)})") from error


def _on_the_hub(repository: str) -> tuple[str, ...]:
    """Names of a repository's dictionaries: the listed ones, or the cached ones if offline."""
    import huggingface_hub

    from microtome.dictionaries.formats.table import sniff
    from microtome.dictionaries.hub import below

    try:
        found = sniff(huggingface_hub.HfApi().list_repo_files(repository))
    except OSError:
        cached = huggingface_hub.snapshot_download(repository, local_files_only=True)
        found = below(Path(cached))
    return tuple(f"{repository}/{one.folder or one.path}" for one in found)


def _short(error: BaseException) -> str:
    return str(error) if isinstance(error, DictionaryError) else type(error).__name__


def _missing(what: str) -> DictionaryError:
    return DictionaryError(
        f"{what.rstrip('.')}; check the name, the network and your access, {_INSTEAD}."
    )
