"""What the steps share while they compute: the model and its dictionaries by layer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import microtome as mt
from microtome.errors import InputError
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.material import pairs_of
from microtome.studies.misconceptions.reading import fork
from microtome.studies.misconceptions.shelf import load_dictionaries

if TYPE_CHECKING:
    from microtome.dictionaries.dictionary import Dictionary


@dataclass(frozen=True, eq=False)
class Warm:
    """A loaded model and the dictionary of every layer that is read."""

    model: "mt.Model"
    dictionaries: "dict[int, Dictionary]"


def load(study: Configuration) -> Warm:
    """Load both; every pair's answers are tried and every dictionary is checked before any work."""
    adapter = study.adapter or None
    model = mt.load(study.model, adapter=adapter, device=study.device, dtype=study.dtype)
    for pair in pairs_of(study):
        for prompt in pair.members:
            ids = fork(model, prompt).ids
            model.tokenize([ids])
    dictionaries = load_dictionaries(study, model)
    if study.layer is not None and study.feature is not None:
        _demand_feature(study.feature, dictionaries[study.layer])
    return Warm(model, dictionaries)


def _demand_feature(feature: int, dictionary: "Dictionary") -> None:
    if feature >= dictionary.d_dict:
        raise InputError(
            f"Feature {feature} was asked for; {dictionary.origin.source} has features 0 to "
            f"{dictionary.d_dict - 1}."
        )
