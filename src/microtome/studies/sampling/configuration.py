"""The configuration of the sampling study: its fields are the YAML, the flags and their help."""

from abc import ABC
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from microtome.data.graders import grader
from microtome.data.problems import check_template
from microtome.errors import ConfigError
from microtome.lab.study import Study
from microtome.statistics import Level
from microtome.studies.sampling.sections import flattened
from microtome.values import Resamples

Share = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Temperature = Annotated[float, Field(ge=0)]


class Configuration(Study, ABC):
    """What to sample, where to look, and how sure to be."""

    name: ClassVar[str] = "sampling"
    summary: ClassVar[str] = (
        "The geometry of what a model might have said: how temperature spreads its states, how far "
        "it is from an expert, which token turns it, and whether many right answers are many ways."
    )

    model: str
    """Hub id or folder of the model, or specimen:world."""
    adapter: str = ""
    """A LoRA adapter: a folder as PEFT saves it, or one of the specimen's by name; none when
    empty."""
    problems: Path | None = None
    """JSONL of problems (problem, answer, solution; GSM8K's and MATH's fields are known too); the
    specimen's arithmetic when not given."""
    n_problems: Count = 8
    """How many of the problems to use, from the first on."""
    template: str = "Problem: {problem} Solution:"
    """The prompt; {problem} stands for the problem's text."""
    chat: bool = False
    """Put each prompt into the tokenizer's chat template as a user's turn."""
    grader: Literal["boxed", "number", "regex", "none"] = "boxed"
    """What is read as the answer: the last \\boxed{}, the last number, or what a regular
    expression finds; none counts every solution as right."""
    grader_pattern: str = ""
    """The regular expression of grader=regex; its first group is the answer."""

    samples: Annotated[int, Field(ge=4)] = 32
    """Completions per problem and temperature of variance, manifold and drift."""
    temperatures: tuple[Temperature, ...] = (0.0, 1.0)
    """Temperatures of variance; 0 is one greedy completion."""
    checkpoints: tuple[Count, ...] = (128, 256, 512, 1024)
    """Lengths in generated tokens at which variance is taken."""
    max_new_tokens: Count = 1024
    """Longest completion of variance, manifold and drift."""
    layers: tuple[int, ...] = ()
    """Layers whose residual stream is pooled, comma-separated; all when empty."""
    layer: int | None = None
    """The layer that findings speak of and solutions are clustered in; the middle one when not
    given."""
    stride: Count = 32
    """Pool the state of every stride-th generated token."""
    variance_stride: Count | None = None
    """Overrides `stride` for variance."""
    manifold_stride: Count | None = None
    """Overrides `stride` for manifold and drift."""
    sensitivity_stride: Count | None = None
    """Overrides `stride` for sensitivity."""
    cluster_stride: Count | None = None
    """Overrides `stride` for clusters."""
    max_rows: Count = 64
    """Completions that share a forward pass."""

    manifold_temperature: Annotated[float, Field(gt=0)] = 1.0
    """Temperature of the completions that manifold and drift compare with the oracle."""
    oracle_percentage: Share = 0.3
    """Share of the oracle's tokens that drift forces as a prefix."""
    oracle_file: Path | None = None
    """JSONL of oracle texts (id, text), instead of the problems' own solutions."""
    oracle_model: str = ""
    """A stronger model that writes the oracle texts: hub id or folder, or its name at
    oracle_url."""
    oracle_url: str = ""
    """Base URL of an OpenAI-compatible server that runs oracle_model."""

    interval: Count = 32
    """Branch the greedy solution at every interval-th token in sensitivity."""
    lookahead_tokens: Count = 1
    """Tokens over which the probability of both branches is also given; the two likeliest tokens
    and p1, p2 are always those of the fork itself."""
    branch_tokens: Count = 64
    """Tokens of a branch, from the forced one on (M)."""
    fork_at: Literal["interval", "entropy"] = "interval"
    """Where to branch: every `interval` tokens, or at as many steps of the highest entropy."""
    min_entropy: Annotated[float, Field(ge=0)] = 0.0
    """Entropy (nats) below which a step is no fork."""
    continuations: Annotated[int, Field(ge=0)] = 4
    """Samples from each fork's prefix, whose median distance is the unit of the relative D(t);
    none below 2."""
    finish_branches: bool = True
    """Let branches go on to their answer; without it they end after branch_tokens."""
    rank_forks: Literal["spread", "divergence", "relative", "entropy"] = "spread"
    """What makes a fork matter: √(p1 p2)·D, D alone, D over that of samples, or entropy."""
    top_n_points: Count = 5
    """Forks of highest rank, over all problems, that attribution takes apart."""
    formula: Literal["exact", "seed"] = "exact"
    """exact, or seed to add the original's un-normalised formula for comparison."""
    bifurcations: Path | None = None
    """A bifurcation_points.json made elsewhere, for attribution; else the run's own."""

    cluster: bool = True
    """Whether the step clusters belongs to the study."""
    cluster_samples: Annotated[int, Field(ge=2)] = 64
    """Completions per problem of clusters."""
    cluster_temperature: Annotated[float, Field(gt=0)] = 0.8
    """Temperature of clusters."""
    cluster_tokens: Count = 2048
    """Longest completion of clusters."""
    n_clusters: Count = 3
    """K of the original's K-means; K is chosen from the data beside it."""
    force: bool = False
    """Cluster even fewer than 5 K solutions."""
    judge_enabled: bool = False
    """Ask a judge whether the clusters' representatives are different methods."""
    judge: Literal["endpoint", "local", "equations"] = "endpoint"
    """Who judges: an OpenAI-compatible server, a local model, or a rule that compares the
    equations of two solutions."""
    judge_model: str = "deepseek/deepseek-r1-distill-qwen-32b"
    """The judge's name at judge_url, or a local model's hub id or folder."""
    judge_url: str = "https://openrouter.ai/api/v1"
    """Base URL of the judge's server; OpenRouter takes the key in OPENROUTER_API_KEY."""
    judged: Annotated[int, Field(ge=2)] = 3
    """Solutions of every cluster that the judge compares with each other and the rest."""

    level: Share = 0.95
    """Level of the intervals."""
    resamples: Resamples = 1999
    """Bootstrap draws."""

    @property
    def at(self) -> Level:
        """Level, draws and seed of every interval and test."""
        return Level(self.level, self.resamples, self.seed)

    @model_validator(mode="before")
    @classmethod
    def _sections(cls, values: Any) -> Any:
        return flattened(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _sound(self) -> "Configuration":
        self._lengths()
        check_template(self.template)
        if self.grader != "none":
            grader(self.grader, self.grader_pattern or None)
        if self.oracle_url and not self.oracle_model:
            raise ConfigError("oracle_url is given without oracle_model; name the model it runs.")
        if self.oracle_file and self.oracle_model:
            raise ConfigError("oracle_file and oracle_model are both given; keep one oracle.")
        if not self.cluster and "clusters" in self.steps:
            raise ConfigError("The step clusters was asked for and switched off; add --cluster.")
        if self.layer is not None and self.layers and self.layer not in self.layers:
            raise ConfigError(f"layer {self.layer} is not among the pooled layers; add it there.")
        if self.cluster and self.cluster_samples < 5 * self.n_clusters and not self.force:
            raise ConfigError(
                f"{self.cluster_samples} solutions cannot show {self.n_clusters} clusters: raise "
                f"cluster_samples to {5 * self.n_clusters}, or insist with --force."
            )
        return self

    @model_validator(mode="after")
    def _forks(self) -> "Configuration":
        if self.rank_forks == "relative" and self.continuations < 2:
            raise ConfigError(
                f"rank_forks is relative and continuations is {self.continuations}: distances are "
                f"relative to those of at least 2 samples; raise continuations."
            )
        return self

    def _lengths(self) -> None:
        for what in ("temperatures", "checkpoints"):
            if not getattr(self, what):
                raise ConfigError(f"{what} is empty; give at least one.")
        if max(self.checkpoints) > self.max_new_tokens:
            raise ConfigError(
                f"Checkpoint {max(self.checkpoints)} lies beyond max_new_tokens "
                f"{self.max_new_tokens}; raise max_new_tokens or drop the checkpoint."
            )
        if min(self.checkpoints) < self.stride_of("variance"):
            raise ConfigError(
                f"Stride {self.stride_of('variance')} is longer than checkpoint "
                f"{min(self.checkpoints)}, so nothing is pooled by then; lower the stride."
            )
        for step, longest in (
            ("manifold", self.max_new_tokens),
            ("sensitivity", self.branch_tokens),
            ("clusters", self.cluster_tokens),
        ):
            if self.stride_of(step) > longest:
                raise ConfigError(
                    f"Stride {self.stride_of(step)} of {step} is longer than the {longest} tokens "
                    f"it generates; lower the stride."
                )

    def layer_among(self, layers: Sequence[int]) -> int:
        """Where `layer` stands among the pooled layers, counted from 0; the middle by default."""
        if self.layer is None:
            return len(layers) // 2
        asked = list(self.layers).index(self.layer) if self.layers else self.layer
        return asked % len(layers)

    def stride_of(self, step: str) -> int:
        """The stride of a step: its own, or the common one."""
        own = {
            "variance": self.variance_stride,
            "manifold": self.manifold_stride,
            "drift": self.manifold_stride,
            "sensitivity": self.sensitivity_stride,
            "clusters": self.cluster_stride,
        }
        return own[step] or self.stride
