"""Reports to test: the gallery with innocent words, and one whose every text is an attack."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from microtome.audit import Audit
from microtome.lab.claims import Claim, Evidence, Finding, Question
from microtome.lab.figures import BarGroup, Bars, Grid, Heatmap, Lines, Passage, Passages, Series
from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.study import Conclusion, Cost, Product, Step, Study, Unit
from microtome.lab.terminal import quiet

from .gallery import gallery, passages

MARK = "document.documentElement.dataset.owned=1"
ATTACKS = (
    f"<script>{MARK}</script>", f"<img src=x onerror={MARK}>", f"\"><svg onload={MARK}>",
    f"</script><script>{MARK}</script>", f"' onmouseover='{MARK}' autofocus onfocus='{MARK}",
    f"<a href=\"javascript:{MARK}\">x</a>", f"<!--<script>{MARK}//", f"{{{{ {MARK} }}}}",
    f"]]><script>{MARK}</script>", "<style>*{background:url(http://x.invalid/)}</style>",
)  # fmt: skip


class Hostile(Study):
    """Every text that reaches the report is an attack."""

    name: ClassVar[str] = "hostile"
    summary: ClassVar[str] = ATTACKS[0]
    questions: ClassVar[tuple[Question, ...]] = (Question(ATTACKS[0], ATTACKS[1]),)

    model: str = ATTACKS[3]
    """No model."""
    attack: bool = True
    """Whether the texts are attacks."""

    def chain(self) -> tuple[Step, ...]:
        return (Attack(),) if self.attack else (Show(),)

    def provenance(self) -> dict[str, Any]:
        return {ATTACKS[2]: ATTACKS[3], "stand_in": ATTACKS[1], "specimen": True}

    def warm(self) -> Any:
        return None

    def dry(self) -> "Hostile":
        return self

    @classmethod
    def demo(cls) -> "Hostile":
        return cls()


class Show(Step):
    """The gallery, with innocent words."""

    name = "gallery"
    summary = "One figure of every kind."

    def units(self, study: Hostile) -> list[Unit]:
        return [Unit("one", {"n": 1})]

    def compute(self, unit: Unit, warm: Any, study: Hostile) -> Product:
        audits = (Audit("completeness gap", 3e-7, 1e-5), Audit("self-patch", 2e-3, 1e-5))
        return Product({"rows": [{"layer": i, "delta": i / 7} for i in range(30)]}, {}, audits)

    def cost(self, study: Hostile) -> Cost:
        return Cost(0, 0, 0)

    def conclude(self, study: Hostile, tables: Any, arrays: Any) -> Conclusion:
        text = "Strategic defects in every state."
        seen = Evidence(0.93, 0.88, 0.97, "probability", 75, "shuffled labels", "at T = 0 only")
        claim = Claim(p=0.004, least=0.1, null=0.5, side=1, false_in="labels shuffled")
        return Conclusion([Finding(text, seen, claim=claim)])

    def figures(self, study: Hostile, tables: Any, arrays: Any) -> list[Any]:
        return [*gallery(), passages()]


class Attack(Step):
    """The same places, filled with attacks."""

    name = ATTACKS[4]
    summary = ATTACKS[5]

    def units(self, study: Hostile) -> list[Unit]:
        return [Unit(text, {"n": i}) for i, text in enumerate(ATTACKS)]

    def compute(self, unit: Unit, warm: Any, study: Hostile) -> Product:
        rows = [{unit.name: text, "text": text} for text in ATTACKS]
        return Product({unit.name: rows}, {unit.name: np.ones(1)}, [Audit(unit.name, 1, 0)])

    def cost(self, study: Hostile) -> Cost:
        return Cost(0, 0, 0)

    def conclude(self, study: Hostile, tables: Any, arrays: Any) -> Conclusion:
        claim = Claim(p=0.5, least=1.0, false_in=ATTACKS[1])
        found = [
            Finding(t, Evidence(1.0, 0.0, 2.0, t, 3, t, t), t, t if t == ATTACKS[0] else "", claim)
            for t in ATTACKS
        ]
        audits = [Audit(f"{t}!", 1.0, 0.0, "<=", note=t) for t in ATTACKS]
        return Conclusion(found, {}, {t: {t: t} for t in ATTACKS}, audits)

    def figures(self, study: Hostile, tables: Any, arrays: Any) -> list[Any]:
        drawn = []
        for i, t in enumerate(ATTACKS):
            line = Lines(f"l{i}{t}", t, t, (Series(t, [0, 1], [0, 1]),) * 2, t, t)
            heat = Heatmap(f"h{i}", t, t, np.eye(2), [t, "b"], [t, "b"], t, t, t, annotate=True)
            bars = Bars(f"b{i}", t, t, [t], (BarGroup(t, [1.0]),), t, t)
            drawn.append((line, heat, bars, Grid(f"g{i}", t, t, (line, heat, bars)))[i % 4])
        row = Passage(ATTACKS, range(len(ATTACKS)), ATTACKS[0], 2)
        return [*drawn, Passages(f"p{ATTACKS[0]}", ATTACKS[1], ATTACKS[2], [row], ATTACKS[3])]


def made(home: Path, attack: bool) -> Record:
    command = ["microtome", "run", *ATTACKS] if attack else ["microtome", "run", "gallery"]
    return run(Hostile(output_dir=home, attack=attack), command=command, terminal=quiet())
