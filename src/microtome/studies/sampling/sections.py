"""The sections of the original's `config.yaml`, as fields of the study.

    model: {model_name_or_path: gpt2, device: cuda}   ->   model: gpt2, device: cuda
    clustering: {n_clusters: 3, max_new_tokens: 2048} ->   n_clusters: 3, cluster_tokens: 2048

A field given outright, as by a flag, beats the one in a section.
"""

from collections.abc import Mapping
from typing import Any

from microtome.errors import ConfigError, suggest

STEP_NAMES = {
    "2": "variance",
    "3": "manifold",
    "4": "drift",
    "5": "sensitivity",
    "6": "attribution",
    "7": "clusters",
}
"""The original's step numbers."""

ROOT = {"variance_layers": "layers", "latent_sampling_stride": "stride"}
SECTIONS: dict[str, dict[str, str]] = {
    "model": {"model_name_or_path": "model", "device": "device"},
    "variance_exp": {
        "temperatures": "temperatures",
        "token_checkpoints": "checkpoints",
        "max_new_tokens": "max_new_tokens",
        "latent_sampling_stride": "variance_stride",
    },
    "manifold_exp": {
        "oracle_percentage": "oracle_percentage",
        "latent_sampling_stride": "manifold_stride",
    },
    "sensitivity_exp": {
        "bifurcation_step_interval": "interval",
        "lookahead_tokens": "lookahead_tokens",
        "max_new_tokens": "branch_tokens",
        "latent_sampling_stride": "sensitivity_stride",
    },
    "attribution_exp": {"top_n_points": "top_n_points"},
    "clustering": {
        "enabled": "cluster",
        "n_clusters": "n_clusters",
        "judge_model": "judge_model",
        "judge_enabled": "judge_enabled",
        "max_new_tokens": "cluster_tokens",
        "latent_sampling_stride": "cluster_stride",
    },
}


def flattened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields from a mapping that may hold sections; ConfigError for an unknown key in one."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in SECTIONS and isinstance(value, Mapping):
            found |= _fields(name, value)
        elif name in SECTIONS and name != "model":
            raise ConfigError(f"{name} is a section: give it {_keys(name)}, not {value!r}.")
        else:
            found[ROOT.get(name, name)] = value
    outright = {name: values[name] for name in found if name in values and name not in SECTIONS}
    found |= outright
    if isinstance(values.get("model"), str):
        found["model"] = values["model"]
    found["steps"] = _steps(found.get("steps", ()))
    return found


def _fields(section: str, values: Mapping[str, Any]) -> dict[str, Any]:
    known = SECTIONS[section]
    for key in values:
        if key not in known:
            raise ConfigError(f"{section} has no key {key!r}.{suggest(str(key), known)}")
    return {known[key]: value for key, value in values.items()}


def _keys(section: str) -> str:
    return ", ".join(SECTIONS[section])


def _steps(given: Any) -> Any:
    """Steps by name; a number means the original's step, and each counts once."""
    if isinstance(given, int):
        given = [given]
    if isinstance(given, str):
        given = [part.strip() for part in given.split(",") if part.strip()]
    return tuple(dict.fromkeys(STEP_NAMES.get(str(one), str(one)) for one in given))
