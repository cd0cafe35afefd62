"""The report: one HTML file with all of a run, to be opened from disk and handed on.

Built from the run folder alone, so it needs neither model nor study. Every text is escaped, and a
content-security policy lets only the two scripts run whose hashes it names: plotly's, taken from
its Python package, and `report.js`. Nothing is fetched.
"""

import base64
import hashlib
import json
import shlex
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from microtome import files
from microtome.lab import tables
from microtome.lab.answers import number, number_of, proof_of
from microtome.lab.manifest import Manifest
from microtome.lab.passages import shade
from microtome.lab.store import RunFolder

_SHOWN_ROWS = 20
_ON_SCREEN = (".plotly.json", ".passages.json")


def render(folder: RunFolder, manifest: Manifest, found: dict[str, Any]) -> bytes:
    """The report's bytes; `found` is the content of `findings.json`."""
    steps = [_step(folder, manifest, step) for step in found["steps"]]
    figures = any(figure["json"] for step in steps for figure in step["figures"])
    plotly, js = (_plotly() if figures else ""), _web("report.js")
    provenance = manifest.provenance
    text = template("report.html.j2").render(
        policy=policy([plotly, js] if figures else []),
        plotly=Markup(plotly),
        js=Markup(js),
        study=manifest.study,
        run=folder.path.name,
        model=manifest.model,
        dry_run=manifest.dry_run,
        specimen=bool(provenance.get("specimen")),
        stand_in=provenance.get("stand_in", ""),
        failed_audits=found["failed_audits"],
        unfinished={
            n: r for n, r in manifest.steps.items() if r.status in ("failed", "interrupted")
        },
        answers=_answers(found, steps),
        claims=sum(f["verdict"] is not None for step in steps for f in step["findings"]),
        rate=found["rate"],
        steps=steps,
        command=shlex.join(manifest.command),
        seed=manifest.seed,
        configuration=_pretty(manifest.configuration),
        provenance=_pretty(provenance),
        versions=manifest.versions,
        took=manifest.steps,
    )
    return text.encode("utf-8", "backslashreplace")


def policy(scripts: list[str]) -> str:
    """A content-security policy under which these scripts run and nothing else does."""
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts) or "'none'"
    # Plotly sets style attributes and a style sheet of its own; its pictures are data and blobs.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _step(folder: RunFolder, manifest: Manifest, step: dict[str, Any]) -> dict[str, Any]:
    return {
        **step,
        "findings": [_finding(step, f) for f in step["findings"]],
        "figures": [_figure(folder, figure) for figure in step["figures"]],
        "shown": [_table(folder, manifest, table) for table in step["tables"]],
        "other": [link for o in (*step["data"], *step["arrays"]) for link in _links(o["files"])],
    }


def _finding(step: dict[str, Any], finding: dict[str, Any]) -> dict[str, Any]:
    return {
        **finding,
        "step": step["step"],
        "doubted": any(not audit["passed"] for audit in step["audits"]),
        "number": number_of(finding),
        "proof": proof_of(finding),
    }


def _answers(found: dict[str, Any], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The findings by question, in the order of the questions; then those of no question."""
    every = [finding for step in steps for finding in step["findings"]]
    names = found["questions"]
    headed = [(text, [f for f in every if f["question"] == name]) for name, text in names.items()]
    headed += [
        (step["step"], [f for f in step["findings"] if f["question"] not in names])
        for step in steps
    ]
    return [{"head": head, "findings": own} for head, own in headed if own]


def _figure(folder: RunFolder, figure: dict[str, Any]) -> dict[str, Any]:
    name = next(name for name in figure["files"] if name.endswith(_ON_SCREEN))
    content = files.inside(folder.path, name).read_text(encoding="ascii")
    shown: dict[str, Any] = {"json": "", "passages": None}
    if figure["kind"] == "passages":
        shown["passages"] = _passages(json.loads(content))
    else:
        # Inside a script element only `<` could end it; JSON may write it as an escape.
        safe = content.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        shown["json"] = Markup(safe)
    identity = f"figure-{files.sha256(name.encode())[:12]}"
    return {**figure, **shown, "id": identity, "links": _links(figure["files"])}


def _passages(content: dict[str, Any]) -> dict[str, Any]:
    """Passages with the shade of every token, for the template."""
    limit = content["limit"]
    rows, shares = [], [0.0, 0.25, 0.5, 1.0]
    for one in content["passages"]:
        values = one["values"]
        if any(value is not None and value < 0 for value in values):
            shares = [-1.0, -0.5, 0.0, 0.5, 1.0]
        marks = [(*shade(value, limit), i == one["peak"]) for i, value in enumerate(values)]
        finite = [value for value in values if value is not None]
        most = max(finite, key=abs, default=None)
        tokens = list(zip(one["tokens"], values, marks, strict=True))
        rows.append({"label": one["label"], "tokens": tokens, "most": most})
    steps = [(share * limit, shade(share * limit, limit)) for share in shares]
    return {"rows": rows, "unit": content["unit"], "steps": steps}


def _table(folder: RunFolder, manifest: Manifest, table: dict[str, Any]) -> dict[str, Any]:
    name = table["files"][0]
    content = tables.read_parquet(files.inside(folder.path, name), manifest.artifacts[name].sha256)
    first = content.slice(0, _SHOWN_ROWS)
    rows = list(zip(*(column.to_pylist() for column in first.columns), strict=True))
    return {**table, "columns": first.column_names, "first": rows, "links": _links(table["files"])}


def _links(names: list[str]) -> list[dict[str, str]]:
    return [
        {"href": quote(name), "kind": name.rsplit(".", 1)[-1].upper()}
        for name in names
        if not name.endswith(_ON_SCREEN)
    ]


def _tint(mark: tuple[Any, ...]) -> str:
    """A style that shades a token."""
    (red, green, blue), strength = mark[:2]
    return f"background-color: rgb({red} {green} {blue} / {strength:.2f})" if strength else ""


def _bytes(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count else "not measured"


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


@cache
def _plotly() -> str:
    return resources.files("plotly").joinpath("package_data/plotly.min.js").read_text("utf-8")


@cache
def _web(name: str) -> str:
    return resources.files("microtome.lab").joinpath("web", name).read_text("utf-8")


def template(name: str) -> jinja2.Template:
    """A template of `web/`, everything it is given escaped."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    environment.filters["bytes"] = _bytes
    environment.globals["tint"] = _tint
    environment.globals["web"] = lambda name: Markup(_web(name))
    return environment.from_string(_web(name))
