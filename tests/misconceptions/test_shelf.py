"""Which dictionary of a repository is taken, and that GemmaScope's files are read as published."""

import numpy as np
import pytest
import torch

from microtome.dictionaries.load import save_dictionary
from microtome.dictionaries.random import random_dictionary
from microtome.errors import AdapterError, DictionaryError
from microtome.model.site import resid_post, resid_pre
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.shelf import layers_of, load_dictionaries, located

REPOSITORY = [
    "README.md",
    "embedding/width_4k/average_l0_6/params.npz",
    *(
        f"layer_{layer}/width_{width}/average_l0_{level}/params.npz"
        for layer in (0, 6, 12, 18, 24)
        for width, level in (("16k", 22), ("16k", 82), ("16k", 445), ("65k", 72))
    ),
]


def test_of_the_default_repository_the_width_and_the_nearest_l0_are_taken(monkeypatch):
    import huggingface_hub

    from microtome.studies.misconceptions.shelf import _names

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda self, name: REPOSITORY)
    _names.cache_clear()
    own = "google/gemma-scope-2b-pt-res"
    found = located(Misconceptions())
    assert found == {n: f"{own}/layer_{n}/width_16k/average_l0_82" for n in (0, 6, 12, 18, 24)}
    wide = located(Misconceptions(width="65k", layers=(12,)))
    assert wide == {12: f"{own}/layer_12/width_65k/average_l0_72"}
    sparse = located(Misconceptions(average_l0=10, layers=(6,)))
    assert sparse == {6: f"{own}/layer_6/width_16k/average_l0_22"}
    with pytest.raises(DictionaryError, match="no dictionary of layer 3"):
        located(Misconceptions(layers=(3,)))
    with pytest.raises(DictionaryError, match=r"widths 16k \(L0 22, 82, 445\), 65k \(L0 72\)"):
        located(Misconceptions(width="1m", layers=(6,)))
    _names.cache_clear()


SECOND = [
    "README.md",
    *(
        f"{kind}/layer_{layer}_width_{width}_l0_{level}/params.safetensors"
        for kind in ("resid_post", "attn_out", "mlp_out", "transcoder")
        for layer in (5, 12)
        for width in ("16k", "262k")
        for level in ("small", "medium", "big")
    ),
]


def test_of_gemma_scope_2_the_width_and_the_nearest_level_are_taken(monkeypatch):
    """Its folders are layer_12_width_16k_l0_small: small 10 to 20, medium 30 to 60, big to 150."""
    import huggingface_hub

    from microtome.studies.misconceptions.shelf import _names

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", lambda self, name: SECOND)
    _names.cache_clear()
    own = "google/gemma-scope-2-270m-pt"
    for l0, level in ((100, "big"), (50, "medium"), (10, "small")):
        study = Misconceptions(dictionaries=own, layers=(5, 12), average_l0=l0)
        due = {n: f"{own}/resid_post/layer_{n}_width_16k_l0_{level}" for n in (5, 12)}
        assert located(study) == due
    wide = located(Misconceptions(dictionaries=own, layers=(5,), width="262k"))
    assert wide == {5: f"{own}/resid_post/layer_5_width_262k_l0_big"}
    listed = r"there are the widths 16k \(L0 big, medium, small\), 262k \(L0 big, medium, small\)"
    with pytest.raises(DictionaryError, match=listed):
        located(Misconceptions(dictionaries=own, layers=(5,), width="1m"))
    _names.cache_clear()


def test_what_enters_a_block_is_what_leaves_the_one_before(world, tmp_path):
    """A dictionary of resid_pre[3] serves layer 2; that of resid_post[0] goes before resid_pre[1],
    and what enters block 0 belongs to no layer."""
    width = world.parts.d_model
    made = {site: random_dictionary(width, site, seed=n) for n, site in enumerate(
        (resid_pre[3], resid_pre[1], resid_post[0], resid_pre[0]))}  # fmt: skip
    for site, own in made.items():
        layer = "pre" if site.kind == "resid_pre" else "post"
        save_dictionary(own, tmp_path / f"blocks.{site.layer}.hook_resid_{layer}")
    study = Misconceptions(model="specimen:world", dictionaries=str(tmp_path))
    assert layers_of(study) == (0, 2)
    found = load_dictionaries(study, world)
    assert {n: own.site_in for n, own in found.items()} == {0: resid_post[0], 2: resid_post[2]}
    assert torch.equal(found[2].atoms, made[resid_pre[3]].atoms)
    assert torch.equal(found[0].atoms, made[resid_post[0]].atoms)
    text = "A robin is a kind of bird."
    run = world.run(text, read=[resid_pre[3], resid_post[2]])
    assert torch.equal(run[resid_pre[3]], run[resid_post[2]])
    edited = world.run(text, write=found[2].clamp(3, 5.0)).logits
    same = world.run(text, write=made[resid_pre[3]].clamp(3, 5.0)).logits
    torch.testing.assert_close(edited, same)
    assert not torch.allclose(edited, run.logits)


def test_gemma_scope_files_are_read_by_their_formula(world, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "W_enc": rng.normal(size=(128, 300)), "W_dec": rng.normal(size=(300, 128)),
        "b_enc": rng.normal(size=300), "b_dec": rng.normal(size=128),
        "threshold": rng.uniform(0, 30, 300),
    }  # fmt: skip
    arrays = {name: value.astype(np.float32) for name, value in arrays.items()}
    for level in (20, 110):
        folder = tmp_path / f"layer_3/width_16k/average_l0_{level}"
        folder.mkdir(parents=True)
        arrays["b_enc"] = arrays["b_enc"] + 1
        np.savez(folder / "params.npz", **arrays)
    study = Misconceptions(model="specimen:world", dictionaries=str(tmp_path), layers=(3,))
    own = load_dictionaries(study, world)[3]
    assert own.site_in == own.site_out == resid_post[3]
    x = torch.randn(4, 128)
    pre = x.numpy() @ arrays["W_enc"] + arrays["b_enc"]
    due = np.maximum(pre, 0) * (pre > arrays["threshold"])
    assert np.allclose(own.encode(x).numpy(), due, atol=1e-4)


def test_several_of_one_layer_without_a_level_are_not_guessed_between(tmp_path):
    for name in ("one/resid_post_1", "two/resid_post_1"):
        save_dictionary(random_dictionary(8, resid_post[1]), tmp_path / name)
    study = Misconceptions(model="specimen:world", dictionaries=str(tmp_path), layers=(1,))
    with pytest.raises(DictionaryError, match="are both of one layer"):
        located(study)


def test_a_specimen_has_its_own_and_transcoders_are_left_out():
    study = Misconceptions(model="specimen:world")
    assert layers_of(study) == (0, 1, 2, 3, 4)
    assert layers_of(study.model_copy(update={"layer": 3, "feature": 0})) == (3,)
    assert all("transcoder" not in name for name in located(study).values())


@pytest.mark.medium
def test_an_adapter_makes_another_run_and_is_named():
    plain = Misconceptions(model="specimen:world", generated=0)
    tuned = plain.model_copy(update={"adapter": "PT2_COREDe"})
    ours, theirs = plain.provenance(), tuned.provenance()
    assert theirs["model"] == "specimen:world + PT2_COREDe"
    assert ours["digest"] != theirs["digest"]
    assert tuned.warm().model.adapter is not None
    assert plain.warm().model.adapter is None
    with pytest.raises(AdapterError, match="PT3_COREUt"):
        plain.model_copy(update={"adapter": "nope"}).provenance()
