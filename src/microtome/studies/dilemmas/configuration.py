"""The configuration of the dilemmas study: its fields are the YAML, the flags and their help."""

from abc import ABC
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from microtome.data.games import COOPERATE, DEFECT
from microtome.errors import ConfigError
from microtome.lab.study import Study
from microtome.statistics import Level
from microtome.studies.dilemmas.players import BASE, NAMES, PAIRS, Pair
from microtome.values import Resamples

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]


class Configuration(Study, ABC):
    """What to compare, on which prompts, and how sure to be."""

    name: ClassVar[str] = "dilemmas"
    summary: ClassVar[str] = (
        "The iterated prisoner's dilemma in a model and its fine-tunes: what they choose, at "
        "which layer, written by which component, and what a swapped component changes."
    )

    model: str
    """Hub id or folder of the base model, or specimen:world."""
    adapters: Path | None = None
    """Folder of LoRA adapters, one subfolder each, named as in models; on specimen:world the
    shipped ones when not given."""
    models: tuple[str, ...] = NAMES
    """Models to compare, comma-separated: `base`, and names of adapters."""
    pairs: tuple[str, ...] = PAIRS
    """Pairs to patch, SOURCE:TARGET, comma-separated: activations of SOURCE go into TARGET. By
    default Strategic into Deontological and Utilitarian, and these two into each other; default
    pairs whose models are not compared are left out."""
    scenarios: tuple[str, ...] = ()
    """Scenarios to use, comma-separated; all when empty."""
    prompts: Path | None = None
    """JSONL of one's own prompts, instead of the 15 shipped ones."""
    scenario_file: Path | None = None
    """YAML or JSON of further scenarios: a name, and its state_self, state_opp, description."""
    wordings: Annotated[int, Field(ge=0)] = 0
    """Further wordings generated for every scenario."""
    patched_wordings: Annotated[int, Field(ge=0)] = 0
    """How many of the further wordings are patched too (patching is the costly step)."""
    first: str = COOPERATE
    """The answer that cooperates, with its leading space; Δ is logit(second) − logit(first)."""
    second: str = DEFECT
    """The answer that defects."""
    metric: Literal["logit_diff", "probability", "kl"] = "logit_diff"
    """What patching measures besides Δ: logit difference, P(second), or KL from the receiver."""
    circuits: bool = True
    """Search circuits; without them patching is all that is done between pairs."""
    tau: Share = 0.9
    """Share of the gap between two models that a circuit has to carry."""
    random_circuits: Count = 199
    """Random sets of components that a circuit is compared with; n reach p = 1 / (n + 1)."""
    chat: bool = False
    """Put each prompt into the tokenizer's chat template as a user's turn."""
    max_rows: Count = 16
    """Prompts, or patches, that share a forward pass."""
    top_k: Count = 20
    """How many components the rankings of attribution list on each side."""
    named: tuple[str, ...] = ()
    """Components named before the run, comma-separated (L3H1,L2_MLP): their rank among the others
    of their kind is tested. The largest of many is never tested by its rank."""
    flip_floor: Annotated[float, Field(ge=0)] = 0.1
    """Logits: a change of the answer counts as a flip where the model's own |Δ| is at least this
    much; nearer to 0 any rounding turns it."""
    silent_above: Share = 0.5
    """P(neither answer) above which nothing is stated about what a model chooses."""
    test: Literal["mean_is_0", "symmetric_about_0"] = "mean_is_0"
    """Test of many components at once: for a mean of 0 (six scenarios or more), or for symmetry
    about 0 by flipped signs, which skewed effects fail though their mean is 0."""
    resample: Literal["scenarios", "wordings"] = "scenarios"
    """What intervals and tests generalise over: scenarios, whose wordings are not independent, or
    other wordings of these very scenarios."""
    level: Share = 0.95
    """Level of the intervals."""
    resamples: Resamples = 1999
    """Bootstrap draws."""

    @model_validator(mode="after")
    def _sound(self) -> "Configuration":
        if self.first == self.second:
            raise ConfigError(
                f"first and second are both {self.first!r}; give two answers that differ."
            )
        if not self.models:
            raise ConfigError("models is empty; name at least one, such as base.")
        for name in {n for n in self.models if self.models.count(n) > 1}:
            raise ConfigError(f"models names {name!r} twice; name each model once.")
        if self.patched_wordings > self.wordings:
            raise ConfigError(
                f"patched_wordings is {self.patched_wordings} and there are {self.wordings} "
                f"further wordings; raise wordings."
            )
        for text in self.pairs:
            Pair.parse(text)
        return self

    @property
    def at(self) -> Level:
        """How sure every interval and test of the study is to be."""
        return Level(self.level, self.resamples, self.seed)

    def parsed_pairs(self) -> tuple[Pair, ...]:
        """The pairs to patch; of the default ones those between compared models."""
        parsed = tuple(dict.fromkeys(map(Pair.parse, self.pairs)))
        if self.pairs != PAIRS:
            return parsed
        return tuple(p for p in parsed if {p.source, p.target} <= set(self.models))

    def adapter_names(self) -> tuple[str, ...]:
        """Every adapter that a step loads, each once."""
        paired = [name for pair in self.parsed_pairs() for name in (pair.source, pair.target)]
        return tuple(name for name in dict.fromkeys([*self.models, *paired]) if name != BASE)
