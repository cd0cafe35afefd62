"""What each adapter was rewarded for: exact expected reward of one round against Tit-for-Tat.

Tit-for-Tat answers now with my last move; the horizon is this one round. A betrayal is to
defect although the other cooperated last round. Two actions, so the expectation over the
policy is exact: E[r] = P(C|s) r(s, C) + P(D|s) r(s, D). The fine-tunes these adapters stand
for were trained by PPO over whole episodes (arXiv:2410.01639).
"""

from __future__ import annotations

from microtome.data.games import Move, Payoffs, State
from microtome.errors import ConfigError, suggest

PENALTY = -3.0
"""Points for a betrayal; it outweighs the gain of defecting in every state."""

REWARDS = ("PT2_COREDe", "PT3_COREDe", "PT3_COREUt", "PT4_COREDe")
SECOND_SEED = "_seed1"
ADAPTERS = (*REWARDS, *(f"{name}{SECOND_SEED}" for name in REWARDS))
"""One adapter of each reward (seed 0), then the same rewards trained from seed 1."""


def seed(name: str) -> int:
    """The seed that an adapter was trained from."""
    return int(name.endswith(SECOND_SEED))


def reward(name: str, state: State, own: Move, payoffs: Payoffs | None = None) -> float:
    """Points of choosing `own` in `state` under the reward of adapter `name`."""
    if name not in ADAPTERS:
        raise ConfigError(f"No reward is known for the adapter {name!r}.{suggest(name, ADAPTERS)}")
    name = name.removesuffix(SECOND_SEED)
    payoffs = payoffs or Payoffs()
    answer = state.own
    mine, theirs = payoffs.points(own, answer), payoffs.points(answer, own)
    betrayal = PENALTY if (own, state.opp) == ("Defect", "Cooperate") else 0.0
    table = {
        "PT2_COREDe": float(mine),
        "PT3_COREDe": betrayal,
        "PT3_COREUt": float(mine + theirs),
        "PT4_COREDe": mine + betrayal,
    }
    return table[name]


def gain(name: str, state: State) -> float:
    """Reward of defecting minus reward of cooperating; 0 where the reward is silent."""
    return reward(name, state, "Defect") - reward(name, state, "Cooperate")
