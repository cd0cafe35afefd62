"""A tiny Gemma-2 that reads the shipped prompts word by word, and adapters with known structure.

Digits are tokens of their own, so " action1" and " action2" share a token and part at the second,
as they do on Gemma.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from microtome.data import games
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.wordings import shipped
from tests.model.families import random_model, save_adapter

SCENARIOS = ("CC_continue", "CD_punished")
ROOM = 160


@dataclass(frozen=True)
class Zoo:
    """A base model and a folder of adapters.

    `PT3_COREDe` and `TWIN` are equal; `MLP1` changes the second layer's MLP and nothing else.
    """

    model: Path
    adapters: Path

    def study(self, **fields: object) -> Dilemmas:
        """A configuration on this zoo."""
        own = {
            "model": str(self.model),
            "adapters": self.adapters,
            "models": ("base", "PT2_COREDe", "PT3_COREDe", "TWIN", "MLP1"),
            "pairs": ("PT2_COREDe:PT3_COREDe", "TWIN:PT3_COREDe", "MLP1:base"),
            "scenarios": SCENARIOS,
            "resamples": 200,
            "random_circuits": 40,
        }
        return Dilemmas(**{**own, **fields})


def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word, digit or sign of the shipped prompts; everything else is <unk>."""
    split = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=True)]
    )
    texts = [prompt.prompt for prompt in shipped()]
    texts += [text for s in games.SCENARIOS for text in games.wordings(s, 20, 0)]
    words = {piece for text in texts for piece, _ in split.pre_tokenize_str(text)}
    vocab = {w: i for i, w in enumerate(["<pad>", "<bos>", "<eos>", "<unk>", *sorted(words)])}
    core = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    core.pre_tokenizer = split
    core.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>",
        unk_token="<unk>",
    )  # fmt: skip


def one_mlp(base: Path, folder: Path, layer: int) -> None:
    """An adapter on one layer's MLP alone."""
    from peft import LoraConfig, get_peft_model

    hf = AutoModelForCausalLM.from_pretrained(base)
    torch.manual_seed(7)
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=["down_proj"], layers_to_transform=[layer],
        task_type="CAUSAL_LM",
    )  # fmt: skip
    peft = get_peft_model(hf, config)
    with torch.no_grad():
        for name, value in peft.named_parameters():
            if "lora_" in name:
                value.copy_(0.4 * torch.randn_like(value))
    peft.save_pretrained(folder)


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """The models of these tests, saved once a session."""
    root = tmp_path_factory.mktemp("zoo")
    tokenizer = word_tokenizer()
    model = random_model(
        "gemma2", seed=3, vocab_size=len(tokenizer), max_position_embeddings=ROOM, sliding_window=32
    )
    model.save_pretrained(root / "model")
    tokenizer.save_pretrained(root / "model")
    adapters = root / "adapters"
    save_adapter(root / "model", adapters / "PT2_COREDe", seed=1)
    save_adapter(root / "model", adapters / "PT3_COREDe", seed=2)
    shutil.copytree(adapters / "PT3_COREDe", adapters / "TWIN")
    one_mlp(root / "model", adapters / "MLP1", layer=1)
    return Zoo(root / "model", adapters)


@pytest.fixture(scope="session")
def finished(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory):
    """All steps run once on three scenarios."""
    study = zoo.study(output_dir=tmp_path_factory.mktemp("runs"))
    return run(study, terminal=Terminal())
