"""The command `microtome dictionary features`: from names on the command line to a page on disk."""

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from microtome import files
from microtome.dictionaries.corpus import corpus
from microtome.dictionaries.features import feature_pages
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.pages import write_pages
from microtome.errors import ConfigError
from microtome.model.load import load


def run(
    path: str,
    *,
    model: str,
    texts: str,
    features: str,
    out: Path,
    contexts: int = 10,
    max_tokens: int | None = None,
    device: str = "auto",
    sites: Sequence[str] = (),
) -> Path:
    """Load, pass over the texts once, write one HTML file; returns its path."""
    chosen = numbers(features)
    files.writable(out.absolute().parent, "--out")
    loaded = load(model, device=device)
    found = load_dictionary(path, site_of(sites), model=loaded)
    read = track(
        corpus(texts),
        "texts",
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    made = feature_pages(found, loaded, read, chosen, contexts=contexts, max_tokens=max_tokens)
    return write_pages(made, out)


def numbers(text: str) -> list[int]:
    """The feature numbers in "1,2,3"; ConfigError for anything else."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(f"--features {text!r} names no features; write numbers such as 1,2,3.")
    return [int(part) for part in parts]


def site_of(sites: Sequence[str]) -> str | tuple[str, str] | None:
    """What `load_dictionary` takes as a site, from the --site options given."""
    if len(sites) > 2:
        raise ConfigError("--site is given at most twice: what it reads, and what it writes.")
    return (sites[0], sites[1]) if len(sites) == 2 else sites[0] if sites else None
