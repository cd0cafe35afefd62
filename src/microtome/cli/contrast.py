"""`microtome contrast RUN RUN`: the features of two misconceptions runs, prompt by prompt."""

from pathlib import Path

from rich.table import Table

from microtome.lab.store import find_run
from microtome.lab.terminal import tell, wide
from microtome.studies.misconceptions import contrast_runs

_SHOWN = 3


def contrast(left: str, right: str, out: Path, topk: int, output_dir: Path) -> None:
    """Write the report of `left` minus `right` to `out` and print its largest differences."""
    a, b = (find_run(name, output_dir).path for name in (left, right))
    report = contrast_runs(a, b, out, topk=topk)
    table = Table("layer", "feature", "mean difference A − B", box=None)
    for layer, found in report["diffs_by_layer"].items():
        pairs = zip(found["top_diff_features"], found["diff_magnitudes"], strict=True)
        for feature, size in list(pairs)[:_SHOWN]:
            table.add_row(layer, str(feature), f"{size:+.3g}")
    wide().print(table)
    tell(f"{report['prompts']} prompts in both runs; report: {out.resolve()}")
