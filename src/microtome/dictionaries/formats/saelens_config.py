"""What a SAELens `cfg.json` says, whatever the version that wrote it."""

from dataclasses import dataclass, field
from typing import Any

from microtome.dictionaries.formats.place import Place, section, whole
from microtome.errors import DictionaryError

ARCHITECTURES = (
    "standard",
    "topk",
    "jumprelu",
    "gated",
    "transcoder",
    "skip_transcoder",
    "jumprelu_transcoder",
    "jumprelu_skip_transcoder",
    "batchtopk",
    "matryoshka_batchtopk",
)
_NORMALIZERS = ("none", "expected_average_only_in", "constant_norm_rescale", "layer_norm")
_RENAMED = {
    "hook_point": "hook_name",
    "hook_point_head_index": "hook_head_index",
    "activation_fn_str": "activation_fn",
}
_FACTS = (
    "sae_lens_version",
    "dataset_path",
    "context_size",
    "prepend_bos",
    "neuronpedia_id",
    "k",
    "matryoshka_widths",
    "stand_in",
)


@dataclass(frozen=True)
class Config:
    """The fields that matter for reading, under version 6's names."""

    architecture: str
    k: int
    normalize: str
    subtracts_b_dec: bool
    rescaled: bool
    hook: str
    hook_out: str
    hf_hook: str
    head: int | None
    model: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def transcoder(self) -> bool:
        return self.architecture.endswith("transcoder")


def configuration(place: Place, name: str) -> Config:
    """Read `cfg.json`; DictionaryError for an architecture or a normaliser that is not known."""
    raw = place.config(name)
    said = {**raw, **section(raw, "metadata")}
    said = {_RENAMED.get(key, key): value for key, value in said.items()}
    where = str(place.folder / name)
    architecture, k = _architecture(said, where)
    normalize = _normalizer(said, where, architecture)
    transcodes = architecture.endswith("transcoder")
    facts = {key: said[key] for key in _FACTS if said.get(key) is not None}
    return Config(
        architecture=architecture,
        k=k,
        normalize=normalize,
        subtracts_b_dec=not transcodes and bool(said.get("apply_b_dec_to_input", True)),
        rescaled=bool(said.get("rescale_acts_by_decoder_norm", False)),
        hook=str(said.get("hook_name") or ""),
        hook_out=str(said.get("hook_name_out") or ""),
        hf_hook=str(said.get("hf_hook_name") or ""),
        head=whole(said.get("hook_head_index")),
        model=str(said.get("model_name") or ""),
        facts=facts | {"architecture": architecture, "normalize_activations": normalize},
    )


def _architecture(said: dict[str, Any], where: str) -> tuple[str, int]:
    """The architecture, and k where it is top-k: before version 6 that was an activation."""
    architecture = said.get("architecture") or "standard"
    activation = said.get("activation_fn") or "relu"
    options = section(said, "activation_fn_kwargs")
    if activation == "topk":
        architecture = "topk"
        said["k"] = options.get("k", said.get("k"))
    if architecture not in ARCHITECTURES:
        raise DictionaryError(
            f"{where} names the architecture {architecture!r}, which cannot be read here; these "
            f"can: {', '.join(ARCHITECTURES)}."
        )
    if activation not in ("relu", "topk") or options.get("signed"):
        named = "signed topk" if options.get("signed") else activation
        raise DictionaryError(f"{where} names the activation {named!r}; relu and topk can be read.")
    k = whole(said.get("k"))
    if architecture == "topk" and k is None:
        raise DictionaryError(f"{where} is of architecture 'topk' and does not say k.")
    return architecture, k or 0


def _normalizer(said: dict[str, Any], where: str, architecture: str) -> str:
    named = said.get("normalize_activations")
    if isinstance(named, bool):
        named = "expected_average_only_in" if named else "none"
    named = named or "none"
    per_token = named in ("constant_norm_rescale", "layer_norm")
    if named not in _NORMALIZERS or (per_token and architecture.endswith("transcoder")):
        raise DictionaryError(
            f"{where} says normalize_activations {named!r} for a {architecture}, which cannot be "
            f"read here; these can: {', '.join(_NORMALIZERS)} (the last two not for transcoders)."
        )
    return named
