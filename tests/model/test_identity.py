"""What a model, a tokenizer and an adapter are read from is what names them; a change is seen."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import microtome as mt
from microtome.errors import AdapterError
from microtome.model.digest import files_read, folder_digest
from microtome.model.source import identity_of, model_source
from tests.model.families import random_model, save, save_adapter

TEXT = "They defected."
READ = (
    "chat_template.jinja", "additional_chat_templates/tool_use.jinja", "merges.txt", "vocab.txt",
    "vocab.json", "vocab.bpe", "spiece.model", "source.spm", "qwen.tiktoken", "added_tokens.json",
    "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "generation_config.json",
    "config.json", "tekken.json", "modeling_own.py", "model.safetensors",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path, checkpoint):
    return shutil.copytree(checkpoint("llama"), tmp_path / "model")


@pytest.mark.parametrize("name", READ)
def test_an_edited_file_is_another_model(folder, name):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        path.write_text("before")
    before = model_source(str(folder)).digest
    named = identity_of(str(folder))
    path.write_bytes(path.read_bytes() + b" ")
    assert model_source(str(folder)).digest != before
    assert identity_of(str(folder)) != named
    path.rename(path.with_name(f"other-{path.name}"))
    if name != "config.json":
        assert model_source(str(folder)).digest != before


def test_the_chat_template_that_is_read_is_the_one_that_counts(folder):
    """What the tokenizer renders and what names the model change together."""

    def seen(template):
        (folder / "chat_template.jinja").write_text(template)
        model = mt.load(str(folder), device="cpu")
        return model.run("hi", chat=True, logits="last").logits, model.source.digest

    one, two = (seen(f"{tag}{{{{ messages[0]['content'] }}}}") for tag in ("a: ", "b: "))
    assert not torch.equal(one[0], two[0])
    assert one[1] != two[1]


def test_every_shard_counts_and_what_is_never_read_does_not(folder):
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    shards = {"one.safetensors": names[:5], "deeper/two.safetensors": names[5:]}
    (folder / "deeper").mkdir()
    for shard, some in shards.items():
        save_file({n: weights[n] for n in some}, folder / shard, metadata={"format": "pt"})
    where = {n: shard for shard, some in shards.items() for n in some}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    before = folder_digest(folder)
    for idle in ("README.md", ".gitattributes", "optimizer.pt", "notes/run.json"):
        (folder / idle).parent.mkdir(exist_ok=True)
        (folder / idle).write_text("nothing that is read")
    assert folder_digest(folder) == before
    moved = {n: weights[n] + 1 for n in shards["deeper/two.safetensors"]}
    save_file(moved, folder / "deeper/two.safetensors", metadata={"format": "pt"})
    assert folder_digest(folder) != before
    assert len([p for p in files_read(folder) if p.suffix == ".safetensors"]) == 2


def test_the_specimen_keeps_its_name():
    """Shipped dictionaries say which weights they were trained on."""
    from microtome.specimens import world

    shipped = world.folder().parent / "dictionaries" / "resid_post_0" / "dictionary.json"
    stated = json.loads(shipped.read_text())
    assert f"specimen:world@{model_source('specimen:world').digest[:16]}" in json.dumps(stated)


@pytest.fixture
def lora(tmp_path, checkpoint):
    """An adapter of its own that a test may damage."""
    return save_adapter(checkpoint("llama"), tmp_path / "lora")


def rewritten(folder, change):
    path = folder / "adapter_model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})
    return folder


def test_an_adapter_whose_keys_name_another_layer_is_refused(checkpoint, lora):
    """As many modules as the model has, of the right shapes, and one layer that it has not."""
    model = mt.load(str(checkpoint("llama")), device="cpu")
    clean = model.run(TEXT).logits
    rewritten(lora, lambda w: {k.replace("layers.1.", "layers.9."): v for k, v in w.items()})
    with pytest.raises(AdapterError, match=r"no place for .*layers\.9\..*14 of its weights"):
        model.with_adapter(lora)
    assert torch.equal(model.run(TEXT).logits, clean)


def test_an_adapter_that_lacks_a_weight_or_has_another_shape_is_refused(checkpoint, lora):
    model = mt.load(str(checkpoint("llama")), device="cpu")
    whole = load_file(lora / "adapter_model.safetensors")
    name = next(n for n in whole if "layers.2.self_attn.o_proj.lora_B" in n)
    rewritten(lora, lambda w: {k: v for k, v in w.items() if k != name})
    with pytest.raises(AdapterError, match=r"the file lacks.*layers\.2\.self_attn\.o_proj"):
        model.with_adapter(lora)
    rewritten(lora, lambda w: whole | {name: whole[name][:-1].clone()})
    with pytest.raises(AdapterError, match=r"does not fit.*size mismatch for .*o_proj"):
        model.with_adapter(lora)


def test_an_adapter_that_carries_weights_of_the_base_is_refused(checkpoint, lora):
    """PEFT would load them over the base, under every other adapter."""
    model = mt.load(str(checkpoint("llama")), device="cpu")
    clean = model.run(TEXT).logits
    key = "base_model.model.model.embed_tokens.weight"
    rewritten(lora, lambda w: w | {key: torch.zeros(300, 32)})
    with pytest.raises(AdapterError, match="embed_tokens"):
        model.with_adapter(lora)
    assert torch.equal(model.run(TEXT).logits, clean)


def trained_on(folder, name):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": name}))
    return folder


def test_an_adapter_of_another_base_of_equal_shape_is_refused(tmp_path, checkpoint, lora):
    other = save("llama", tmp_path / "other")
    random_model("llama", seed=5).save_pretrained(other)
    with pytest.raises(AdapterError, match=r"trained on .*llama'.*base_model_name_or_path"):
        mt.load(str(other), adapter=lora, device="cpu")
    with pytest.raises(AdapterError, match="trained on"):
        identity_of(str(other), str(lora))
    trained_on(lora, "google/gemma-2-2b-it")
    with pytest.raises(AdapterError, match=r"'google/gemma-2-2b-it'"):
        mt.load(str(checkpoint("llama")), adapter=lora, device="cpu")


@pytest.mark.parametrize("name", ["specimen:world", "org/Model", "/gone/elsewhere/model", None])
def test_an_adapter_of_this_base_by_another_path_is_taken(name, tmp_path, folder, lora):
    """A mirror's id, a folder that has moved, or no name; the specimen is none of these."""
    trained_on(lora, name)
    if name == "specimen:world":
        with pytest.raises(AdapterError, match="specimen:world"):
            mt.load(str(folder), adapter=lora, device="cpu")
        return
    assert mt.load(str(folder), adapter=lora, device="cpu").adapter


def test_a_copy_of_the_same_weights_is_the_same_base(tmp_path, checkpoint, lora):
    copied = shutil.copytree(checkpoint("llama"), tmp_path / "under another name")
    (copied / "tokenizer_config.json").write_bytes(
        (copied / "tokenizer_config.json").read_bytes() + b"\n"
    )
    assert mt.load(str(copied), adapter=lora, device="cpu").adapter


def test_the_hubs_cache_is_named_by_its_model(lora):
    from pathlib import Path

    from microtome.model.lineage import demand_base

    trained_on(lora, "org/model")
    cached = Path("/cache/models--org--model/snapshots/0123abc")
    demand_base(lora, "local", cached)
    with pytest.raises(AdapterError):
        demand_base(lora, "local", Path("/cache/models--org--model-it/snapshots/0123abc"))
