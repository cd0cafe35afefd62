"""What a dictionary is, and whether it does on a model what its files promise.

Without a model: architecture, shapes, sites, source and digest. With a model and texts also FVU,
L0, dead share and norm ratio, and for figures that look wrong what is likely behind them: the
dictionary is tried with its inputs scaled to E‖x‖ = √d and one layer before and after.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.fit import check_fits
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.scores import Scores, score
from microtome.dictionaries.shown import shown
from microtome.dictionaries.suspicion import hints_of
from microtome.errors import InputError
from microtome.model.model import Model

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Inspection:
    """A dictionary's description, and its scores where it met a model."""

    name: str
    architecture: str
    shapes: Mapping[str, tuple[int, ...]]
    d_in: int
    d_out: int
    d_dict: int
    dtype: str
    site_in: str
    site_out: str
    format: str
    sha256: str
    model: str
    """The model that its files name."""
    stand_in: str
    facts: Mapping[str, Any]
    scores: Scores | None = None
    hints: tuple[str, ...] = field(default=())

    def rows(self) -> list[tuple[str, str]]:
        """(what, value) for every line of the description."""
        known = {
            "dictionary": self.name,
            "architecture": self.architecture,
            "features": str(self.d_dict),
            "reads": f"{self.site_in}, width {self.d_in}",
            "writes": f"{self.site_out}, width {self.d_out}",
            "shapes": ", ".join(f"{k} {' x '.join(map(str, v))}" for k, v in self.shapes.items()),
            "dtype": self.dtype,
            "format": self.format,
            "sha256": self.sha256,
            "trained on": self.model,
            "stand-in": self.stand_in,
        }
        told = [(name, value) for name, value in known.items() if value]
        return told + _flat(self.facts)

    def table(self) -> "pandas.DataFrame":
        """The description, one line each; the scores have a table of their own."""
        import pandas

        return pandas.DataFrame(self.rows(), columns=["what", "value"])

    def _repr_html_(self) -> str:
        from html import escape

        hints = "".join(f"<p>hint: {escape(hint)}</p>" for hint in self.hints)
        scores = "" if self.scores is None else self.scores._repr_html_()
        return shown(self.table(), ()) + scores + hints


def _flat(facts: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """One line per fact, those inside others too."""
    rows: list[tuple[str, str]] = []
    for name, value in facts.items():
        title = f"{before}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            rows += _flat(value, f"{title}: ")
        else:
            rows.append((title, f"{value:.4g}" if isinstance(value, float) else str(value)))
    return rows


def inspect(
    dictionary: Dictionary | str | Path,
    model: Model | None = None,
    texts: Iterable[str] | None = None,
    *,
    max_tokens: int = 20_000,
    batch: int = 16,
) -> Inspection:
    """Describe a dictionary (or the one of that name); with a model and texts, score it too.

    With a model alone it is checked to fit. DictionaryError where it does not.
    """
    if not isinstance(dictionary, Dictionary):
        dictionary = load_dictionary(dictionary, model=model)
    if texts is not None and model is None:
        raise InputError("Texts were given and no model to read them; give both, or neither.")
    if model is not None:
        check_fits(dictionary, model)
    scores, said = None, list(texts or ())
    if model is not None and said:
        scores = score(dictionary, model, said, max_tokens=max_tokens, batch=batch)
    hints = hints_of(dictionary, model, said, scores)
    return _described(dictionary, scores, hints)


def _described(dictionary: Dictionary, scores: Scores | None, hints: tuple[str, ...]) -> Inspection:
    tensors = dictionary.tensors() if isinstance(dictionary, SAE) else {"atoms": dictionary.atoms}
    origin = dictionary.origin
    return Inspection(
        name=origin.source or "made in memory",
        architecture=dictionary.architecture,
        shapes={name: tuple(tensor.shape) for name, tensor in tensors.items()},
        d_in=dictionary.d_in,
        d_out=dictionary.d_out,
        d_dict=dictionary.d_dict,
        dtype=str(dictionary.atoms.dtype).removeprefix("torch."),
        site_in="unknown" if dictionary.site_in is None else str(dictionary.site_in),
        site_out="unknown" if dictionary.site_out is None else str(dictionary.site_out),
        format=origin.format,
        sha256=origin.sha256,
        model=origin.model,
        stand_in=origin.stand_in,
        facts=dict(origin.facts),
        scores=scores,
        hints=hints,
    )
