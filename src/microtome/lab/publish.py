"""What a step leaves behind: tables, arrays, data, figures, and `steps/<step>.json` listing them.

Every file is written atomically and its sha256 goes into the manifest. A figure whose values are
those of the file that is already there is not drawn again.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import safetensors.numpy

from microtome import files
from microtome.lab import interactive, still, tables
from microtome.lab.figures import Figure
from microtome.lab.manifest import Artifact, Manifest
from microtome.lab.store import RunFolder
from microtome.lab.study import Arrays, Conclusion, Step


@dataclass
class Publisher:
    """Writes the artifacts of one step and remembers their hashes."""

    folder: RunFolder
    manifest: Manifest
    step: str
    drawn: Callable[[str], object] = lambda name: None
    """Told of every figure that is there."""
    written: dict[str, Artifact] = field(default_factory=dict)
    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def put(self, name: str, content: bytes) -> None:
        """Write one artifact; two steps must not use one name."""
        other = self.manifest.artifacts.get(name)
        if other is not None and other.step != self.step:
            raise ValueError(f"steps {other.step!r} and {self.step!r} both write {name}")
        files.write_atomic(files.inside(self.folder.path, name), content)
        self.keep(name, Artifact(sha256=files.sha256(content), bytes=len(content), step=self.step))

    def keep(self, name: str, artifact: Artifact) -> None:
        """Count an artifact as this step's."""
        self.written[name] = artifact

    def put_json(self, name: str, value: Any) -> None:
        """Write strict, readable JSON."""
        text = json.dumps(files.strict_json(value), indent=2, ensure_ascii=False, allow_nan=False)
        self.put(name, (text + "\n").encode("utf-8", "backslashreplace"))

    def put_data(self, name: str, value: Any) -> str:
        """Write a conclusion's data as JSON, or line by line where its name ends in .jsonl."""
        path = f"data/{files.safe_name(name)}"
        if not name.endswith(".jsonl"):
            self.put_json(f"{path}.json", value)
            return f"{path}.json"
        lines = [
            json.dumps(files.strict_json(row), ensure_ascii=False, allow_nan=False) for row in value
        ]
        self.put(path, "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))
        return path

    def table(self, name: str, table: pa.Table) -> dict[str, Any]:
        """Write a table as Parquet and CSV."""
        stem = _stem(name)
        self.put(f"{stem}.parquet", tables.to_parquet(table))
        self.put(f"{stem}.csv", tables.to_csv(table))
        self.columns[name] = tables.column_hashes(table)
        return {"name": name, "rows": table.num_rows, "files": [f"{stem}.parquet", f"{stem}.csv"]}

    def array(self, name: str, by_unit: dict[str, np.ndarray]) -> dict[str, Any]:
        """Write an array of every unit into one safetensors file."""
        path = f"arrays/{files.safe_name(name)}.safetensors"
        arrays = {
            files.encodable(unit): np.ascontiguousarray(value) for unit, value in by_unit.items()
        }
        self.put(path, safetensors.numpy.save(arrays))
        return {"name": name, "units": len(arrays), "files": [path]}

    def figure(self, figure: Figure) -> dict[str, Any]:
        """Write a figure as PNG, SVG, CSV and the JSON that the report shows."""
        stem = f"figures/{files.safe_name(figure.name)}"
        plotly = interactive.to_json(figure).encode()
        names = [f"{stem}.{end}" for end in (interactive.ending(figure), "png", "svg", "csv")]
        if not self._drawn(names, files.sha256(plotly)):
            picture = still.draw(figure)
            content = (plotly, still.png(picture), still.svg(picture), still.csv(figure))
            for name, data in zip(names, content, strict=True):
                self.put(name, data)
        self.drawn(figure.name)
        return {
            "name": figure.name, "title": figure.title, "caption": figure.caption,
            "kind": figure.kind, "files": names,
        }  # fmt: skip

    def _drawn(self, names: Sequence[str], plotly: str) -> bool:
        there = {name: self.manifest.artifacts.get(name) for name in names}
        first = there[names[0]]
        if (
            self.manifest.redraw
            or first is None
            or first.sha256 != plotly
            or first.step != self.step
        ):
            return False
        for name, artifact in there.items():
            path = self.folder.path / name
            if artifact is None or not path.exists() or files.sha256_file(path) != artifact.sha256:
                return False
        for name, artifact in there.items():
            if artifact is not None:
                self.keep(name, artifact)
        return True

    def finish(self) -> None:
        """Enter what was written into the manifest; remove what the step no longer writes."""
        stale = [n for n, a in self.manifest.artifacts.items() if a.step == self.step]
        for name in set(stale) - set(self.written):
            files.inside(self.folder.path, name).unlink(missing_ok=True)
            del self.manifest.artifacts[name]
            self._forget_columns(name)
        self.manifest.artifacts.update(self.written)
        self.manifest.columns.update(self.columns)

    def _forget_columns(self, artifact: str) -> None:
        """Drop the hashes of a table whose file is gone."""
        names = [n for n in self.manifest.columns if artifact == f"{_stem(n)}.parquet"]
        for name in names:
            del self.manifest.columns[name]


def _stem(table: str) -> str:
    return f"tables/{files.safe_name(table)}"


def publish(
    publisher: Publisher,
    step: Step,
    joined: dict[str, pa.Table],
    arrays: Arrays,
    conclusion: Conclusion,
    figures: Sequence[Figure],
    audits: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Write all of a step; returns what `steps/<step>.json` says."""
    data = [
        {"name": name, "files": [publisher.put_data(name, value)]}
        for name, value in conclusion.data.items()
    ]
    content = {
        "step": step.name,
        "version": step.version,
        "summary": step.summary,
        "findings": [asdict(finding) for finding in conclusion.findings],
        "audits": list(audits),
        "tables": [publisher.table(name, table) for name, table in joined.items()],
        "arrays": [publisher.array(name, dict(by_unit)) for name, by_unit in arrays.items()],
        "data": data,
        "figures": [publisher.figure(figure) for figure in figures],
    }
    publisher.put_json(f"steps/{files.safe_name(step.name)}.json", content)
    publisher.finish()
    return content
