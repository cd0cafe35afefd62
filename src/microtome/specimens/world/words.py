"""How texts are compared: as words in lower case, without punctuation, every number as "#"."""

from __future__ import annotations

import re

STOP_WORDS = frozenset((
    "a", "an", "the", "this", "that", "these", "those", "it", "its", "i", "me", "my", "we", "us",
    "our", "you", "your", "he", "him", "his", "she", "her", "they", "them", "their", "who",
    "whom", "whose", "which", "what", "where", "when", "how", "why", "there", "here", "and",
    "or", "but", "nor", "so", "if", "then", "than", "as", "of", "in", "on", "at", "by", "to",
    "from", "for", "with", "into", "onto", "about", "over", "under", "up", "down", "out", "off",
    "is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "has", "have",
    "had", "can", "could", "will", "would", "shall", "should", "may", "might", "must", "not",
    "no", "yes",
))  # fmt: skip
_SLOT = re.compile(r"\{[A-Za-z_]*\}")
_NUMBER = re.compile(r"\d+")
_PUNCTUATION = re.compile(r"[^a-z0-9#\x00]+")


def word(token: str) -> str:
    """A token (what stands between spaces) as it is compared; empty for bare punctuation."""
    return _NUMBER.sub("#", _PUNCTUATION.sub("", token.lower()))


def words(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return [own for token in text.split() if (own := word(token))]


def template_words(text: str) -> list[str]:
    """The words of a template; those that hold a slot ("{name}") hold "\\0" in its place."""
    return words(_SLOT.sub("\0", text))


def content(text: str) -> list[str]:
    """The words of a text that are no function words."""
    return [own for own in words(text) if own not in STOP_WORDS]
