"""Games with many moves, told and asked about in the words of the dilemma.

Where only two moves exist, counting them answers most questions, and a model is slow to learn who
made which. Here every player makes another of seven moves, so that only the player tells it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from microtome.data.phrases_moves import HALVES, JOINS
from microtome.data.tellings import NAMES, PERSONS, Pair, Player, capital, joined, named
from microtome.specimens.world.dilemmas.questions import ONE

_DIGITS = "3456789"
_VERBS = {
    "wait": "waited", "shout": "shouted", "paint": "painted", "swim": "swam",
    "cook": "cooked", "sing": "sang", "dance": "danced",
}  # fmt: skip
_WHO = {"A": ("Who played {A}?", "Who took {A}?"), "E": ("Who {E}?", "Who chose to {V}?")}


@dataclass(frozen=True)
class Told:
    """One player's move in a frame, with the words of the move that the frame says."""

    player: Player
    frame: str
    words: dict[str, str]

    @property
    def text(self) -> str:
        """The half, as `phrases_moves.HALVES` has it."""
        return self.frame.format(S=self.player.subject, P=self.player.possessive, **self.words)

    def says(self, kind: str) -> bool:
        """Whether the frame says the action's name ("A"), or what it means ("E")."""
        return "{A}" in self.frame if kind == "A" else "{E}" in self.frame or "{V}" in self.frame

    def asked(self, rng: random.Random) -> str:
        """A question on the player, or for the player, with its answer."""
        kind = rng.choice([kind for kind in "AE" if self.says(kind)])
        if rng.random() < 0.4:
            question = rng.choice(_WHO[kind]).format(**self.words)
            return f"{question} Answer: {self.player.subject}."
        form = rng.choice(ONE["action" if kind == "A" else "past"])
        question = form.format(S=self.player.subject, P=self.player.possessive)
        return f"{question} {self.words[kind]}."


def document(rng: random.Random) -> str:
    """Two players of a pair, or two to five names, and four to six questions."""
    players = _players(rng)
    same = rng.choice(HALVES) if rng.random() < 0.5 else ""
    moves = zip(
        rng.sample(_DIGITS, len(players)), rng.sample(list(_VERBS), len(players)), strict=True
    )
    told = [
        Told(player, same or rng.choice(HALVES), {"A": f"action{d}", "V": v, "E": _VERBS[v]})
        for player, (d, v) in zip(players, moves, strict=True)
    ]
    rng.shuffle(told)
    if len(told) == 2:
        first = joined(told[0].text, rng.choice(JOINS), told[1].text)
    else:
        first = " ".join(f"{capital(one.text)}." for one in told)
    rounds = [one for _ in range(3) for one in rng.sample(told, len(told))]
    return " ".join((first, *(one.asked(rng) for one in rounds[: rng.randint(4, 6)])))


def _players(rng: random.Random) -> list[Player]:
    if rng.random() < 0.5:
        return [named(name) for name in rng.sample(NAMES, rng.choice((2, 3, 3, 4, 5)))]
    pair = Pair.draw(rng.choice(PERSONS), rng)
    return [pair.own, pair.opp]
