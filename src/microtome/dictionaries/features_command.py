"""The command `microtome dictionary features`: from names on the command line to a page on disk."""

import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import track

from microtome.dictionaries.corpus import corpus
from microtome.dictionaries.features import feature_pages
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.pages import write_pages
from microtome.model.load import load


def run(
    path: str,
    *,
    model: str,
    texts: str,
    features: Iterable[int],
    out: Path,
    contexts: int = 10,
    max_tokens: int | None = None,
    device: str = "auto",
) -> Path:
    """Load, pass over the texts once, write one HTML file; returns its path."""
    loaded = load(model, device=device)
    found = load_dictionary(path, model=loaded)
    read = track(
        corpus(texts),
        "texts",
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    made = feature_pages(
        found, loaded, read, list(features), contexts=contexts, max_tokens=max_tokens
    )
    return write_pages(made, out)
