"""How an answer is read: its verdict as a chip, its sentence, and the lines that say how sure.

They work on the findings of `findings.json`, which hold the verdict.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def chipped(finding: Row) -> str:
    """`[supported] The model follows the voice.`; a description has no chip."""
    verdict = finding["verdict"]
    return f"[{verdict}] {finding['answer']}" if verdict else str(finding["answer"])


def counted(findings: Iterable[Row]) -> str:
    """`2 supported, 1 inconclusive`: the verdicts of a run."""
    counts = Counter(f["verdict"] for f in findings if f["verdict"])
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def number_of(finding: Row) -> str:
    """`0.62 logit [0.41, 0.80] · n = 15`."""
    evidence, parts = finding["evidence"], []
    if evidence["value"] is not None:
        unit = f" {evidence['unit']}" if evidence["unit"] else ""
        between = ""
        if evidence["low"] is not None and evidence["high"] is not None:
            between = f" [{number(evidence['low'])}, {number(evidence['high'])}]"
        parts.append(f"{number(evidence['value'])}{unit}{between}")
    if evidence["n"] is not None:
        parts.append(f"n = {evidence['n']}")
    return " · ".join(parts)


def proof_of(finding: Row) -> list[str]:
    """What an answer rests on, line by line: number, test, control, details."""
    evidence = finding["evidence"]
    lines = [number_of(finding), *_test(finding)]
    if evidence["control"]:
        lines.append(f"control: {evidence['control']}")
    lines.append(evidence["detail"])
    return [line for line in lines if line]


def _test(finding: Row) -> list[str]:
    """The verdict with its reason, p and q, and how the claim could be false."""
    claim = finding["claim"]
    if claim is None:
        return []
    chances = [f"{name} = {number(finding[name])}" for name in "pq" if finding[name] is not None]
    least = f"smallest effect of interest {claim['least']:g}"
    lines = [f"{finding['verdict']}: {finding['why']}", " · ".join([*chances, least])]
    return [*lines, f"false by construction: {claim['false_in']}"] if claim["false_in"] else lines


def number(value: Any) -> str:
    """Three digits of a float; everything else as it is."""
    if isinstance(value, float):
        return f"{value:.3g}" if math.isfinite(value) else str(value)
    return "" if value is None else str(value)
