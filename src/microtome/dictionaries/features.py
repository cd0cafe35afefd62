"""Feature pages: what a feature fires on, how often, what it promotes, what it resembles.

Everything about many features comes from one pass over the texts. A page is data: it shows itself
in a notebook, and `pages.write_pages` puts it on disk as HTML.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.dictionaries.contexts import Reading, read, rows_at_once
from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.features_contexts import Context, Firings
from microtome.dictionaries.features_words import Similar, Words, similar, words
from microtome.dictionaries.pages import section
from microtome.errors import InputError
from microtome.model.model import Model
from microtome.statistics import Interval, Level, ratio

if TYPE_CHECKING:
    import pandas

_BINS = 20


@dataclass(frozen=True)
class Histogram:
    """How many activations above zero lie between each two edges."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class FeaturePage:
    """One feature of one dictionary over a corpus."""

    feature: int
    dictionary: str
    model: str
    site: str
    contexts: tuple[Context, ...]
    """Strongest first, one a text; equal beginnings up to the peak are shown once."""
    drawn: tuple[Context, ...]
    """Drawn at random among the texts where it fires: what the strongest may hide."""
    density: Interval
    """Share of the tokens where it fires."""
    histogram: Histogram
    largest: float
    mean: float
    """Mean activation where it fires; 0 where it never does."""
    words: Words
    similar: tuple[Similar, ...]
    similar_chance: float
    """Mean largest cosine of random directions with the atoms of this dictionary."""
    n_tokens: int
    n_texts: int
    n_cut: int = 0
    """Texts longer than the context, of which only the beginning was read."""
    stand_in: str = ""
    """Not empty where the dictionary stands in for a trained one."""

    def table(self) -> "pandas.DataFrame":
        """One line per context, strongest first and then those drawn."""
        import pandas

        kinds = [("strongest", one) for one in self.contexts]
        kinds += [("drawn", one) for one in self.drawn]
        return pandas.DataFrame(
            [
                {
                    "feature": self.feature, "kind": kind, "text": one.text,
                    "activation": one.activation, "token": one.tokens[one.peak],
                    "context": "".join(one.tokens),
                }
                for kind, one in kinds
            ],
            columns=["feature", "kind", "text", "activation", "token", "context"],
        )  # fmt: skip

    def _repr_html_(self) -> str:
        return section(self)


def feature_page(
    dictionary: Dictionary, model: Model, texts: Iterable[str], feature: int, **options: Any
) -> FeaturePage:
    """The page of one feature; options are those of `feature_pages`."""
    return feature_pages(dictionary, model, texts, [feature], **options)[0]


def feature_pages(
    dictionary: Dictionary,
    model: Model,
    texts: Iterable[str],
    features: Sequence[int],
    *,
    contexts: int = 10,
    drawn: int = 5,
    window: int = 20,
    n_words: int = 10,
    n_similar: int = 10,
    batch: int = 16,
    context: int | None = None,
    max_tokens: int | None = None,
    bos: bool = False,
    seed: int = 42,
) -> tuple[FeaturePage, ...]:
    """Pages of several features from one pass; `window` tokens are shown on either side of a peak.

    InputError for a feature that does not exist, DictionaryError where the dictionary does not
    fit the model.
    """
    chosen = _chosen(dictionary, features)
    if min(contexts, n_words, n_similar) < 1 or min(drawn, window) < 0:
        raise InputError("Ask for at least one context, word and neighbour.")
    dictionary = dictionary.to(model.device)
    reading = Reading(batch, context, max_tokens, bos)
    firings = Firings(chosen, contexts, drawn, window, np.random.default_rng(seed))
    rows = rows_at_once(dictionary)
    for part in reading.batches(model, texts):
        firings.add(part, dictionary, read(dictionary, model, part)[0], rows)
    said = words(dictionary, model, chosen, n_words, seed)
    near, chance = similar(dictionary, chosen, n_similar, seed)
    return tuple(
        _page(dictionary, model, firings, place, said[place], near[place], chance, seed)
        for place in range(len(chosen))
    )


def _page(
    dictionary: Dictionary,
    model: Model,
    firings: Firings,
    place: int,
    said: Words,
    near: tuple[Similar, ...],
    chance: float,
    seed: int,
) -> FeaturePage:
    counts = np.concatenate(firings.counts)[:, place]
    tokens = np.concatenate(firings.tokens)
    values = firings.values(place)
    bins, edges = np.histogram(values, bins=_BINS, range=(0, float(values.max(initial=1e-9))))
    return FeaturePage(
        feature=firings.features[place],
        dictionary=dictionary.origin.source or dictionary.architecture,
        model=model.name,
        site=str(dictionary.site_out),
        contexts=firings.strongest(place, model.tokenizer),
        drawn=firings.drawn(place, model.tokenizer),
        density=_density(counts, tokens, seed),
        histogram=Histogram(tuple(edges.tolist()), tuple(bins.tolist())),
        largest=float(values.max(initial=0)),
        mean=float(values.mean()) if len(values) else 0.0,
        words=said,
        similar=near,
        similar_chance=chance,
        n_tokens=int(tokens.sum()),
        n_texts=len(tokens),
        n_cut=firings.cut,
        stand_in=dictionary.origin.stand_in,
    )


def _density(counts: np.ndarray, tokens: np.ndarray, seed: int) -> Interval:
    """Share of tokens on which the feature fires, with its interval over texts."""
    used = tokens > 0
    if not used.any():
        raise InputError("The texts hold no token that counts; BOS counts only with bos=True.")
    at = Level(seed=seed)
    return ratio(counts[used], tokens[used], at=at, within=(0.0, 1.0))


def _chosen(dictionary: Dictionary, features: Sequence[int]) -> tuple[int, ...]:
    chosen = tuple(dict.fromkeys(int(one) for one in features))
    if not chosen:
        raise InputError("No feature was named; give at least one.")
    for one in chosen:
        if not 0 <= one < dictionary.d_dict:
            raise InputError(
                f"Feature {one} was asked for; {dictionary.origin.source or 'this dictionary'} "
                f"has features 0 to {dictionary.d_dict - 1}."
            )
    return chosen
