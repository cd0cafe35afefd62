"""What the numbers come from: model, dictionaries and pairs by digest, without loading a weight."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from microtome.errors import SiteError
from microtome.files import digest, sha256_file
from microtome.studies.misconceptions.concepts import demand_concepts
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.material import factor_pairs, pairs_of
from microtome.studies.misconceptions.shelf import layers_of, located


def sources_of(study: Configuration) -> dict[str, Any]:
    """Identity of everything the study reads; what does not exist is refused here."""
    from microtome.model.source import identity_of

    pairs = pairs_of(study)
    found = identity_of(study.model, study.adapter)
    _demand_layers(study, found["model"])
    if study.read_at == "concept":
        demand_concepts((*pairs, *factor_pairs(study)))
    rows = [prompt.row() for pair in (*pairs, *factor_pairs(study)) for prompt in pair.members]
    found |= {
        "pairs": digest(rows),
        "n_pairs": len(pairs),
        "n_identical": sum(pair.identical for pair in pairs),
    }
    if study.random_dictionary:
        from microtome.dictionaries.random import STAND_IN

        return found | {"stand_in": STAND_IN}
    return found | {"dictionaries": {str(n): _identified(w) for n, w in located(study).items()}}


def _identified(name: str) -> dict[str, str]:
    """A dictionary's name, and the digest of its files where they are on this disk."""
    path = Path(name).expanduser()
    folder = path.parent if path.is_file() else path
    if not folder.is_dir():
        return {"name": name}
    return {"name": name, "digest": _digest(tuple(sorted(folder.iterdir())))}


@lru_cache(maxsize=64)
def _digest(paths: tuple[Path, ...]) -> str:
    return digest({path.name: sha256_file(path) for path in paths if path.is_file()})


def _demand_layers(study: Configuration, name: str) -> None:
    from microtome.model.speed import arithmetic

    count = arithmetic(study.model).layers
    asked = [*layers_of(study), *([] if study.layer is None else [study.layer])]
    for layer in asked:
        if layer >= count:
            raise SiteError(
                f"Layer {layer} was asked for; {name} has layers 0 to {count - 1}: name them "
                f"with --layers."
            )
