"""A study without a model: squares of numbers, with every kind of product the lab stores."""

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from microtome.audit import Audit
from microtome.errors import JudgeError, PromptError
from microtome.lab.claims import Claim, Evidence, Finding, Question
from microtome.lab.figures import BarGroup, Bars, Grid, Heatmap, Lines, Series
from microtome.lab.study import Conclusion, Cost, Product, Step, Study, Unit

FAULTS: dict[str, Exception] = {
    "error": PromptError("This number cannot be squared."),
    "judge": JudgeError("Nobody answers."),
    "bug": KeyError("x"),
}


class Toy(Study):
    """Squares of numbers."""

    name: ClassVar[str] = "toy"
    summary: ClassVar[str] = "squares, and what they sum to"
    questions: ClassVar[tuple[Question, ...]] = (Question("total", "How much are they all?"),)

    model: str = "specimen:none"
    """No model at all."""
    count: int = 6
    """How many numbers."""
    factor: float = 1.5
    """What every square is multiplied by."""
    labels: tuple[str, ...] = ("a", "b")
    """Names of the numbers, used in turn."""
    delay: float = 0.0
    """Seconds per unit."""
    broken: str = ""
    """Name of a unit that fails: `error:NAME` by the user's fault, `judge:NAME` by a
    judge's, `bug:NAME` by ours."""
    gap: float = 1e-9
    """Value of an audit whose bound is 1e-6."""
    pictures: bool = True
    """Whether to draw."""
    journal: Path | None = None
    """File that gets a line for every unit computed."""

    def identity(self) -> dict[str, Any]:
        """Faults are injected into one and the same run."""
        faults = {"steps", "output_dir", "delay", "broken", "journal"}
        return self.model_dump(mode="json", exclude=faults)

    def chain(self) -> tuple[Step, ...]:
        return (Squares(), Sums())

    def provenance(self) -> dict[str, Any]:
        return {"model": self.model, "specimen": True}

    def warm(self) -> Any:
        return np.random.default_rng(self.seed).normal(size=3)

    def dry(self) -> "Toy":
        return self.model_copy(update={"count": 2})

    @classmethod
    def demo(cls) -> "Toy":
        return cls(count=3)


class Squares(Step):
    name = "squares"
    version = 1
    summary = "Each number times itself."
    reads = ("factor", "labels", "seed")

    def units(self, study: Toy) -> list[Unit]:
        return [
            Unit(f"{study.labels[i % len(study.labels)]}{i}", {"number": i})
            for i in range(study.count)
        ]

    def compute(self, unit: Unit, warm: Any, study: Toy) -> Product:
        time.sleep(study.delay)
        if study.journal is not None:
            with study.journal.open("a", errors="backslashreplace") as file:
                file.write(f"{unit.name} {os.getpid()}\n")
        kind, _, name = study.broken.partition(":")
        if name == unit.name:
            raise FAULTS[kind]
        number = unit.inputs["number"]
        square = study.factor * number**2 + 1 / 3
        return Product(
            tables={
                "squares": [{"label": unit.name, "number": number, "square": np.float64(square)}]
            },
            arrays={"powers": warm * np.float32(number)},
            audits=(Audit("gap", study.gap, 1e-6),),
        )

    def cost(self, study: Toy) -> Cost:
        return Cost(forwards=study.count, tokens=10 * study.count, bytes=1000 * study.count)

    def figures(self, study: Toy, tables: Any, arrays: Any) -> list[Any]:
        if not study.pictures:
            return []
        frame = tables["squares"]
        matrix = np.outer(frame["square"], [1.0, -1.0])
        heat = Heatmap("squares_map", "Squares", "Signed.", matrix, list(frame["label"]),
                       ["+", "-"], "number", "sign", "units")  # fmt: skip
        line = Series("square", frame["number"], frame["square"])
        lines = Lines("squares_lines", "Growth", "Quadratic.", (line,), "number", "square (units)")
        return [heat, Grid("squares_grid", "Both", "Side by side.", (lines, lines), columns=2)]


class Sums(Step):
    name = "sums"
    version = 1
    summary = "What the squares sum to."
    needs = ("squares",)

    def units(self, study: Toy) -> list[Unit]:
        return [Unit(label, {"label": label}) for label in study.labels]

    def compute(self, unit: Unit, warm: Any, study: Toy) -> Product:
        return Product(tables={"lengths": [{"label": unit.name, "length": len(unit.name)}]})

    def cost(self, study: Toy) -> Cost:
        return Cost(forwards=0, tokens=0, bytes=100)

    def conclude(self, study: Toy, tables: Any, arrays: Any) -> Conclusion:
        total = float(tables["squares"]["square"].sum())
        largest = max(float(np.abs(a).max()) for a in arrays["powers"].values())
        found = Finding(
            f"The squares sum to {total:.1f}.",
            Evidence(total, total - 1, total + 1, n=study.count, control="no squares: 0"),
            question="total",
            claim=Claim(p=0.001, least=0.5, false_in="a world without numbers"),
        )
        return Conclusion(
            (found,),
            {"totals": [{"total": total, "largest": largest}]},
            {"total": {"total": total}, study.labels[0]: total},
        )

    def figures(self, study: Toy, tables: Any, arrays: Any) -> list[Any]:
        if not study.pictures:
            return []
        total = float(tables["totals"]["total"][0])
        group = BarGroup("sum", [total], [total - 1], [total + 1])
        return [Bars("sums_bars", "Sum", "With an interval.", ["all"], (group,), "sum (units)", "")]
