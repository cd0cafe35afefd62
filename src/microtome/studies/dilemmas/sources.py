"""What the numbers come from: model, adapters and prompts by digest, without loading a weight."""

from typing import Any

from microtome.errors import ConfigError, suggest
from microtome.files import digest, read_json
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import shape_of
from microtome.studies.dilemmas.models import adapter_of
from microtome.studies.dilemmas.players import NAMED_BASE, NAMES
from microtome.studies.dilemmas.wordings import prompts_of


def sources_of(study: Configuration) -> dict[str, Any]:
    """Identity of everything the study reads; unknown names are refused here, before any work."""
    from microtome.model.source import adapter_source, model_source

    _demand_named(study)
    prompts = prompts_of(study)
    source = model_source(study.model, weights=False)
    adapters = {
        name: adapter_source(adapter_of(study, name), source) for name in study.adapter_names()
    }
    found: dict[str, Any] = {
        "model": source.name,
        "revision": source.revision,
        "digest": source.digest,
        "specimen": source.specimen,
        "adapters": {
            name: {
                "digest": adapter.digest,
                "trained_on": read_json(adapter.path / "adapter_config.json").get(
                    "base_model_name_or_path"
                ),
            }
            for name, adapter in adapters.items()
        },
        "prompts": digest([p.model_dump(mode="json") for ps in prompts.values() for p in ps]),
        "n_prompts": {name: len(ps) for name, ps in prompts.items()},
    }
    named = sorted(set(NAMES) & set(adapters))
    if source.specimen and named:
        found["note"] = (
            f"The adapters {', '.join(named)} are the specimen's own; those of the same names "
            f"were trained by their authors on {NAMED_BASE} and are other weights."
        )
    return found


def _demand_named(study: Configuration) -> None:
    """ConfigError unless the model has every component that was named beforehand."""
    if not study.named:
        return
    shape = shape_of(study)
    kinds = [*(f"H{head}" for head in range(shape.heads)), "_ATTN", "_MLP"]
    there = [f"L{layer}{kind}" for layer in range(shape.layers) for kind in kinds]
    for name in study.named:
        if name not in there:
            raise ConfigError(
                f"named asks for {name!r}, and {study.model} has {there[0]} to {there[-1]}."
                f"{suggest(name, there)}"
            )
