"""A checkpoint is what was saved, of the very training that asks for it."""

import os
import random
import subprocess
import sys
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from microtome.dictionaries.checkpoints import NAME
from microtome.dictionaries.content import content_digest
from microtome.dictionaries.recipes import TopK
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.trainee import trainee_of
from microtome.dictionaries.trainee_topk import Selecting
from microtome.dictionaries.training import train
from microtome.errors import ConfigError, RunError
from microtome.model.site import resid_post
from tests.dictionaries.planted import random_sae
from tests.dictionaries.unattended import activations

SITE = resid_post[2]


@pytest.mark.parametrize("where", ["header", "weights", "anywhere"])
def test_one_flipped_bit_is_refused_and_never_becomes_a_dictionary(tmp_path, where: str) -> None:
    x, asked = activations(1000), TopK(32, SITE, k=4)
    options = {"steps": 3, "batch": 128, "checkpoint": tmp_path}
    whole = train(asked, x, **options).dictionary
    content = (tmp_path / NAME).read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    first, last = {"header": (0, header), "weights": (header, len(content))}.get(
        where, (0, len(content))
    )
    draw = random.Random(where)
    for _ in range(25):
        damaged = bytearray(content)
        damaged[draw.randrange(first, last)] ^= 1 << draw.randrange(8)
        (tmp_path / NAME).write_bytes(damaged)
        with pytest.raises(
            RunError, match=r"damaged .*delete it to train from the start"
        ) as caught:
            train(asked, x, **options)
        assert "\n" not in str(caught.value)
    (tmp_path / NAME).write_bytes(content)
    again = train(asked, x, **options).dictionary
    assert torch.equal(whole.w_enc, again.w_enc)


@dataclass(frozen=True, eq=False)
class Taught(TopK):
    """A recipe that starts from a teacher's atoms, which no comparison looks at."""

    teacher: Tensor = field(default_factory=lambda: torch.zeros(()), compare=False)
    kind = "taught"


@trainee_of.register
def _(recipe: Taught, d_in: int, d_out: int, dead_after: int, sparse: bool) -> Selecting:
    return Selecting(recipe, d_in, d_out, dead_after, sparse)


def test_two_teachers_are_two_trainings(tmp_path) -> None:
    """4096 x 256: `repr` shows the corners only, and they are equal."""
    teacher = torch.randn(4096, 256, generator=torch.Generator().manual_seed(0))
    other = teacher.clone()
    other[2000, 128] += 1e-6
    assert repr(teacher) == repr(other)
    x, options = activations(1000), {"steps": 2, "batch": 128, "checkpoint": tmp_path}
    train(Taught(32, SITE, k=4, teacher=teacher), x, **options)
    train(Taught(32, SITE, k=4, teacher=teacher.clone()), x, **options)
    same = Taught(32, SITE, k=4, teacher=teacher)
    for changed in (
        replace(same, teacher=other),
        replace(same, aux_weight=0.1),
        replace(same, k_aux=3),
        TopK(32, SITE, k=4),
    ):
        with pytest.raises(RunError, match="belongs to another training"):
            train(changed, x, **options)
    with pytest.raises(ConfigError, match="A Linear stands in a recipe"):
        train(Taught(32, SITE, k=4, teacher=torch.nn.Linear(2, 2)), x, **options)  # type: ignore[arg-type]


VALUES = {
    "a": [1, 2.5, True, None, "x"],
    "words": {"one", "two", "three"},
    "mapping": {"k": (1, 2), "j": {3: 4}},
    "array": np.arange(6.0).reshape(2, 3),
    "tensor": torch.arange(4, dtype=torch.bfloat16),
    "recipe": TopK(32, SITE, k=4),
}


def test_equal_content_agrees_across_processes() -> None:
    code = (
        "from tests.dictionaries.test_checkpoint_identity import VALUES;"
        "from microtome.dictionaries.content import content_digest; print(content_digest(VALUES))"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == content_digest(VALUES)
    turned = dict(reversed([*VALUES.items()]))
    assert content_digest(turned) == content_digest(VALUES)


def test_other_content_is_another_digest() -> None:
    sae: SAE = random_sae(16)
    moved = replace(sae, b_dec=sae.b_dec + torch.eye(16)[3] * 1e-6)
    different = [
        1, 1.0, True, "1", b"1", None, [1], [[1]], [1, 1], {1: 1}, {1}, [], {}, "", -0.0, 0.0,
        ["a", "b"], ["ab"], [["a"], "b"], [["a", "b"]],
        torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(6), torch.zeros(6, dtype=torch.int32),
        torch.zeros(6, dtype=torch.bfloat16), np.zeros(6, np.float32), sae, moved,
        TopK(32, SITE, k=4), TopK(32, SITE, k=5), TopK(32, resid_post[3], k=4),
    ]  # fmt: skip
    digests = [content_digest(value) for value in different]
    assert len(set(digests)) == len(different)
    assert content_digest(replace(sae, b_dec=sae.b_dec.clone())) == content_digest(sae)
    assert content_digest(sae.w_enc.T) == content_digest(sae.w_enc.T.contiguous())
