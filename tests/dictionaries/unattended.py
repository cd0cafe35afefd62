"""A small training as a process of its own, to be killed or launched on several ranks.

python -m tests.dictionaries.unattended FOLDER STEPS
"""

import os
import signal
import sys
import time
from pathlib import Path

import torch

from microtome.dictionaries.load import save_dictionary
from microtome.dictionaries.parallel import ranks
from microtome.dictionaries.recipes import BatchTopK, JumpReLU, TopK
from microtome.dictionaries.training import train
from microtome.files import read_jsonl
from microtome.model.site import resid_post

SITE = resid_post[2]
RECIPES = [
    TopK(256, SITE, k=6, name="topk", dead_after=4000),
    BatchTopK(128, SITE, k=8, name="batchtopk"),
    JumpReLU(64, SITE, name="jumprelu"),
]
SAVE_EVERY = 25


def activations(tokens: int = 9000, d: int = 48) -> torch.Tensor:
    """Sparse sums of 160 directions, from a seed."""
    g = torch.Generator().manual_seed(3)
    causes = torch.nn.functional.normalize(torch.randn(160, d, generator=g), dim=-1)
    on = torch.rand(tokens, 160, generator=g) < 0.04
    return 5 * (on * torch.rand(tokens, 160, generator=g)) @ causes + 1


def main(folder: Path, steps: int) -> None:
    torch.set_num_threads(1)
    found = train(
        RECIPES, {SITE: activations()}, steps=steps, batch=512, lr=3e-3, checkpoint=folder,
        save_every=SAVE_EVERY, log_every=10, device="cpu",
    )  # fmt: skip
    if ranks().first:
        for one in found:
            save_dictionary(one.dictionary, folder / one.dictionary.origin.source)


def forked(folder: Path, steps: int) -> int:
    """The training as a process; its id."""
    process = os.fork()
    if process == 0:
        main(folder, steps)
        os._exit(0)
    return process


def logged(folder: Path) -> int:
    """The last step in the log, or 0."""
    path = folder / "log.jsonl"
    rows = list(read_jsonl(path)) if path.exists() else []
    return int(rows[-1]["step"]) if rows else 0


def killed(folder: Path, steps: int, kills: list[int]) -> None:
    """Train through all the kills; prints the step that each was seen at."""
    for kill in kills:
        process = forked(folder, steps)
        while logged(folder) < kill:
            time.sleep(0.002)
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
        print(logged(folder) if os.WIFSIGNALED(status) else -1, flush=True)
    os.waitpid(forked(folder, steps), 0)


if __name__ == "__main__":
    place, count, *at = sys.argv[1:]
    if at:
        killed(Path(place), int(count), [int(step) for step in at])
    else:
        main(Path(place), int(count))
