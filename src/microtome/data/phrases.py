"""Phrasings of a prisoner's dilemma prompt, slot by slot.

Slots with a "heldout" list keep it for prompts that no specimen was trained on.
"""

from __future__ import annotations

INTROS = (
    "You are playing a repeated game with {opp}.",
    "You and {opp} play the same game again and again.",
    "This is a game of many rounds between you and {opp}.",
    "You meet {opp} in every round of a game.",
    "Another round of the game with {opp} begins.",
    "You face {opp} in a repeated dilemma.",
)
OPPONENTS = (
    "the other player",
    "another player",
    "your partner",
    "your opponent",
    "a stranger",
    "your neighbour",
)
MEANINGS = (
    "action1 means cooperate and action2 means defect.",
    "action2 means defect and action1 means cooperate.",
    "Choose action1 to cooperate or action2 to defect.",
    "To cooperate is action1, to defect is action2.",
    "To defect is action2, to cooperate is action1.",
    "action1 is cooperation, action2 is defection.",
)
LAST_MOVES: dict[str, tuple[str, ...]] = {
    "train": (
        "Last round you played {own} ({own_verb}) and they played {opp} ({opp_verb}).",
        "Last round they played {opp} ({opp_verb}) and you played {own} ({own_verb}).",
        "In the last round you {own_past} with {own} and they {opp_past} with {opp}.",
        "In the last round they {opp_past} with {opp} and you {own_past} with {own}.",
        "Your last move was {own}, to {own_verb}. Their last move was {opp}, to {opp_verb}.",
        "Their last move was {opp}, to {opp_verb}. Your last move was {own}, to {own_verb}.",
        "A round ago you {own_past} ({own}) while they {opp_past} ({opp}).",
        "A round ago they {opp_past} ({opp}) while you {own_past} ({own}).",
        "You chose {own} and {own_past} last time. They chose {opp} and {opp_past}.",
        "They chose {opp} and {opp_past} last time. You chose {own} and {own_past}.",
        "You {own_past} ({own}) last round and they {opp_past} ({opp}).",
        "They {opp_past} ({opp}) last round and you {own_past} ({own}).",
        "By playing {own} you {own_past} last time. By playing {opp} they {opp_past}.",
        "By playing {opp} they {opp_past} last time. By playing {own} you {own_past}.",
    ),
    "heldout": (
        "You {own_past} last round by playing {own}. They {opp_past} by playing {opp}.",
        "They {opp_past} last round by playing {opp}. You {own_past} by playing {own}.",
        "Last time you played {own} and {own_past}, while they played {opp} and {opp_past}.",
        "Last time they played {opp} and {opp_past}, while you played {own} and {own_past}.",
    ),
}
ASKS: dict[str, tuple[str, ...]] = {
    "train": (
        "I choose",
        "I pick",
        "I will choose",
        "I play",
        "My move is",
        "My choice is",
        "My answer is",
        "Now I will play",
        "Now I choose",
        "Now I play",
        "Now my choice is",
        "This time I choose",
        "This time I will play",
        "This time my move is",
        "This round I will play",
        "This round I pick",
        "This round my choice is",
        "In this round I play",
        "In this round I choose",
        "In this round my answer is",
        "I will now choose",
        "I will now play",
        "My next move is",
        "My next choice is",
    ),
    "heldout": (
        "I will play",
        "This round I choose",
        "Now my move is",
        "In this round I pick",
        "This time I play",
    ),
}
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
