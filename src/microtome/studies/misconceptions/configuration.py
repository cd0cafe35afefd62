"""The configuration of the misconceptions study: the fields are YAML, flags and their help."""

from abc import ABC
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from microtome.errors import ConfigError
from microtome.lab.study import Study
from microtome.statistics import Level
from microtome.values import Resamples

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]

GEMMA = "google/gemma-2-2b"
GEMMA_SCOPE = "google/gemma-scope-2b-pt-res"
LAYERS = (0, 6, 12, 18, 24)
"""Layers of the original, spread over Gemma-2-2B's 26."""


class Configuration(Study, ABC):
    """Which pairs, which features, and how sure to be."""

    name: ClassVar[str] = "misconceptions"
    summary: ClassVar[str] = (
        "Right physics against a common misconception, in sparse features: which ones differ "
        "between minimal pairs, and what ablating them does to the answer."
    )

    model: str = GEMMA
    """Hub id or folder of the model, or specimen:world."""
    adapter: str = ""
    """A LoRA adapter: a folder as PEFT saves it, or one of the specimen's by name; none when
    empty."""
    prompts: str = "voices"
    """Pairs: `voices` (23 shipped pairs that differ in who speaks), `shared` (the same 23 without
    a speaker, both members one prompt), or a JSONL file."""
    generated: Annotated[int, Field(ge=0)] = 48
    """Further pairs from the generator, the second half held out; with 0 the pairs of `prompts`
    are halved instead."""
    domains: tuple[str, ...] = ()
    """Domains of the file to use, comma-separated; all when empty."""
    max_new_tokens: Count = 10
    """Tokens that each prompt is continued by."""
    topk_logits: Count = 50
    """Logits kept at every generated token."""

    layers: tuple[Index, ...] = ()
    """Layers whose residual stream is read, comma-separated; when empty the one of layer where
    that is given, else 0,6,12,18,24, on a specimen those that it has dictionaries of."""
    dictionaries: str = ""
    """Where the dictionaries are: a hub repository, a folder, or specimen:world; when empty
    google/gemma-scope-2b-pt-res, on a specimen its own."""
    width: str = "16k"
    """Width of the dictionary, where a repository has several."""
    average_l0: Annotated[float, Field(gt=0)] = 100.0
    """Average L0 to come nearest to, where a repository has several; the one taken is recorded."""
    random_dictionary: bool = False
    """Take seeded random orthogonal directions as features, in place of trained dictionaries."""
    topk: Count = 20
    """Features listed per prompt and layer."""
    read_at: Literal["last", "concept", "answer", "all", "max"] = "last"
    """Where features are read: the last prompt token, the concept word, the forced answer tokens
    (their mean), or all tokens (their mean, or the largest with `max`). Pairs whose members are
    one prompt are read on the answer tokens in any case."""

    min_pairs: Count = 5
    """A feature is tested where it fires in at least so many pairs."""
    permutations: Count = 200
    """Relabelled sets that the contrast is repeated on."""
    against: Path | None = None
    """Another run's folder: the same prompts and features are contrasted, this run minus that."""

    layer: Index | None = None
    """Layer of the one feature to ablate; give it with feature."""
    feature: Index | None = None
    """Number of the one feature to ablate, instead of the strongest of the contrast."""
    top_n: Count = 5
    """How many of the strongest features of each side are ablated together."""
    mode: Literal["zero", "mean", "resample"] = "zero"
    """What an ablated feature is set to: 0, its mean, or its value at a token drawn at random."""
    ablated_positions: Literal["all", "last"] = "all"
    """Where features are ablated: every token but BOS, or the prompt's last one."""
    controls: Annotated[int, Field(ge=19)] = 199
    """Random sets of atoms written at the same tokens with the same size as the ablation; n of
    them give no p below 1 / (n + 1)."""
    judged: Count = 3
    """Features of each contrast (voice, content) that get a verdict, the strongest first."""
    tolerance: Annotated[float, Field(ge=0)] = 1e-4
    """Changes up to so many nats count as unchanged."""

    max_rows: Count = 16
    """Prompts that share a forward pass."""
    level: Share = 0.95
    """Level of the intervals; p-values count up to 1 − level."""
    resamples: Resamples = 1999
    """Bootstrap draws."""

    @model_validator(mode="after")
    def _sound(self) -> "Configuration":
        if (self.layer is None) != (self.feature is None):
            given, missing = ("layer", "feature") if self.feature is None else ("feature", "layer")
            raise ConfigError(f"--{given} is given without --{missing}; an ablation takes both.")
        for layer in {n for n in self.layers if self.layers.count(n) > 1}:
            raise ConfigError(f"layers names {layer} twice; name each layer once.")
        if self.random_dictionary and self.dictionaries:
            raise ConfigError(
                f"--random-dictionary stands in place of trained dictionaries and --dictionaries "
                f"names {self.dictionaries}; give one of the two."
            )
        if self.against is not None and not (self.against / "manifest.json").is_file():
            raise ConfigError(
                f"against names {self.against}, which holds no run; `microtome list` names them."
            )
        return self

    @property
    def at(self) -> Level:
        """How sure every interval and test is to be."""
        return Level(self.level, self.resamples, self.seed)

    @property
    def alpha(self) -> float:
        """The largest p-value that counts."""
        return round(1 - self.level, 12)

    @property
    def specimen(self) -> bool:
        """Whether the model is one of the embedded ones."""
        return self.model.startswith("specimen:")
