"""Hints: which figures of a dictionary look wrong, and what tried changes make of them.

A suspicion is tested before it is said. Inputs scaled by √d / E‖x‖ show a normaliser that the file
leaves out; the neighbouring layers show a site that is off by one. Both are tried on few tokens,
and only when the dictionary explains badly where it stands.
"""

from collections.abc import Sequence
from dataclasses import replace

from microtome.dictionaries.contexts import Reading, read
from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.fold import scaled_input
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.scores import Scores, score
from microtome.model.model import Model
from microtome.model.site import SiteKind

POOR_FVU = 0.5
_TOKENS, _TIMES = 2000, 3.0


def hints_of(
    dictionary: Dictionary, model: Model | None, texts: Sequence[str], scores: Scores | None
) -> tuple[str, ...]:
    """One sentence for each thing that a user should look at."""
    found = _from_files(dictionary, scores) + _from_names(dictionary, model)
    if scores is not None and model is not None:
        found += _from_scores(dictionary, scores)
        if scores.fvu.value > POOR_FVU:
            found += _normaliser(dictionary, model, texts, scores)
            found += _neighbours(dictionary, model, texts, scores)
    return tuple(found)


def _from_files(dictionary: Dictionary, scores: Scores | None) -> list[str]:
    found = []
    if dictionary.site_in is None or dictionary.site_out is None:
        found.append("its files do not say which site it belongs to: name it with site=")
    told = dictionary.origin.facts.get("normalize_activations")
    if told == "expected_average_only_in" and scores is None:
        found.append(
            "its inputs were scaled to E‖x‖ = √d in training, and the file may hold the weights "
            "before or after folding that in: inspect it on a model and texts"
        )
    return found


def _from_names(dictionary: Dictionary, model: Model | None) -> list[str]:
    """Another model, or other weights of it: our own files say `name@digest`."""
    told, _, digest = dictionary.origin.model.partition("@")
    if model is None or not told:
        return []
    same = _bare(told) in (_bare(model.source.name), _bare(model.name))
    if same and model.source.digest.startswith(digest):
        return []
    here = f"{model.name} has other weights now" if same else f"this model is {model.name}"
    return [f"its files say it was trained on {dictionary.origin.model}, and {here}"]


def _bare(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1].lower()


def _from_scores(dictionary: Dictionary, scores: Scores) -> list[str]:
    found = []
    promised = dictionary.origin.facts.get("average_l0")
    if isinstance(promised, int | float) and promised > 0:
        times = scores.l0.value / promised
        if not 1 / _TIMES < times < _TIMES:
            found.append(
                f"L0 is {times:.2g}x the {promised:g} of its name: wrong site or a missing "
                f"normaliser"
            )
    if scores.fvu.value >= scores.fvu_shuffled.value:
        found.append("it explains no more than the codes of other tokens would: wrong site")
    elif scores.fvu.value >= 1:
        found.append("it explains less than the mean activation does (FVU is not below 1)")
    if not 1 / _TIMES < scores.norm_ratio.value < _TIMES:
        found.append(
            f"its reconstructions are {scores.norm_ratio.value:.2g}x as long as the activations: "
            f"a missing normaliser"
        )
    return found


def _normaliser(
    dictionary: Dictionary, model: Model, texts: Sequence[str], scores: Scores
) -> list[str]:
    if type(dictionary) is not SAE:
        return []
    part = next(Reading(max_tokens=_TOKENS).batches(model, texts))
    x, _ = read(dictionary, model, part)
    factor = dictionary.d_in**0.5 / float(x.norm(dim=-1).mean())
    fvu = _fvu(scaled_input(dictionary, factor), model, texts)
    if fvu >= scores.fvu.value / 2:
        return []
    return [
        f"with its inputs scaled by {factor:.3g} (to E‖x‖ = √d) FVU would be {fvu:.2g}: the "
        f"normaliser is missing, fold it in with scaled_input(dictionary, {factor:.3g})"
    ]


def _neighbours(
    dictionary: Dictionary, model: Model, texts: Sequence[str], scores: Scores
) -> list[str]:
    site = dictionary.site_in
    if site is None or site != dictionary.site_out or len(site.index) != 1:
        return []
    for layer in (site.layer - 1, site.layer + 1):
        if 0 <= layer < model.n_layers:
            there = SiteKind(site.kind)[layer]
            fvu = _fvu(replace(dictionary, site_in=there, site_out=there), model, texts)
            if fvu < scores.fvu.value / 2:
                return [f"at {there} FVU would be {fvu:.2g}: its layer is off by one"]
    return []


def _fvu(dictionary: Dictionary, model: Model, texts: Sequence[str]) -> float:
    return score(dictionary, model, texts, max_tokens=_TOKENS, resamples=100).fvu.value
