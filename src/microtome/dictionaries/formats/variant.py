"""What a GemmaScope's folder says: `width_16k/average_l0_82`, `layer_12_width_16k_l0_small`.

GemmaScope 2 names three levels of L0 in place of a number; what they stand for grows with depth
(small 10 to 20, medium 30 to 60, big 60 to 150), and the middle is taken.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

LEVELS = {"small": 15.0, "medium": 45.0, "big": 105.0}


@dataclass(frozen=True)
class Variant:
    """A width, and an L0 as a number (None where none is named) and as it is written."""

    width: str
    l0: float | None = None
    level: str = ""


def listed(variants: Iterable[Variant]) -> str:
    """Every width with its levels: "16k (L0 small, big), 65k"."""
    levels: dict[str, dict[str, None]] = {}
    for one in variants:
        levels.setdefault(one.width, {}).update({one.level: None} if one.level else {})
    return ", ".join(f"{w} (L0 {', '.join(own)})" if own else w for w, own in levels.items())


def variant_of(path: str) -> Variant | None:
    """The variant that a path names; None where it names no width."""
    widths = re.findall(r"width_(\d+[km])(?![a-z0-9])", path)
    if not widths:
        return None
    levels = re.findall(rf"(?:average_)?l0_(\d+|{'|'.join(LEVELS)})(?![a-z0-9])", path)
    if not levels:
        return Variant(widths[-1])
    level = levels[-1]
    return Variant(widths[-1], LEVELS[level] if level in LEVELS else float(level), level)
