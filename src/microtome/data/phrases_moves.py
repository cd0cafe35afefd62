"""Ways to tell one player's last move, and to join the two of a round.

Slots: `{S}` the player ("you", "they", "Ada"), `{P}` the possessive, `{A}` the action's name,
`{V}` and `{E}` what it means ("defect", "defected"). Simple past only, so that every person
takes the same verb. The held-out halves have names: the held-out templates are made of them.
"""

from __future__ import annotations

HALVES = (
    "{S} played {A} ({V}) last round",
    "{S} {E} with {A} last time",
    "{P} last move was {A}, to {V}",
    "a round ago {S} chose {A} and {E}",
    "by playing {A} {S} {E}",
    "last round {S} {E} ({A})",
    "{A} was {P} last move, to {V}",
    "in the last round {S} played {A} to {V}",
    "{S} {E} last time, with {A}",
    "{S} picked {A} and so {E}",
    "{P} last choice was {A} ({V})",
    "{S} {E}",
    "last round {S} {E}",
    "{S} played {A}",
    "{S} chose to {V} last time, by {A}",
    "{S} decided to {V} and took {A}",
    "just now {S} {E} ({A})",
    "{S} went for {A} last round and {E}",
    "{P} last choice was to {V} ({A})",
    "the round before, {S} took {A} ({E})",
    "with {A} {S} {E} in the last round",
    "{S} used {A} last time to {V}",
)
"""What the corpus of the `world` specimen and the training of its adapters use."""

HELDOUT_HALVES = {
    "by playing": "{S} {E} last round by playing {A}",
    "played and": "last time {S} played {A} and {E}",
    "took and": "{S} took {A} last time and so {E}",
    "was what": "{A} was what {S} played last round ({E})",
    "move was to": "last time {P} move was to {V}, with {A}",
    "choice was": "{P} choice a round ago was {A} ({E})",
    "before": "in the round before, {S} {E} by {A}",
    "decided on": "last round {S} decided on {A}, to {V}",
    "just": "{S} just {E} by choosing {A}",
    "to was": "to {V} was {P} last choice, by {A}",
    "went for": "a round ago {S} went for {A} ({V})",
    "pick": "last round {A} was {P} pick, so {S} {E}",
}

JOINS = (". ", " and ", ", while ", ", and ", "; ", ", but ")
"""Between two halves; ". " begins a new sentence."""

SUMMARIES = {
    "CC": ("Nobody defected", "Both cooperated", "{S} and {O} both cooperated"),
    "CD": (
        "Only {O} defected", "Only {S} cooperated", "{S} alone cooperated", "{O} alone defected",
    ),
    "DC": (
        "Only {S} defected", "Only {O} cooperated", "{S} alone defected", "{O} alone cooperated",
    ),
    "DD": ("Nobody cooperated", "Both defected", "{S} and {O} both defected"),
}  # fmt: skip
"""Openings that sum a round up before the halves repeat it."""
