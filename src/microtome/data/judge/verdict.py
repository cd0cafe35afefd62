"""Both orders of a pair as one verdict: they agree, or it is unclear."""

from dataclasses import dataclass

from microtome.data.judge.reading import Answer, Label


@dataclass(frozen=True)
class Verdict:
    """What a judge says of a pair, asked as (a, b) and as (b, a)."""

    orders: tuple[Answer, Answer]

    @property
    def agreed(self) -> bool:
        """Whether both orders gave the same label, and one that counts."""
        first, second = self.orders
        return first.label == second.label != "unclear"

    @property
    def label(self) -> Label:
        """The label both orders agree on, else "unclear"."""
        return self.orders[0].label if self.agreed else "unclear"

    @property
    def confidence(self) -> float | None:
        """Mean probability of the label over both orders; None where a server gave none."""
        known = [a.confidence for a in self.orders if a.confidence is not None]
        return sum(known) / 2 if self.agreed and len(known) == 2 else None

    @property
    def transcripts(self) -> tuple[str, str]:
        """Ids of both transcripts, empty where none was kept."""
        return self.orders[0].id, self.orders[1].id
