r"""When two written answers are the same.

Both are stripped of $ \( \) \left \right \! \, spaces at the ends, a final full stop, and one
\text{} around all. Then
numbers  42, -7, +3, .5, 0.50, 1,000 (groups of three only), 1/2, \frac{1}{2}, \dfrac12 and \frac12,
         each perhaps with %, a degree sign or \text{ cm} behind it, are compared exactly, as
         fractions: 1,000 = 1000 and 0.50 = 1/2, but 0.33 is not 1/3. A unit may be missing on one
         side; two different ones, or \text{ million}, are not the same;
text     anything else, its white space taken out but between two words, \dfrac read as \frac;
         letters keep their case, "x=5" is not "5", mixed numbers (1 1/2) and 1e5 are text.
"""

import re
from fractions import Fraction

_DECIMAL = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
NUMBER = re.compile(
    rf"(?:(?<![\w)\].}}])[-+−])?(?<![\w.])(?:{_DECIMAL})(?:/\d+(?![\d/]|[.,]\d))?(?!\d)"
)
r"""A number in running text; a minus after a digit or a bracket is a subtraction, not a sign."""

_WHOLE = re.compile(rf"(?P<sign>[-+−]?)\s*(?P<top>{_DECIMAL})(?:\s*/\s*(?P<bottom>\d+))?")
_FRACTION = re.compile(
    r"(?P<sign>[-+−]?)\s*\\[dt]?frac\s*"
    r"(?:\{\s*(?P<top>-?\d+)\s*\}|(?P<t>\d))\s*(?:\{\s*(?P<bottom>\d+)\s*\}|(?P<b>\d))"
)
_NOISE = re.compile(r"\\left(?![a-z])|\\right(?![a-z])|\\[!,;:( )]|\\?\$")
_TEXT = re.compile(r"\\(?:text|mathrm|textbf|mbox)\{([^{}]*)\}")
_UNIT = re.compile(r"\s*(?P<unit>\\?%|°|\^\\circ|\^\{\\circ\}|\\(?:text|mathrm)\{[^{}]*\})$")
_SIGNS = {"\\%": "%", "percent": "%", "^\\circ": "°", "^{\\circ}": "°", "degree": "°"}
_MANY = re.compile(r"\b(?:dozen|hundred|thousand|[mb]illion|trillion)s?\b", re.IGNORECASE)
_LONGEST = 200
"""Digits beyond which an answer is compared as text: a number of a million digits is no answer."""


def same_answer(given: str, right: str) -> bool:
    """Whether two answers are the same number, or the same text where one of them is no number."""
    left, other = _bare(given), _bare(right)
    a, b = _value(left), _value(other)
    if a is not None and b is not None:
        return a == b and len({_unit(left), _unit(other), ""}) < 3
    return _text(left) == _text(other)


def number(answer: str) -> Fraction | None:
    """The exact value of a written number; None where the answer is no number."""
    return _value(_bare(answer))


def _bare(answer: str) -> str:
    bare = _NOISE.sub("", answer.replace("{,}", ",")).strip().removesuffix(".").strip()
    wrapped = _TEXT.fullmatch(bare)
    return wrapped[1].strip() if wrapped else bare


def _unit(bare: str) -> str:
    """What stands behind a number, "" for nothing: %, ° or the words of a \\text{}."""
    found = _UNIT.search(bare)
    if found is None:
        return ""
    words = re.sub(r"^\\(?:text|mathrm)\{|\}$", "", found["unit"]).strip().lower().rstrip(".")
    words = words.removesuffix("s") if len(words) > 2 else words
    return _SIGNS.get(words, words)


def _value(bare: str) -> Fraction | None:
    if len(bare) > _LONGEST:
        return None
    if _MANY.search(_unit(bare)):
        return None
    bare = _UNIT.sub("", bare).strip()
    whole = _WHOLE.fullmatch(bare)
    if whole:
        top, bottom = Fraction(whole["top"].replace(",", "")), int(whole["bottom"] or 1)
        sign = whole["sign"]
    else:
        parts = _FRACTION.fullmatch(bare)
        if parts is None:
            return None
        top, bottom = Fraction(parts["top"] or parts["t"]), int(parts["bottom"] or parts["b"])
        sign = parts["sign"]
    if bottom == 0:
        return None
    return (-1 if sign in ("-", "−") else 1) * top / bottom


def _text(bare: str) -> str:
    single = re.sub(r"(?<!\w) | (?!\w)", "", " ".join(bare.split()))
    return re.sub(r"\\[dt]frac", r"\\frac", single)
