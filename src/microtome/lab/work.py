"""One step of a run: its missing units computed and committed, its results joined and published."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from microtome import files
from microtome.audit import Audit
from microtome.errors import RunError
from microtome.lab import tables
from microtome.lab.executor import Done, Executor
from microtome.lab.join import finite, join_arrays, join_tables, summarise
from microtome.lab.manifest import Manifest, StepRecord, now, peak_memory
from microtome.lab.publish import Publisher, publish
from microtome.lab.store import RunFolder
from microtome.lab.study import Arrays, Conclusion, Product, Step, Study, Unit
from microtome.lab.terminal import Bar, Terminal
from microtome.lab.units import pack, read_unit, unit_key, unpack

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Work:
    """What the steps of one start share: where they write and what earlier steps found."""

    study: Study
    provenance: Mapping[str, Any]
    folder: RunFolder
    manifest: Manifest
    executor: Executor
    terminal: Terminal
    limit: int | None = None
    frames: "dict[str, dict[str, pd.DataFrame]]" = field(default_factory=dict)
    arrays: dict[str, Arrays] = field(default_factory=dict)

    def step(self, step: Step) -> None:
        """Do one step; its record in the manifest says how it ended."""
        record = self._record(step)
        start = time.perf_counter()
        try:
            units = self._units(step)
            products = self._products(step, units, record)
            self._publish(step, list(units.values()), products)
            record.status = "finished"
        except BaseException as error:
            record.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            record.error = str(error)
            raise
        finally:
            _took(record, time.perf_counter() - start)
        self.manifest.write(self.folder.path)

    def _record(self, step: Step) -> StepRecord:
        old = self.manifest.steps.get(step.name)
        record = StepRecord(status="running", version=step.version)
        if old is not None and old.version == step.version:
            record.seconds, record.peak_memory_bytes = old.seconds, old.peak_memory_bytes
        self.manifest.steps[step.name] = record
        return record

    def _units(self, step: Step) -> dict[str, Unit]:
        """The step's units by key."""
        units = list(step.units(self.study))[: self.limit]
        if len({unit.name for unit in units}) < len(units):
            raise ValueError(f"step {step.name!r} gives one name to two units")
        keyed = {unit_key(self.study, self.provenance, step, unit): unit for unit in units}
        if len(keyed) < len(units):
            raise ValueError(f"step {step.name!r} has two units of equal inputs")
        return keyed

    def _products(self, step: Step, units: Mapping[str, Unit], record: StepRecord) -> list[Product]:
        """Products in the order of the units: read where they are sound, else computed."""
        found = {key: self._read(step, key, record) for key in units}
        missing = {unit.name: key for key, unit in units.items() if found[key] is None}
        wanted = [units[key] for key in missing.values()]
        with self.terminal.progress(step.name, len(units), len(units) - len(wanted)) as bar:
            if wanted:
                for done in self.executor.map(self.study, step, wanted):
                    key = missing[done.unit.name]
                    found[key] = self._commit(step, key, done, record, bar)
        return [product for product in found.values() if product is not None]

    def _read(self, step: Step, key: str, record: StepRecord) -> Product | None:
        path = self.folder.unit(step.name, key)
        try:
            product = read_unit(path, key)
        except RunError as error:
            self.terminal.warn(f"{error} The unit is computed again.")
            self.manifest.warnings.append(str(error))
            return None
        if product is not None:
            record.units[key] = files.sha256_file(path)
        return product

    def _commit(self, step: Step, key: str, done: Done, record: StepRecord, bar: Bar) -> Product:
        content = pack(key, done.unit, done.product)
        files.write_atomic(self.folder.unit(step.name, key), content)
        record.units[key] = files.sha256(content)
        record.computed += 1
        event = {"time": now(), "step": step.name, "unit": done.unit.name}
        files.append_jsonl(self.folder.log, {**event, "seconds": round(done.seconds, 4)})
        bar.advance(done.unit.name)
        # What was written is what is used: a resumed run joins the very same values.
        return unpack(content, key)

    def _publish(self, step: Step, units: Sequence[Unit], products: Sequence[Product]) -> None:
        joined = join_tables(products)
        self.frames[step.name] = {name: table.to_pandas() for name, table in joined.items()}
        self.arrays[step.name] = join_arrays(units, products)
        conclusion = step.conclude(self.study, self._tables(step), self._arrays(step))
        _asked(self.study, step, conclusion)
        for name, rows in conclusion.tables.items():
            joined[name] = tables.from_rows(name, rows)
            self.frames[step.name][name] = joined[name].to_pandas()
        figures = step.figures(self.study, self._tables(step), self._arrays(step))
        audits = self._audits(step, units, products, conclusion.audits)
        with self.terminal.progress(step.name, len(figures), 0, "figures") as bar:
            publisher = Publisher(self.folder, self.manifest, step.name, bar.advance)
            publish(publisher, step, joined, self.arrays[step.name], conclusion, figures, audits)

    def _tables(self, step: Step) -> "dict[str, pd.DataFrame]":
        own_and_needed = (*step.needs, step.name)
        return {k: v.copy() for name in own_and_needed for k, v in self.frames[name].items()}

    def _arrays(self, step: Step) -> Arrays:
        return {k: v for name in (*step.needs, step.name) for k, v in self.arrays[name].items()}

    def _audits(
        self,
        step: Step,
        units: Sequence[Unit],
        products: Sequence[Product],
        concluded: Sequence[Audit],
    ) -> list[dict[str, Any]]:
        pairs = [
            (unit.name, audit)
            for unit, product in zip(units, products, strict=True)
            for audit in (*product.audits, finite(product))
        ]
        rows = summarise([*pairs, *(("", audit) for audit in concluded)])
        self.terminal.failed(step.name, [row for row in rows if not row["passed"]])
        return rows


def _asked(study: Study, step: Step, conclusion: Conclusion) -> None:
    """Every finding answers a question that the study asks, or none in particular."""
    asked = {question.name for question in study.questions}
    for finding in conclusion.findings:
        if finding.question and finding.question not in asked:
            raise ValueError(
                f"step {step.name!r} answers {finding.question!r}, which {study.name!r} never asks"
            )


def _took(record: StepRecord, seconds: float) -> None:
    """Add time and memory; a start that finds everything done leaves what it took as it was."""
    if record.computed or not record.seconds:
        record.seconds = round(record.seconds + seconds, 3)
        record.peak_memory_bytes = max(record.peak_memory_bytes, peak_memory())
