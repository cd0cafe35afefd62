"""What acts on a terminal is spelt out, what cannot be kept is refused, words are left alone."""

import pytest

from microtome.characters import flaw, shown

ACTING = {
    "\x1b[2J": "\\x1b[2J", "a\x07": "a\\x07", "\x9b31m": "\\x9b31m", "\u202egnp": "\\u202egnp",
    "\u2066x\u2069": "\\u2066x\\u2069", "a\rb": "a\\rb", "a\nb": "a\\nb", "\ud83d": "\\ud83d",
    "\u2028": "\\u2028", "\x1b]8;;http://x\x1b\\": "\\x1b]8;;http://x\\x1b\\", "\x7f": "\\x7f",
    "\U000e0041": "\\U000e0041",
}  # fmt: skip
WORDS = ("plain", "日本語 🎲", "👩‍🚀", "نیم‌فاصله", "Ünïcode Δ − ½", "C:\\temp", "a\u00a0b", "")


@pytest.mark.parametrize(("text", "spelt"), ACTING.items(), ids=ascii)
def test_what_acts_is_spelt_out(text: str, spelt: str) -> None:
    assert shown(text) == spelt
    assert all(mark.isprintable() for mark in shown(text))


@pytest.mark.parametrize("text", WORDS)
def test_words_stay_as_they_are(text: str) -> None:
    assert shown(text) == text
    assert flaw(text) == flaw(text, name=True) == ""


def test_what_cannot_be_kept_is_named() -> None:
    assert "lone surrogate \\ud83d" in flaw("a\ud83d")
    assert "control character \\x1b" in flaw("a\x1b[0m")
    assert "control character \\x00" in flaw("\0")
    assert flaw("two\nlines\tand\r\na tab") == ""
    assert flaw("\u200fעברית") == ""
    for text in ("two\nlines", "a\tb", "\u202egnp.exe"):
        assert flaw(text, name=True).startswith("it holds the control character")
