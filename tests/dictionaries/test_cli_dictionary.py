"""`microtome dictionary inspect` and `convert`, as typed."""

from pathlib import Path

import pytest

import microtome as mt
from microtome.cli import main
from microtome.dictionaries.load import dictionaries_in, load_dictionary, save_dictionary
from microtome.model.site import resid_post
from tests.dictionaries.files import X, close, gemma_scope
from tests.dictionaries.planted import random_sae, random_transcoder


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    """Run a command; (exit code, what it printed)."""

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["dictionary", *map(str, arguments)])
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    return run


def test_inspect_shows_what_it_is(tmp_path: Path, said) -> None:
    code, text = said("inspect", gemma_scope(tmp_path))
    assert code == 0
    for part in ("JumpReLU SAE", "resid_post[12], width 16", "google/gemma-2-2b", "GemmaScope"):
        assert part in text
    digest = load_dictionary(gemma_scope(tmp_path / "again")).origin.sha256
    assert digest in text


@pytest.mark.medium
def test_inspect_scores_it_on_the_specimen(tmp_path: Path, said) -> None:
    d = mt.load("specimen:world").parts.d_model
    save_dictionary(random_sae(d), tmp_path)
    code, text = said(
        *("inspect", tmp_path, "--model", "specimen:world"),
        *("--texts", "specimen:taxonomy", "--max-tokens", 500),
    )
    assert code == 0
    for part in ("FVU", "L0", "dead share", "norm ratio", "hint:", "tokens of"):
        assert part in text
    code, text = said("inspect", tmp_path, "--model", "specimen:world")
    assert code == 0
    assert "fits specimen:world" in text


def test_convert_and_back(tmp_path: Path, said) -> None:
    source = gemma_scope(tmp_path)
    code, text = said("convert", source, tmp_path / "lens", "--to", "saelens")
    assert code == 0
    assert "cfg.json, sae_weights.safetensors" in text
    code, _ = said("convert", tmp_path / "lens", tmp_path / "ours")
    assert code == 0
    first, last = load_dictionary(source), load_dictionary(tmp_path / "ours")
    close(last.reconstruct(X), first.reconstruct(X))
    assert last.site_in == first.site_in
    assert last.origin.facts["made_from_format"] == "SAELens"


def test_a_site_can_be_named(tmp_path: Path, said) -> None:
    unknown = gemma_scope(tmp_path, repository="unknown")
    code, _ = said("convert", unknown, tmp_path / "out", "--site", "resid_post[3]")
    assert code == 0
    assert load_dictionary(tmp_path / "out").site_in == resid_post[3]


def test_what_is_wrong_is_one_sentence_and_exit_2(tmp_path: Path, said) -> None:
    source = gemma_scope(tmp_path)
    nowhere = tmp_path / "file"
    nowhere.touch()
    save_dictionary(random_transcoder(16), tmp_path / "coder")
    for arguments, sentence in (
        (("inspect", tmp_path / "absent"), "no such file or folder"),
        (("inspect", source, "--texts", "specimen"), "--texts needs a --model"),
        (("inspect", source, "--site", "nowhere"), "'nowhere' is not a site"),
        (("inspect", source, *["--site", "L1_MLP"] * 3), "at most twice"),
        (("inspect", source, "--model", "specimen:world"), "belongs to resid_post[12]"),
        (("convert", source, tmp_path / "x", "--to", "onnx"), "No format 'onnx'"),
        (("convert", source, tmp_path / "x", "--to", "circuit-tracer"), "this is a JumpReLU SAE"),
        (("convert", source, tmp_path / "coder"), "holds a dictionary already"),
        (("convert", source, nowhere / "x"), "choose another place with OUT."),
        (("score", source, *READ, "--out", nowhere / "x.json"), "another place with --out."),
        (("features", source, *READ, "--features", 1, "--out", nowhere / "x.html"), "with --out."),
    ):
        code, text = said(*arguments)
        assert code == 2, arguments
        assert text.startswith("microtome: ")
        assert sentence in text
        assert text.count("\n") == 1
    assert not (tmp_path / "x").exists()


READ = ("--model", "specimen:world", "--texts", "specimen")
TRAIN = ("train", "--model", "specimen:world", "--texts", "specimen:taxonomy", "--limit", 200)
SMALL = ("--d-dict", 256, "--k", 8, "--batch", 256, "--seed", 1)


def test_a_dry_run_says_the_cost_and_writes_nothing(tmp_path: Path, said) -> None:
    code, text = said(
        *TRAIN, *SMALL, "--site", "resid_post[1]", "--steps", 50, "--out", tmp_path / "out",
        "--dry-run",
    )  # fmt: skip
    assert code == 0
    assert "token" in text
    assert not (tmp_path / "out").exists()


@pytest.mark.medium
def test_train_writes_dictionaries_that_load_and_fit(tmp_path: Path, said) -> None:
    code, text = said(
        *TRAIN, *SMALL, "--site", "resid_post[1]", "--site", "resid_post[2]", "--steps", 20,
        "--out", tmp_path, "--kind", "topk", "--log-every", 10,
    )  # fmt: skip
    assert code == 0, text
    world = mt.load("specimen:world")
    found = [load_dictionary(name, model=world) for name in dictionaries_in(tmp_path)]
    assert [one.site_in for one in found] == [resid_post[1], resid_post[2]]
    assert {one.architecture for one in found} == {"top-k SAE"}
    assert found[0].d_dict == 256


def test_what_is_wrong_with_a_training(tmp_path: Path, said) -> None:
    at = ("--site", "resid_post[1]", "--out", tmp_path / "out")
    for arguments, sentence in (
        ((*at, "--steps", 5, "--kind", "hydra"), "hydra"),
        ((*at, "--steps", 5, "--groups", "a,b"), "--groups a,b is not a list of sizes"),
        (at, "either --tokens or --steps"),
        ((*at, "--steps", 5, "--target", "mlp_out[1]", "--target", "mlp_out[2]"), "2 targets"),
        ((*at, "--steps", 5, "--track", "abacus"), "Unknown tracker 'abacus'"),
    ):
        code, text = said(*TRAIN, *arguments)
        assert code == 2, text
        assert sentence in text
