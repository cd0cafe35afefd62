"""Text with a number on every token, shown as shade: blue above zero, vermillion below.

Shades end at 60 % of the colour, under which ink stays legible on light and dark pages. The token
that `peak` names is also drawn in bold, and the largest value is printed, so that nothing rests on
colour alone.
"""

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

_ABOVE, _BELOW = (0, 114, 178), (213, 94, 0)  # Okabe and Ito's blue and vermillion
_MOST = 0.6
_SEEN = {"\n": "↵", "\t": "⇥", "\r": "", "\u2028": "↵", "\u2029": "↵"}


@dataclass(frozen=True, eq=False)
class Passage:
    """Tokens as text with a value each; NaN marks one that has none."""

    tokens: Sequence[str]
    values: Sequence[float]
    label: str = ""
    peak: int | None = None


@dataclass(frozen=True, eq=False)
class Passages:
    """Passages on one scale of shade, from 0 to `limit` (None: the largest |value|)."""

    name: str
    title: str
    caption: str
    passages: Sequence[Passage]
    unit: str = "activation"
    limit: float | None = None
    kind: ClassVar[str] = "passages"

    def __post_init__(self) -> None:
        for i, one in enumerate(self.passages):
            if len(one.tokens) != len(one.values):
                raise ValueError(
                    f"figure {self.name!r}: passage {i} has {len(one.tokens)} tokens and "
                    f"{len(one.values)} values"
                )
            if one.peak is not None and not 0 <= one.peak < len(one.tokens):
                raise ValueError(f"figure {self.name!r}: passage {i} has no token {one.peak}")

    def scale(self) -> float:
        """The |value| of the full shade."""
        if self.limit:
            return self.limit
        sizes = (abs(v) for one in self.passages for v in one.values if math.isfinite(v))
        return float(max(sizes, default=0.0)) or 1.0

    def table(self) -> Iterator[dict[str, Any]]:
        """One row per token."""
        for i, one in enumerate(self.passages):
            for at, (token, value) in enumerate(zip(one.tokens, one.values, strict=True)):
                yield {
                    "passage": i, "label": one.label, "position": at, "token": token,
                    "value": float(value), "peak": at == one.peak,
                }  # fmt: skip


def shade(value: float | None, limit: float) -> tuple[tuple[int, int, int], float]:
    """Colour (0 to 255) and opacity of a value; nothing for None and NaN."""
    if value is None or not math.isfinite(value):
        return _ABOVE, 0.0
    return _ABOVE if value >= 0 else _BELOW, round(_MOST * min(abs(value) / limit, 1.0), 3)


def visible(token: str) -> str:
    """A token as it is printed: line ends and tabs as signs, what cannot be printed as �."""
    return "".join(
        _SEEN.get(c, "�" if unicodedata.category(c) in ("Cc", "Cs", "Cn") else c) for c in token
    )
