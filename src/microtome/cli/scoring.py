"""What `microtome dictionary score` does: scores on activations and in the network, with audits."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from microtome import files
from microtome.dictionaries.corpus import corpus
from microtome.dictionaries.features_command import site_of
from microtome.dictionaries.features_words import RESIDUAL
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.network import Network, network
from microtome.dictionaries.scores import Scores, causal_metric, score
from microtome.lab.terminal import plain, wide
from microtome.model.load import load

if TYPE_CHECKING:
    import pandas


def run(
    name: str, sites: Sequence[str], model: str, texts: str, max_tokens: int | None, device: str,
    out: Path | None,
) -> None:  # fmt: skip
    """Print both tables, and write their rows as JSON where `out` says."""
    if out is not None:
        files.writable(out.absolute().parent, "--out")
    loaded = load(model, device=device)
    dictionary = load_dictionary(name, site_of(sites), model=loaded)
    read = corpus(texts)
    site = dictionary.site_out
    metric = causal_metric(loaded) if site is not None and site.kind in RESIDUAL else None
    one = score(dictionary, loaded, read, metric=metric, max_tokens=max_tokens)
    inside = network(dictionary, loaded, read, max_tokens=max_tokens)
    title = f"{one.n_tokens} tokens of {one.n_texts} texts"
    _print(one.table(), one, f"on activations, {title}, {one.n_sinks} attention sinks left out")
    _print(inside.table(), inside, f"in the network, {inside.n_tokens} tokens predicted")
    if out is not None:
        files.write_json(out, {"dictionary": name, "model": loaded.name, "texts": texts,
                               "activations": _rows(one), "network": _rows(inside)})  # fmt: skip


def _rows(found: Scores | Network) -> dict[str, Any]:
    audits = [audit.row() for audit in found.audit]
    return {"scores": found.table().to_dict("records"), "audits": audits}


def _print(frame: "pandas.DataFrame", found: Scores | Network, title: str) -> None:
    table = Table("score", "value", "interval", "unit", box=None, title=title, title_justify="left")
    for row in frame.to_dict("records"):
        no_ends = row["low"] is None or row["low"] != row["low"]
        between = "" if no_ends else f"[{row['low']:.4g}, {row['high']:.4g}]"
        unit = row.get("unit", "")
        table.add_row(plain(row["score"]), f"{row['value']:.4g}", plain(between), plain(unit))
    wide().print(table)
    for audit in found.audit:
        note = f" ({audit.note})" if audit.note else ""
        wide().print(plain(f"{audit}{note}"), highlight=False)
