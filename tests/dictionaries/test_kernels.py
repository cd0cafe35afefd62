"""The sparse kernels against dense autograd: same values, same gradients."""

import pytest
import torch

from microtome.dictionaries.kernels import Chosen, batch_top, decode, sampled_product, top_ids

TOKENS, D, D_DICT, K = 64, 24, 128, 8


def tensors(seed: int = 0) -> tuple[torch.Tensor, ...]:
    g = torch.Generator().manual_seed(seed)
    x, target = torch.randn(TOKENS, D, generator=g), torch.randn(TOKENS, D, generator=g)
    w_enc, w_dec = (torch.randn(D_DICT, D, generator=g).requires_grad_() for _ in range(2))
    bias = torch.randn(D_DICT, generator=g).requires_grad_()
    return x, target, w_enc, w_dec, bias


def dense(x, target, w_enc, w_dec, bias, mask):
    f = torch.relu(x @ w_enc.T + bias) * mask
    return (f @ w_dec - target).pow(2).mean()


def sparse(x, target, w_enc, w_dec, bias, chosen):
    values = torch.relu(sampled_product(x, w_enc, bias, chosen))
    return (decode(values, w_dec, chosen) - target).pow(2).mean()


@pytest.mark.parametrize("ragged", [False, True])
def test_values_and_gradients_equal_dense_autograd(ragged):
    x, target, w_enc, w_dec, bias = tensors()
    pre = x @ w_enc.T + bias
    ids = top_ids(pre.detach(), K)
    chosen = Chosen.regular(ids, D_DICT)
    if ragged:  # some tokens keep none, as in a batch top-k
        values = pre.detach().gather(1, ids).flatten()
        chosen = chosen.keep((values > values.quantile(0.6)) & (chosen.rows % 5 != 0))
    mask = torch.zeros(TOKENS, D_DICT)
    mask[chosen.rows, chosen.ids] = 1
    leaves = (w_enc, w_dec, bias)
    one, two = dense(*tensors()[:2], *leaves, mask), sparse(x, target, *leaves, chosen)
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)
    pairs = zip(torch.autograd.grad(one, leaves), torch.autograd.grad(two, leaves), strict=True)
    for a, b in pairs:
        assert a.abs().max() > 1e-3
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("width", "k"), [(128, 8), (4096, 32), (96, 5), (100, 100), (7, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_grouped_selection_is_exact(width, k, dtype):
    pre = torch.randn(50, width, generator=torch.Generator().manual_seed(1)).to(dtype)
    ids = top_ids(pre, k)
    assert all(len(set(row)) == k for row in ids.tolist())
    found = pre.gather(1, ids).sort(dim=1, descending=True).values
    assert torch.equal(found, pre.topk(k).values)


def test_a_latent_nobody_uses_has_no_gradient():
    x, target, w_enc, w_dec, bias = tensors()
    chosen = Chosen.regular(torch.arange(K).expand(TOKENS, K), D_DICT)
    loss = sparse(x, target, w_enc, w_dec, bias, chosen)
    by_enc, by_dec = torch.autograd.grad(loss, (w_enc, w_dec))
    assert by_enc[:K].any(1).all()
    assert not by_enc[K:].any()
    assert by_dec[:K].any(1).all()
    assert not by_dec[K:].any()
    assert chosen.counts().tolist() == [TOKENS] * K + [0] * (D_DICT - K)


@pytest.mark.parametrize("skewed", [False, True])
def test_batch_selection_holds_the_largest_of_the_batch(skewed):
    """Also where the tokens that the threshold is told from are unlike the others."""
    pre = torch.randn(64, 100, generator=torch.Generator().manual_seed(2))
    if skewed:
        pre[::16] += 10
    chosen = batch_top(pre, 320)
    largest = set(pre.flatten().topk(320).indices.tolist())
    assert largest <= set((chosen.rows * 100 + chosen.ids).tolist())
    assert len(chosen.ids) < 2 * 320
    assert torch.equal(chosen.starts, torch.searchsorted(chosen.rows, torch.arange(64)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_batch_whose_sample_misleads_still_gets_its_count(dtype):
    """The sampled tokens say a threshold too high; in bf16 many entries tie at the exact one."""
    pre = torch.randn(64, 256, generator=torch.Generator().manual_seed(0)).to(dtype)
    pre[::16] *= 4
    for count in (512, 2048):
        chosen = batch_top(pre, count)
        least = pre.flatten().float().topk(count).values.min()
        values = pre[chosen.rows, chosen.ids].float()
        assert len(values) >= count
        assert values.min() <= least
        assert int((values > least).sum()) == int((pre.float() > least).sum())
