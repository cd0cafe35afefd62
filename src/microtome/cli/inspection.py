"""What `microtome dictionary inspect` and `convert` do."""

from pathlib import Path

from rich.table import Table

from microtome.dictionaries.corpus import corpus
from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.export import export
from microtome.dictionaries.inspect import Inspection, inspect
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.scores import Scores
from microtome.errors import ConfigError
from microtome.files import writable
from microtome.lab.terminal import plain, wide
from microtome.model.load import load
from microtome.model.model import Model


def show(name: str, sites: list[str], model: str, texts: str, max_tokens: int, device: str) -> None:
    """Print the description, then scores and hints."""
    if texts and not model:
        raise ConfigError("--texts needs a --model to read them; give both, or neither.")
    loaded = load(model, device=device) if model else None
    read = corpus(texts) if texts else None
    dictionary = _loaded(name, sites, loaded)
    found = inspect(dictionary, loaded, read, max_tokens=max_tokens)
    _print(found, loaded)


def convert(name: str, out: Path, to: str, sites: list[str]) -> None:
    """Write it anew, and say what was written; an existing dictionary is never overwritten."""
    dictionary = _loaded(name, sites, None)
    writable(out.absolute().parent, "OUT")
    before = _files(out)
    export(dictionary, out, to)
    written = sorted(path.name for path in _files(out) - before)
    wide().print(plain(f"{dictionary.architecture} -> {out}: {', '.join(written)}"))


def _loaded(name: str, sites: list[str], model: Model | None) -> Dictionary:
    if len(sites) > 2:
        raise ConfigError("--site is given at most twice: what it reads, and what it writes.")
    site = (sites[0], sites[1]) if len(sites) == 2 else sites[0] if sites else None
    return load_dictionary(name, site, model=model)


def _files(folder: Path) -> set[Path]:
    return set(folder.glob("*")) if folder.is_dir() else set()


def _print(found: Inspection, model: Model | None) -> None:
    table = Table("what", "value", box=None)
    for what, value in found.rows():
        table.add_row(plain(what), plain(value))
    wide().print(table)
    if found.scores is not None:
        _print_scores(found.scores)
    elif model is not None:
        wide().print(plain(f"fits {model.name}; give --texts to score it"))
    for hint in found.hints:
        wide().print(f"[bold yellow]hint:[/] {plain(hint)}")


def _print_scores(scores: Scores) -> None:
    bos = "with" if scores.bos else "without"
    table = Table(
        f"score ({scores.n_tokens} tokens of {scores.n_texts} texts, {bos} BOS)",
        "value",
        "interval",
        box=None,
    )
    for row in scores.table().to_dict("records"):
        low, high = row["low"], row["high"]
        bounds = f"[{low:.4g}, {high:.4g}]" if low == low and low is not None else ""
        table.add_row(plain(str(row["score"])), f"{row['value']:.4g}", plain(bounds))
    wide().print(table)
    for audit in scores.audit:
        wide().print(plain(str(audit)), highlight=False)
