"""The commands. Heavy imports stay inside them, so that `microtome --help` answers at once."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from microtome.characters import shown
from microtome.cli import dictionary
from microtome.errors import MicrotomeError

OutputDir = Annotated[Path, typer.Option(help="Folder that holds the runs.")]
RunName = Annotated[str, typer.Argument(help="A run: its folder, its id, or how its id begins.")]

app = typer.Typer(
    name="microtome",
    help="Take a language model apart: run studies, keep what they find, look at it. "
    "With --debug anywhere, errors show where in the code they arose.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(dictionary.app, name="dictionary")


# `run` reads its own flags: they are the fields of the study, known once the study is named.
@app.command(
    context_settings={
        "allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": [],
    },
)  # fmt: skip
def run(context: typer.Context) -> None:
    """Run a study; `microtome run STUDY --help` lists its fields."""
    from microtome.cli import study

    study.main(context.args)


@app.command("list")
def list_runs(output_dir: OutputDir = Path("runs")) -> None:
    """List the runs of a folder."""
    from microtome.cli import show

    show.runs(output_dir)


@app.command("show")
def show_run(
    name: RunName,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="What each answer rests on, too.")
    ] = False,
    output_dir: OutputDir = Path("runs"),
) -> None:
    """Show what a run found, its audits, and how its steps stand."""
    from microtome.cli import show

    show.run(name, evidence, output_dir)


@app.command("compare")
def compare_runs(left: RunName, right: RunName, output_dir: OutputDir = Path("runs")) -> None:
    """Show where two runs of one study differ: settings, findings, tables; needs no model."""
    from microtome.cli import compare

    compare.compare(left, right, output_dir)


@app.command("contrast")
def contrast_runs(
    left: RunName,
    right: RunName,
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("diff_report.json"),
    topk: Annotated[int, typer.Option(min=1, help="Features listed per layer and prompt.")] = 20,
    output_dir: OutputDir = Path("runs"),
) -> None:
    """Contrast the features of two misconceptions runs, prompt by prompt; needs no model."""
    from microtome.cli import contrast

    contrast.contrast(left, right, out, topk, output_dir)


@app.command()
def report(name: RunName, output_dir: OutputDir = Path("runs")) -> None:
    """Rewrite the report of a run from its files; needs no model."""
    from microtome.cli import show

    show.report(name, output_dir)


@app.command()
def verify(
    name: RunName,
    repair: Annotated[bool, typer.Option("--repair", help="Recompute what is damaged.")] = False,
    output_dir: OutputDir = Path("runs"),
) -> None:
    """Hash every file of a run again and name those that are missing or damaged."""
    from microtome.cli import show

    show.verify(name, repair, output_dir)


@app.command()
def demo(output_dir: OutputDir = Path("runs")) -> None:
    """Run every study on the embedded specimen and write a page with all reports."""
    from microtome.cli import study

    study.demo(output_dir)


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="Hub id, folder, specimen:world.")
    ] = "",
    adapter: Annotated[str, typer.Option(help="A LoRA adapter's name or folder.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
) -> None:
    """Check a model (do hooks fire, do parts sum?); without one, show device and versions."""
    from microtome.cli import model

    if name:
        model.check(name, adapter or None, device, dtype)
    else:
        model.machine()


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point: a user's error is one sentence and exit code 2, a bug keeps its traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    with _stoppable():
        code = _call([argument for argument in given if argument != "--debug"], debug)
    sys.exit(code)


def _call(arguments: list[str], debug: bool) -> int:
    try:
        code = int(app(arguments, standalone_mode=False) or 0)
    except BrokenPipeError:
        # The reader of the output has left, as `head` does; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MicrotomeError, OSError) as error:
        if debug:
            raise
        print(f"microtome: {_sentence(error)}", file=sys.stderr)
        return 2
    except _USAGE as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        print(f"microtome: {shown(' '.join(error.format_message().split()))}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        print("Interrupted; the same command goes on where it stopped.", file=sys.stderr)
    return code


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return shown(f"The system refused: {error.strerror}{where}.")
    text = shown(str(error))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM, which batch systems send, ends a run as tidily as Ctrl-C."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# What a shell reports for a process stopped by Ctrl-C; typer answers with it, or raises Abort.
_INTERRUPTED = 130
_LONGEST = 2000
"""Characters of an error that are printed."""
# Typer carries its own copy of click in newer versions and uses the installed one in older.
_USAGE: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
