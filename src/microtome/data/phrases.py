"""Phrasings of a prisoner's dilemma prompt: the game, the actions and the payoffs.

Last moves are in `phrases_moves`, questions in `phrases_asks`, stories in `games`.
"""

from __future__ import annotations

INTROS = {
    "you": (
        "You are playing a repeated game with {opp}.",
        "You and {opp} play the same game again and again.",
        "This is a game of many rounds between you and {opp}.",
        "You meet {opp} in every round of a game.",
        "Another round of the game with {opp} begins.",
        "You face {opp} in a repeated dilemma.",
    ),
    "I": (
        "I am playing a repeated game with {opp}.",
        "I play the same game with {opp} again and again.",
        "This is a game of many rounds with {opp}.",
        "I meet {opp} in every round of a game.",
        "I face {opp} in a repeated dilemma.",
    ),
    "names": (
        "{own} and {opp} play the same game again and again.",
        "This is a game of many rounds between {own} and {opp}.",
        "{opp} and {own} meet in every round of a game.",
        "{own} faces {opp} in a repeated dilemma.",
    ),
}
"""By person; `{opp}` is the other player, `{own}` the one who chooses."""

MEANINGS = (
    "action1 means cooperate and action2 means defect.",
    "action2 means defect and action1 means cooperate.",
    "Choose action1 to cooperate or action2 to defect.",
    "To cooperate is action1, to defect is action2.",
    "To defect is action2, to cooperate is action1.",
    "action1 is cooperation, action2 is defection.",
)
PAYOFFS = (
    (
        "If both cooperate, each gets {r}.",
        "If both defect, each gets {p}.",
        "If one defects alone, that one gets {t} and the other gets {s}.",
    ),
    (
        "Two cooperators get {r} points each.",
        "Two defectors get {p} each.",
        "A lone defector gets {t} and a lone cooperator {s}.",
    ),
    (
        "Cooperating together pays {r} each.",
        "Defecting together pays {p} each.",
        "Defecting alone pays {t}, cooperating alone pays {s}.",
    ),
)
