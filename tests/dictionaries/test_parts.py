"""Small parts of training and scoring against plain loops: sums in batches, norms, cuts, ranks."""

import pytest
import torch

from microtome.dictionaries.activations import cut
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.parallel import ranks
from microtome.dictionaries.recipes import BatchTopK, TopK
from microtome.dictionaries.scores_sums import Variation
from microtome.dictionaries.selection import _largest
from microtome.errors import ConfigError
from microtome.model.site import resid_post


@pytest.mark.parametrize("sizes", [(7,), (5, 4), (3, 9, 1, 6)])
def test_variation_in_batches_is_that_of_all_both_ways(sizes: tuple[int, ...]) -> None:
    g = torch.Generator().manual_seed(0)
    parts = [3 * torch.randn(n, 4, generator=g) + i for i, n in enumerate(sizes)]
    sums = Variation()
    for part in parts:
        sums.add(part, torch.arange(len(part)) % 2, 2)
    whole = torch.cat(parts).double()
    squares = (whole - whole.mean(0)).square().sum(-1)
    assert sums.merged == pytest.approx(float(squares.sum()))
    start, own = 0, []
    for part in parts:
        of_text = squares[start : start + len(part)]
        own += [of_text[::2].sum(), of_text[1::2].sum()]
        start += len(part)
    torch.testing.assert_close(sums.per_text(), torch.stack(own))


def test_what_the_encoder_sees_is_what_the_norm_says() -> None:
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(1)) * 3 + 1
    length = x.norm(dim=-1, keepdim=True)
    expected = {
        "none": x,
        "constant": x / length * 8**0.5,
        "unit": x / length,
        "layer": (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5),
    }
    for kind, seen in expected.items():
        norm = InputNorm(kind)
        torch.testing.assert_close(norm.normed(x), seen)
        scale, shift = norm.of(x)
        assert scale.shape == shift.shape == (5, 1)
        torch.testing.assert_close(seen * scale + shift, x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [1, 4, 9, 100])
def test_stretches_hold_enough_and_leave_nothing_out(size: int) -> None:
    for lengths in ([3, 1, 5, 2, 2, 8, 1], [10], [1, 1], []):
        found = cut(lengths, size)
        assert [i for a, b in found for i in range(a, b)] == list(range(len(lengths)))
        for a, b in found[:-1]:
            assert sum(lengths[a:b]) >= size > sum(lengths[a : b - 1])
        if sum(lengths) >= size:
            assert all(sum(lengths[a:b]) >= size for a, b in found)


def test_the_largest_are_positive_however_many_are_asked_for() -> None:
    values = torch.tensor([-0.5, 0.2, 0.0, 3.0, 1.0])
    for count, chosen in ((1, [3]), (2, [3, 4]), (4, [1, 3, 4]), (5, [1, 3, 4]), (9, [1, 3, 4])):
        assert _largest(values, count).nonzero().flatten().tolist() == chosen


def test_one_process_is_all_ranks() -> None:
    tensor = torch.tensor([1.5, -2.0])
    assert torch.equal(ranks().add(tensor), tensor)
    assert ranks().first


@pytest.mark.parametrize("recipe", [TopK, BatchTopK])
def test_no_revival_is_a_choice_and_less_than_none_is_not(recipe) -> None:
    off = recipe(32, resid_post[0], k=4, k_aux=0, aux_weight=0)
    assert (off.k_aux, off.aux_weight) == (0, 0)
    for wrong in ({"k_aux": -1}, {"aux_weight": -0.1}, {"dead_after": 0}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            recipe(32, resid_post[0], k=4, **wrong)
