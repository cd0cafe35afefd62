"""Texts by one word: a file, a folder, or the specimen's own held-out documents.

`specimen` draws them in the mixture of its training, `specimen:physics` one kind alone; the same
seed gives the same documents.
"""

from itertools import islice
from pathlib import Path

from microtome.data.texts import read_texts
from microtome.specimens.world.corpus import mixed, stream

_WORD = "specimen"
_DOCUMENTS = 400


def corpus(
    spec: str | Path, limit: int | None = None, *, field: str = "text", seed: int = 0
) -> list[str]:
    """The texts that `spec` names, at most `limit` of them (of the specimen's: 400).

    InputError for a file without texts, ConfigError for an unknown kind of document.
    """
    word, _, kind = str(spec).partition(":")
    if word != _WORD or Path(spec).exists():
        return read_texts(spec, limit, field=field)
    drawn = stream(kind, "heldout", seed) if kind else mixed("heldout", seed)  # type: ignore[arg-type]
    return [document.text for document in islice(drawn, _DOCUMENTS if limit is None else limit)]
