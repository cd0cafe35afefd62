"""`microtome dictionary ...`: look at sparse dictionaries, convert them, train them."""

from pathlib import Path
from typing import Annotated

import typer

from microtome.cli.training import train

app = typer.Typer(
    help="Sparse dictionaries: inspect, convert, train, score, features.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

app.command()(train)

Name = Annotated[
    str,
    typer.Argument(
        metavar="DICTIONARY", help="Folder, file, owner/repository/folder, specimen:world/NAME."
    ),
]
Sites = Annotated[
    list[str] | None,
    typer.Option(
        "--site",
        metavar="SITE",
        help="Where it belongs, if its files do not say: resid_post[12]. Twice for what it reads "
        "and what it writes.",
    ),
]
ModelName = Annotated[str, typer.Option(help="Hub id, folder, specimen:world.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Texts = Annotated[
    str, typer.Option(help="JSONL, plain text, a saved dataset, specimen or specimen:KIND.")
]


@app.command()
def inspect(
    name: Name,
    site: Sites = None,
    model: ModelName = "",
    texts: Texts = "",
    max_tokens: Annotated[int, typer.Option(min=2, help="Tokens to score on.")] = 20_000,
    device: Device = "auto",
) -> None:
    """Show what a dictionary is; on a model and texts also FVU, L0, dead share and hints."""
    from microtome.cli import inspection

    inspection.show(name, site or [], model, texts, max_tokens, device)


@app.command()
def convert(
    name: Name,
    out: Annotated[Path, typer.Argument(help="Folder to write into.")],
    to: Annotated[str, typer.Option(help="ours, saelens or circuit-tracer.")] = "ours",
    site: Sites = None,
) -> None:
    """Write a dictionary in another format: our own, SAELens version 6, circuit-tracer."""
    from microtome.cli import inspection

    inspection.convert(name, out, to, site or [])


@app.command()
def score(
    name: Name,
    model: ModelName,
    texts: Texts,
    max_tokens: Annotated[int | None, typer.Option(min=2, help="Tokens to read.")] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the numbers.")] = None,
    site: Sites = None,
    device: Device = "auto",
) -> None:
    """Score a dictionary: FVU, L0, dead share, and CE recovered and KL in the network."""
    from microtome.cli import scoring

    scoring.run(name, site or [], model, texts, max_tokens, device, out)


@app.command()
def features(
    name: Name,
    model: ModelName,
    texts: Texts,
    features: Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of the features.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("features.html"),
    contexts: Annotated[int, typer.Option(min=1, help="Strongest contexts of each.")] = 10,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="Tokens to read.")] = None,
    site: Sites = None,
    device: Device = "auto",
) -> None:
    """Write pages of features: contexts, density, tokens promoted and suppressed, neighbours."""
    from microtome.dictionaries.features_command import run
    from microtome.lab.terminal import tell

    written = run(
        name, model=model, texts=texts, features=features, out=out, contexts=contexts,
        max_tokens=max_tokens, device=device, sites=site or [],
    )  # fmt: skip
    tell(f"written: {written}")
