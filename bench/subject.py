"""The model and prompts that the benchmarks share: a random 12-layer Gemma-2, from a seed."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Gemma2Config, Gemma2ForCausalLM, PreTrainedTokenizerFast

VOCAB, LAYERS, HEADS, LENGTH = 8000, 12, 8, 64
PLUS, MINUS = 50, 60


def checkpoint() -> Path:
    """The folder of the model, written once."""
    folder = Path(gettempdir()) / "microtome-bench-gemma2"
    if not (folder / "tokenizer.json").exists():
        torch.manual_seed(0)
        config = Gemma2Config(
            vocab_size=VOCAB, hidden_size=512, intermediate_size=2048, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, num_key_value_heads=4, head_dim=64, sliding_window=32,
            query_pre_attn_scalar=64, pad_token_id=0, bos_token_id=1, eos_token_id=2,
            max_position_embeddings=256,
        )  # fmt: skip
        Gemma2ForCausalLM(config).save_pretrained(folder)
        words = {f"w{i}": i for i in range(VOCAB)}
        core = Tokenizer(models.WordLevel(words, unk_token="w3"))
        core.pre_tokenizer = pre_tokenizers.Whitespace()
        PreTrainedTokenizerFast(
            tokenizer_object=core, pad_token="w0", bos_token="w1", eos_token="w2"
        ).save_pretrained(folder)
    return folder


def prompts(shared: int) -> tuple[list[int], list[int]]:
    """Two prompts of 64 tokens that share their first `shared`."""
    generator = torch.Generator().manual_seed(1)
    clean = torch.randint(3, VOCAB, (LENGTH,), generator=generator).tolist()
    other = torch.randint(3, VOCAB, (LENGTH,), generator=generator).tolist()
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
