"""Characters that do something instead of being read: escapes, bells, marks of direction.

A model, a data set or a flag may hold an escape sequence that clears a terminal, a mark that turns
the order of reading, or half of a surrogate pair, which no encoding can write. What comes in is
refused where it cannot be kept (`flaw`); what goes out is spelt as an escape (`shown`).
"""

import unicodedata

_JOINERS = "\u200c\u200d"
"""Zero-width joiners, which many scripts and emoji are written with."""
_LAYOUT = "\t\n\r"
_ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of Unicode: controls, formats, surrogates, separators of lines and paragraphs."""


def shown(text: str) -> str:
    """`text` on one line, every character that acts on a terminal as an escape: `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(_escape(mark) if _acts(mark) else mark for mark in text)


def flaw(text: str, *, name: bool = False) -> str:
    """What of `text` cannot be kept, in words; "" for none.

    Surrogates and controls never can be; line breaks and marks of direction only outside a `name`.
    """
    if text.isprintable():
        return ""
    for mark in text:
        kind = unicodedata.category(mark)
        if kind == "Cs":
            return f"it holds the lone surrogate {_escape(mark)}, which is no character"
        if (kind == "Cc" and mark not in _LAYOUT) or (name and _acts(mark)):
            return f"it holds the control character {_escape(mark)}"
    return ""


def _acts(mark: str) -> bool:
    return unicodedata.category(mark) in _ACTING and mark not in _JOINERS


def _escape(mark: str) -> str:
    return mark.encode("unicode_escape").decode("ascii")
