"""`microtome dictionary train`: what lands in the folder, going on, refusals and the dry run."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.progress import Shown, summary
from microtome.dictionaries.train_command import Asked, cost, run
from microtome.errors import ConfigError, MicrotomeError, RunError
from microtome.files import read_jsonl
from microtome.model.site import mlp_in, mlp_out, resid_post
from microtome.specimens import world


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    texts = tmp_path / "texts.jsonl"
    found = [d.text for kind in ("facts", "taxonomy") for d in world.documents(kind, n=60)]
    texts.write_text("".join(json.dumps({"text": text}) + "\n" for text in found))
    return Asked(
        "specimen:world", ["resid_post[1]"], str(texts), tmp_path / "out", d_dict=128, k=8,
        steps=40, batch=256, lr=3e-3, log_every=10, save_every=20,
    )  # fmt: skip


def test_a_training_lands_in_its_folder(asked):
    told: list[str] = []
    (made,) = run(asked, say=told.append)
    again = load_dictionary(asked.out / "resid_post_1")
    assert again.site_in == resid_post[1]
    assert again.origin.model.startswith("specimen:world@")
    assert again.origin.facts["training"]["steps"] == 40
    rows = list(read_jsonl(asked.out / "log.jsonl"))
    assert [row["step"] for row in rows] == [1, 10, 20, 30, 40]
    assert rows == list(made.curve)
    assert rows[-1]["fvu"] < 0.6 * rows[0]["fvu"]
    record = json.loads((asked.out / "training.json").read_text())
    assert record["asked"]["kind"] == "batchtopk"
    assert record["steps"] == 40
    assert "JumpReLU SAE" in told[-1]
    with pytest.raises(RunError, match="--resume"):
        run(asked)
    (resumed,) = run(replace(asked, resume=True), say=told.append)
    assert resumed.curve == made.curve


def test_transcoders_from_shards(asked):
    both = replace(
        asked, sites=["mlp_in[0]", "mlp_in[1]"], targets=["mlp_out[0]", "mlp_out[1]"], skip=True,
        shards=asked.out / "shards", tokens=40 * 256, steps=None,
    )  # fmt: skip
    run(both, say=lambda line: None)
    for n in (0, 1):
        made = load_dictionary(both.out / f"transcoder_mlp_in_{n}")
        assert (made.site_in, made.site_out) == (mlp_in[n], mlp_out[n])
        assert made.architecture == "JumpReLU skip transcoder"
    assert (both.out / "shards/manifest.json").is_file()


def test_refusals_are_one_sentence(asked):
    for wrong, message in (
        (replace(asked, steps=None), "--tokens or --steps"),
        (replace(asked, tokens=100), "--tokens or --steps"),
        (replace(asked, kind="topp"), "Unknown kind"),
        (replace(asked, sites=["resid_post[9]"]), "layer 9"),
        (replace(asked, sites=["mlp_in[0]"], targets=["mlp_out[0]"] * 2), "2 targets"),
        (replace(asked, texts="nowhere.txt"), "nowhere.txt"),
        (replace(asked, batch=10**6), "smaller batch"),
        (replace(asked, options={"sparsity": 1.0}), "no 'sparsity'"),
        (replace(asked, kind="jumprelu", k=None, options={"sparsity": -1.0}), "sparsity=-1"),
        (replace(asked, kind="relu", k=None, options={"l0": 128.0}), "l0=128"),
        (replace(asked, sites=["mlp_out[1]"], targets=["mlp_in[1]"]), "mlp_in.1. first; exchange"),
    ):
        with pytest.raises(MicrotomeError, match=message) as caught:
            run(replace(wrong, out=asked.out / message[:3]), say=lambda line: None)
        assert "\n" not in str(caught.value)
        assert not (asked.out / message[:3]).exists(), "a refused training leaves no folder"


def test_the_dry_run_counts_and_writes_nothing(asked):
    streamed, captured = cost(asked), cost(replace(asked, shards=asked.out / "shards"))
    assert streamed.tokens == streamed.passed == 40 * 256
    assert captured.passed < streamed.passed
    assert streamed.dictionary_flops == 2 * 128 * 128 * 40 * 256
    assert 0 < streamed.seconds < 600
    assert len(streamed.lines()) == 4
    assert not asked.out.exists()
    double = cost(replace(asked, steps=80))
    assert double.model_flops == 2 * streamed.model_flops
    with pytest.raises(ConfigError, match="not told beforehand"):
        cost(replace(asked, sites=["attn_z[0]"]))


def test_progress_tells_the_range_over_dictionaries(capsys):
    rows = [
        {"name": name, "step": 5, "fvu": fvu, "l0": 12.0, "dead": 0.0}
        for name, fvu in (("a", 0.25), ("b", 0.125))
    ]
    assert summary(rows) == "FVU 0.125 to 0.250, L0 12.0, dead 0.0%"
    shown = Shown(5, 2)
    for row in rows:
        shown(row)
    shown.close()
    assert capsys.readouterr().err.strip() == f"step 5 of 5: {summary(rows)}"
