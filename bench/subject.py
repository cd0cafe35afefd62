"""The models and prompts that the benchmarks share: random weights of real shapes, from a seed."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, Gemma2Config, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

VOCAB, LAYERS, HEADS, LENGTH = 8000, 12, 8, 64
PLUS, MINUS = 50, 60


def checkpoint() -> Path:
    """The folder of the model, written once."""
    config = Gemma2Config(
        vocab_size=VOCAB, hidden_size=512, intermediate_size=2048, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=4, head_dim=64, sliding_window=32,
        query_pre_attn_scalar=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        max_position_embeddings=256,
    )  # fmt: skip
    return _saved("microtome-bench-gemma2", config)


def sampled(family: str) -> Path:
    """The folder of a smaller model that generates: 8 layers of d_model 256."""
    config = CONFIG_MAPPING[family](
        vocab_size=VOCAB, hidden_size=256, intermediate_size=1024, num_hidden_layers=8,
        num_attention_heads=4, num_key_value_heads=2, head_dim=64, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, max_position_embeddings=2048,
    )  # fmt: skip
    return _saved(f"microtome-bench-sampled-{family}", config)


def _saved(name: str, config) -> Path:
    folder = Path(gettempdir()) / name
    if not (folder / "tokenizer.json").exists():
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        words = {f"w{i}": i for i in range(VOCAB)}
        core = Tokenizer(models.WordLevel(words, unk_token="w3"))
        core.pre_tokenizer = pre_tokenizers.Whitespace()
        PreTrainedTokenizerFast(
            tokenizer_object=core, pad_token="w0", bos_token="w1", eos_token="w2"
        ).save_pretrained(folder)
    return folder


def prompts(shared: int, length: int = LENGTH) -> tuple[list[int], list[int]]:
    """Two prompts of so many tokens that share their first `shared`."""
    generator = torch.Generator().manual_seed(1)
    clean = torch.randint(3, VOCAB, (length,), generator=generator).tolist()
    other = torch.randint(3, VOCAB, (length,), generator=generator).tolist()
    return clean, clean[:shared] + other[shared:]


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU time of one call, in seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def interleaved(contenders: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of every contender, taken in turn, after one warm-up each."""
    for work in contenders.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            times[name].append(cpu_seconds(work))
    return times


def report(times: dict[str, list[float]], base: str) -> None:
    """Medians, spread, and ratios to `base` (median of the per-round ratios)."""
    for name, seconds in times.items():
        ratio = statistics.median(s / b for s, b in zip(seconds, times[base], strict=True))
        print(
            f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f}-{max(seconds):.2f} "
            f"| {ratio:.2f} |"
        )
