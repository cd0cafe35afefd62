"""A finished run as a value: its manifest, findings and tables, read from disk and checked."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microtome import files
from microtome.errors import RunError, suggest
from microtome.lab import tables
from microtome.lab.answers import chipped
from microtome.lab.claims import from_json
from microtome.lab.manifest import Manifest
from microtome.lab.store import CONFIGURATION, RunFolder
from microtome.lab.verdicts import RATE, judge

if TYPE_CHECKING:
    import pandas as pd

FINDINGS = "findings.json"


def findings(folder: RunFolder, manifest: Manifest) -> dict[str, Any]:
    """What all finished steps found, judged together, with their audits and files."""
    steps = [
        files.read_json(folder.step(name))
        for name, record in manifest.steps.items()
        if record.status == "finished"
    ]
    return {
        "study": manifest.study,
        "run": folder.path.name,
        "dry_run": manifest.dry_run,
        "failed_audits": sum(not a["passed"] for step in steps for a in step["audits"]),
        "questions": manifest.questions,
        "rate": rate_of(manifest),
        "steps": _judged(steps, rate_of(manifest)),
    }


def rate_of(manifest: Manifest) -> float:
    """The run's false-discovery rate: 1 − the `level` of its study."""
    level = manifest.configuration.get("level")
    return RATE if level is None else round(1 - float(level), 12)


def _judged(steps: list[dict[str, Any]], rate: float) -> list[dict[str, Any]]:
    """The steps with q and verdict of every finding, over the claims of all of them."""
    every = [from_json(row) for step in steps for row in step["findings"]]
    judged = iter(judge(every, rate))
    return [{**step, "findings": [next(judged).to_json() for _ in step["findings"]]}
            for step in steps]  # fmt: skip


def read_findings(folder: RunFolder, manifest: Manifest) -> dict[str, Any]:
    """What `findings.json` of a run says; RunError for one that is not what was written."""
    path = folder.path / FINDINGS
    content = files.read_json(path)
    stated = manifest.artifacts.get(FINDINGS)
    # A run killed on its way may have findings that are newer than its manifest.
    final = stated.sha256 if stated is not None and manifest.status == "finished" else None
    if final is not None and files.sha256_file(path) != final:
        raise RunError(f"{path} is damaged; `microtome verify --repair` makes it again.")
    if not isinstance(content, dict) or not {"steps", "failed_audits"} <= content.keys():
        raise RunError(f"{path} holds no findings; `microtome verify --repair` makes it again.")
    if "rate" not in content:
        raise RunError(f"{path} has no verdicts yet; `microtome report` writes it in today's form.")
    return content


@dataclass(frozen=True)
class Record:
    """A run folder, read; RunError where there is none."""

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if not (self.folder.has_manifest() or (self.path / CONFIGURATION).exists()):
            raise RunError(f"There is no run in {self.path}; `microtome list` names the runs.")

    @property
    def folder(self) -> RunFolder:
        """Where each thing lies."""
        return RunFolder(self.path)

    @property
    def manifest(self) -> Manifest:
        """Status, parameters, provenance, hashes."""
        return self.folder.manifest()

    @property
    def findings(self) -> list[dict[str, Any]]:
        """Every finding with its step, question, answer, evidence, p, q and verdict."""
        return [{"step": s["step"], **f} for s in self._steps() for f in s["findings"]]

    @property
    def audits(self) -> list[dict[str, Any]]:
        """Every audit with its step, worst value and bound."""
        return [{"step": s["step"], **a} for s in self._steps() for a in s["audits"]]

    def _steps(self) -> list[dict[str, Any]]:
        if not (self.path / FINDINGS).exists() and self.manifest.status != "finished":
            return []
        steps: list[dict[str, Any]] = read_findings(self.folder, self.manifest)["steps"]
        return steps

    def table(self, name: str) -> "pd.DataFrame":
        """A table of the run by name; RunError when it is unknown or damaged."""
        stem = f"tables/{files.safe_name(name)}.parquet"
        artifacts = self.manifest.artifacts
        if stem not in artifacts:
            names = [Path(a).stem for a in artifacts if a.endswith(".parquet")]
            raise RunError(f"The run {self.path} has no table {name!r}.{suggest(name, names)}")
        return tables.read_parquet(self.path / stem, artifacts[stem].sha256).to_pandas()

    def _repr_html_(self) -> str:
        rows = "".join(f"<li>{html.escape(chipped(f))}</li>" for f in self.findings)
        return f"<p><b>{html.escape(self.folder.id)}</b></p><ul>{rows}</ul>"
