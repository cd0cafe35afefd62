"""`check` proves what an entry says of q, k, v, the MLP and the embedding, or refuses it."""

import warnings
from dataclasses import replace
from types import MappingProxyType

import pytest
import torch

import microtome as mt
from microtome import Ablate, attn_pattern, head_z, k, q, v
from microtome.errors import AnatomyError, SiteError
from microtome.model.anatomy import FAMILIES, Anatomy
from tests.model.families import byte_tokenizer

TEXT = "They defected."


def broken(folder, family, **changes):
    """The identities that fail when an entry is wrong in these fields."""
    entry = replace(FAMILIES[family], **changes)
    model = mt.load(str(folder), anatomy=entry, verify=False, device="cpu")
    return {audit.name for audit in mt.check(model) if not audit.passed}


def projections(**paths):
    return MappingProxyType({kind: f"self_attn.{path}_proj" for kind, path in paths.items()})


def test_swapped_queries_and_keys_are_caught(tmp_path):
    """As many key heads as query heads: no width tells them apart, only what they do."""
    from tests.model.families import save

    folder = save("qwen3", tmp_path / "equal", num_key_value_heads=4)
    assert broken(folder, "qwen3") == set()
    found = broken(folder, "qwen3", projections=projections(q="k", k="q", v="v"))
    assert {"q moves no other query", "k moves later queries"} <= found
    entry = replace(FAMILIES["qwen3"], projections=projections(q="k", k="q", v="v"))
    with pytest.raises(AnatomyError, match="q moves no other query"):
        mt.load(str(folder), anatomy=entry)
    found = broken(folder, "qwen3", projections=projections(q="q", k="v", v="k"))
    assert {"attention pattern @ v = heads' z", "k moves later queries"} <= found


@pytest.mark.parametrize(
    ("family", "changes", "identity"),
    [
        ("llama", {"projections": projections(q="k", k="q", v="v")}, "heads of q, k, v"),
        ("gpt_neox", {"interleaved": False}, "attention pattern @ v"),
        ("gpt2", {"interleaved": True}, "attention pattern @ v"),
        ("llama", {"down_proj": "mlp.up_proj"}, "act @ W_down"),
        ("llama", {"mlp": "mlp.gate_proj"}, "act @ W_down"),
        ("llama", {"mlp_norm": "input_layernorm"}, "mlp_norm(x)"),
        ("gemma2", {"mlp_norm": "post_attention_layernorm"}, "mlp_norm(x)"),
        ("gpt2", {"position_embed": None}, "embedding"),
        ("olmo2", {"shared_qk_norm": False}, "q and k of a head"),
    ],
)
def test_a_wrong_entry_is_caught_by_its_identity(family, changes, identity, checkpoint):
    found = broken(checkpoint(family), family, **changes)
    assert any(name.startswith(identity) for name in found), found


def test_an_embedding_that_is_none_is_refused(checkpoint):
    with pytest.raises(AnatomyError, match=r"'model\.layers\.0\.mlp' as embedding"):
        broken(checkpoint("llama"), "llama", embed="model.layers.0.mlp")


def test_fused_queries_and_keys_in_the_other_order_are_caught(checkpoint, monkeypatch):
    """One projection holds both: a reading that takes k's columns for q's is seen."""
    from microtome.model.parts import Parts

    honest = Parts.projection
    other = {"q": "k", "k": "q", "v": "v"}
    monkeypatch.setattr(Parts, "projection", lambda own, kind, n: honest(own, other[kind], n))
    assert "q moves no other query" in broken(checkpoint("gpt2"), "gpt2")
    assert "q moves no other query" in broken(checkpoint("gpt_neox"), "gpt_neox")


@pytest.fixture(scope="module")
def falcon(tmp_path_factory):
    """A real Falcon with one key and value head for all queries."""
    from transformers import FalconConfig, FalconForCausalLM

    folder = tmp_path_factory.mktemp("falcon")
    torch.manual_seed(0)
    config = FalconConfig(
        vocab_size=300, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        multi_query=True, parallel_attn=True, bias=False, alibi=False,
        new_decoder_architecture=False, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    FalconForCausalLM(config).eval().save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


FALCON = Anatomy(
    "falcon", blocks="transformer.h", embed="transformer.word_embeddings",
    final_norm="transformer.ln_f", attn="self_attention", o_proj="self_attention.dense",
    down_proj="mlp.dense_4h_to_h", attn_added="self_attention", mid=None,
    mlp_norm="input_layernorm", norm_eps="eps", centred=True,
    projections=MappingProxyType(dict.fromkeys("qkv", "self_attention.query_key_value")),
)  # fmt: skip


def test_a_slice_past_the_projection_is_refused_and_no_edit_of_nothing(falcon):
    """Its configuration counts one key head in a field of its own: four are assumed."""
    model = mt.load(str(falcon), anatomy=FALCON, verify=False, device="cpu")
    for site in (v[0, 3], k[1, 2]):
        with pytest.raises(SiteError, match=r"ends at column \d+ and the projection puts out 48"):
            model.run(TEXT, write=Ablate(site))
        with pytest.raises(SiteError, match="number of heads"):
            model.run(TEXT, read=site)
    with pytest.raises(AnatomyError, match="heads of q, k, v = their projections' columns"):
        mt.load(str(falcon), anatomy=FALCON)


def test_a_shared_norm_says_that_it_moves_other_heads(checkpoint):
    """OLMo-2 normalises q over all heads at once, after the projection that is edited."""
    model = mt.load(str(checkpoint("olmo2")), device="cpu")
    plain = model.run(TEXT, read=attn_pattern[1])[attn_pattern[1]]
    edit = Ablate(q[1, 0])
    with pytest.warns(UserWarning, match=r"olmo2 normalises q over all heads.*head_z"):
        moved = model.run(TEXT, write=edit, read=attn_pattern[1])[attn_pattern[1]]
    assert not torch.allclose(moved[3], plain[3])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.run(TEXT, write=[Ablate(q[1, :]), Ablate(v[1, 0]), Ablate(head_z[1, 0])])
        own = mt.load(str(checkpoint("qwen3")), device="cpu")
        plain = own.run(TEXT, read=attn_pattern[1])[attn_pattern[1]]
        moved = own.run(TEXT, write=edit, read=attn_pattern[1])[attn_pattern[1]]
    assert torch.equal(moved[3], plain[3])


@pytest.mark.parametrize("family", ["qwen3", "olmo2"])
def test_queries_and_keys_are_read_before_their_norm_and_rotation(family, checkpoint):
    """What is read is the projection's output: W_q x, whatever the norm does with it."""
    model = mt.load(str(checkpoint(family)), device="cpu")
    seen = []
    attention = model.parts.block(0, "self_attn")
    handle = attention.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["hidden_states"]), with_kwargs=True
    )
    run = model.run(TEXT, read=[q[0, :], k[0, :]])
    handle.remove()
    for site, weight in ((q, attention.q_proj.weight), (k, attention.k_proj.weight)):
        heads = run[site[0, :]]
        expected = (seen[0] @ weight.T).unflatten(-1, (len(heads), -1)).movedim(-2, 0)
        torch.testing.assert_close(heads, expected)
