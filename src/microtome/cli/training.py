"""`microtome dictionary train`: the flags of a training; `dictionaries.train_command` does it."""

from pathlib import Path
from typing import Annotated, Any

import typer

_KINDS = "topk, batchtopk, matryoshka, jumprelu or relu."


def train(
    model: Annotated[str, typer.Option(help="Hub id, folder, specimen:world.")],
    site: Annotated[
        list[str], typer.Option(metavar="SITE", help="resid_post[12]; repeat it for several.")
    ],
    texts: Annotated[
        str, typer.Option(help="JSONL, plain text, a saved dataset, specimen or specimen:KIND.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the dictionaries, log and checkpoint.")],
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="SITE", help="Of a transcoder: what it writes; one per --site."),
    ] = None,
    skip: Annotated[bool, typer.Option("--skip", help="With a linear skip (transcoders).")] = False,
    kind: Annotated[str, typer.Option(help=_KINDS)] = "batchtopk",
    d_dict: Annotated[int, typer.Option(min=1, help="Features.")] = 2048,
    k: Annotated[int | None, typer.Option(min=1, help="Features per token (top-k kinds).")] = None,
    l0: Annotated[
        float | None, typer.Option(help="Features per token to aim at (jumprelu, relu).")
    ] = None,
    sparsity: Annotated[
        float | None, typer.Option(help="Fixed weight of L0, without an aim (jumprelu).")
    ] = None,
    l1: Annotated[
        float | None, typer.Option(help="Fixed weight of L1, without an aim (relu).")
    ] = None,
    groups: Annotated[
        str, typer.Option(metavar="N,N,...", help="Sizes of the nested groups (matryoshka).")
    ] = "",
    k_aux: Annotated[int | None, typer.Option(min=0, help="Dead features per token.")] = None,
    dead_after: Annotated[int | None, typer.Option(min=1, help="Tokens until dead.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="How long: tokens.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="How long: steps.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Tokens per step.")] = 2048,
    lr: Annotated[float | None, typer.Option(help="Default: by the number of features.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, data order and documents.")] = 42,
    adapter: Annotated[str, typer.Option(help="A LoRA adapter's name or folder.")] = "",
    field: Annotated[str, typer.Option(help="Of a JSONL line or data set: the text.")] = "text",
    limit: Annotated[int | None, typer.Option(min=1, help="Texts at most.")] = None,
    context: Annotated[int | None, typer.Option(min=2, help="Tokens per window.")] = None,
    shards: Annotated[
        Path | None, typer.Option(help="Capture the activations here first; default: stream.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="tensorboard, wandb; repeatable.")
    ] = None,
    log_every: Annotated[int, typer.Option(min=1, help="Steps.")] = 50,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 1000,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what OUT holds.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it costs.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
) -> None:
    """Train dictionaries on a model's activations, several at once on one stream of them."""
    from microtome.dictionaries.train_command import Asked, cost, run
    from microtome.lab.terminal import tell

    options: dict[str, Any] = {"l0": l0, "sparsity": sparsity, "l1": l1, "groups": _sizes(groups)}
    options |= {"k_aux": k_aux, "dead_after": dead_after}
    asked = Asked(
        model=model, sites=site, texts=texts, out=out, kind=kind, d_dict=d_dict,
        targets=tuple(target or ()), skip=skip, k=k, tokens=tokens, steps=steps, batch=batch,
        options={name: value for name, value in options.items() if value is not None},
        lr=lr, seed=seed, adapter=adapter or None, device=device, dtype=dtype, field=field,
        limit=limit, context=context, shards=shards, log_every=log_every, save_every=save_every,
        resume=resume,
    )  # fmt: skip
    if dry_run:
        for line in cost(asked).lines():
            tell(line)
        return
    run(asked, log=_trackers(track or [], out), say=tell)


def _sizes(groups: str) -> tuple[int, ...] | None:
    """256,1024,2048 as numbers; None where none were given."""
    from microtome.errors import ConfigError

    if not groups:
        return None
    parts = [part.strip() for part in groups.split(",")]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise ConfigError(f"--groups {groups} is not a list of sizes; write 256,1024,2048.")
    return tuple(int(part) for part in parts)


def _trackers(names: list[str], out: Path) -> Any:
    """Every tracker that was asked for, as one; None without any."""
    from microtome.lab.tracking import Several, tracker

    return Several([tracker(name, out) for name in names]) if names else None
