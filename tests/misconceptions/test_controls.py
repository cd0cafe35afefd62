"""Controls of an ablation: other atoms, same tokens, same size; recomputed with plain hooks.

On the specimen random features of the same mean activation fire at other tokens and understate
chance about tenfold; what the study publishes is beside matched atoms.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from microtome.errors import InputError
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.ablating import Ablation, difference, scored_without
from microtome.studies.misconceptions.codes import Codes
from microtome.studies.misconceptions.controlling import controlled
from microtome.studies.misconceptions.matching import match, random_sets, scaled, sizes
from microtome.studies.misconceptions.material import of_role, pairs_of
from microtome.studies.misconceptions.scoring import rows_of, score

LAYER = 0


@pytest.fixture(scope="module")
def dictionary(world):
    from microtome.dictionaries.load import load_dictionary

    return load_dictionary(f"specimen:world/resid_post_{LAYER}", model=world)


@pytest.fixture(scope="module")
def mistaken():
    """The held-out prompts of the mistaken voice."""
    study = Misconceptions(model="specimen:world")
    return [pair.misconception for pair in of_role(pairs_of(study), "test")]


def higher_in_misconceptions(world, dictionary, layer, n):
    """The `n` features that differ most between the voices of the selecting pairs, read plainly."""
    plain = Plain(world, dictionary, layer)
    every = range(dictionary.d_dict)
    gap = torch.zeros(dictionary.d_dict)
    for pair in of_role(pairs_of(Misconceptions(model="specimen:world")), "select"):
        mistaken, right = (
            plain.codes(plain._run(one, None)[1], every)[-1]
            for one in (pair.misconception, pair.correct)
        )
        gap += mistaken - right
    return tuple(gap.topk(n).indices.tolist())


@pytest.fixture(scope="module")
def features(world, dictionary):
    return higher_in_misconceptions(world, dictionary, LAYER, 4)


class Plain:
    """Ablation and controls with transformers' hooks and torch alone, prompt by prompt."""

    def __init__(self, world, dictionary, layer=LAYER):
        self.world, self.own = world, dictionary
        self.block = world.hf.get_submodule(f"model.layers.{layer}")

    def _run(self, prompt, write):
        kept = {}

        def hook(_, __, out):
            h = out[0] if isinstance(out, tuple) else out
            kept["h"] = h.detach().clone()
            new = h if write is None else h + write
            return (new, *out[1:]) if isinstance(out, tuple) else new

        handle = self.block.register_forward_hook(hook)
        try:
            with torch.no_grad():
                ids = self.world.tokenizer(prompt.prompt, return_tensors="pt")["input_ids"]
                log_p = self.world.hf(ids).logits[0, -1].double().log_softmax(-1)
        finally:
            handle.remove()
        right, wrong = (
            self.world.tokenizer(prompt.prompt + a)["input_ids"][-1]
            for a in (prompt.correct, prompt.misconception)
        )
        return float(log_p[right] - log_p[wrong]), kept["h"][0]

    def codes(self, h, features):
        """Activations of some features at every token but BOS."""
        f = self.own.encode(h)[:, list(features)]
        f[0] = 0
        return f

    def change(self, prompt, features, atoms):
        """Change of Δ when f of `features` is taken out along `atoms`, as long as along its own."""
        plain, h = self._run(prompt, None)
        f = self.codes(h, features)
        own = -(f @ self.own.w_dec[list(features)].float())
        other = -(f @ self.own.w_dec[list(atoms)].float())
        length, due = other.norm(dim=-1), own.norm(dim=-1)
        other[length > 0] *= (due / length.clamp(min=1e-12))[length > 0, None]
        return self._run(prompt, other[None])[0] - plain


def ablation(dictionary, mode="zero", positions="all"):
    rng = np.random.default_rng(0)
    pool = Codes.of(rng.exponential(1, (5, dictionary.d_dict)).astype(np.float32))
    return Ablation(dictionary, mode, positions, pool, seed=1)


@pytest.mark.medium
def test_an_ablation_and_its_controls_change_what_plain_hooks_change(
    world, dictionary, mistaken, features
):
    sets = random_sets(features, np.arange(dictionary.d_dict), 3, seed=3)
    rows = rows_of(world, mistaken)
    found = controlled(world, rows, ablation(dictionary), features, sets, 16)
    changes = found.scores[:, :, 0] - found.scores[:, :, 1]
    changes -= difference(score(world, rows, 16).numpy())
    plain = Plain(world, dictionary)
    for own, atoms in zip(changes, (features, *sets), strict=True):
        due = [plain.change(p, features, atoms) for p in mistaken]
        assert np.allclose(own, due, atol=1e-3)


@pytest.mark.medium
def test_controls_of_a_planted_voice_spread_severalfold_wider_than_at_their_own_tokens(
    world, planted, mistaken
):
    """Whatever dictionary is shipped: the feature is the difference of the voices' mean states."""
    feature = (planted.misconception,)
    sets = random_sets(feature, np.arange(2, planted.sae.d_dict - 1), 40, seed=3)
    rows, own = rows_of(world, mistaken), ablation(planted.sae)
    baseline = difference(score(world, rows, 16).numpy())
    found = controlled(world, rows, own, feature, sets, 16)
    changes = (found.scores[:, :, 0] - found.scores[:, :, 1] - baseline).mean(1)
    unmatched = np.array(
        [(difference(scored_without(world, rows, own, one, 16)) - baseline).mean() for one in sets]
    )
    assert changes[0] > max(1, changes[1:].max()), "the right answer gains more than by any set"
    assert changes[1:].std() > 3 * unmatched.std(), "at other tokens they understate chance"


@pytest.mark.medium
def test_matched_sets_of_layer_4_spread_wider_and_are_harder_to_beat(world, mistaken):
    from microtome.dictionaries.load import load_dictionary

    own, rows = (
        load_dictionary("specimen:world/resid_post_4", model=world),
        rows_of(world, mistaken),
    )
    features = higher_in_misconceptions(world, own, 4, 5)
    sets = random_sets(features, np.arange(own.d_dict), 199, seed=5)
    found = controlled(world, rows, ablation(own), features, sets, 16)
    deltas = (found.scores[:, :, 0] - found.scores[:, :, 1]).mean(1)
    fired = [scored_without(world, rows, ablation(own), one, 16) for one in sets]
    unmatched = np.array([(one[:, 0] - one[:, 1]).mean() for one in fired])
    assert deltas[1:].std() > 2 * unmatched.std()
    baseline = difference(score(world, rows, 16).numpy()).mean()
    far = abs(deltas[0] - baseline)
    reached, fewer = (int((abs(one - baseline) >= far).sum()) for one in (deltas[1:], unmatched))
    assert reached >= fewer, "as far as the ablation, either way"
    plain = Plain(world, own, 4)
    due = sum(
        int((plain.codes(plain._run(one, None)[1], features) > 0).any(1).sum()) for one in mistaken
    )
    assert found.matches[0].tokens == due


@pytest.mark.parametrize("positions", ["all", "last"])
@pytest.mark.parametrize("mode", ["zero", "mean", "resample"])
def test_the_target_through_the_controls_way_is_the_plain_ablation(
    world, dictionary, mistaken, features, mode, positions
):
    longer = [
        replace(mistaken[1], correct=" zero. Its velocity is", misconception=" the direction"),
        *mistaken[:3],
    ]
    rows, own = rows_of(world, longer), ablation(dictionary, mode, positions)
    others = [one for one in range(20) if one not in features]
    found = controlled(world, rows, own, features, [tuple(others[:4]), tuple(others[4:8])], 3)
    assert np.allclose(found.scores[0], scored_without(world, rows, own, features, 3), atol=1e-3)
    target, *others = found.matches
    for other in others:
        assert other.elsewhere == 0
        assert other.tokens == target.tokens > 0
        assert other.size == pytest.approx(target.size, rel=1e-4)
        assert other.apart < 1e-4
    assert not np.allclose(found.scores[1], found.scores[0], atol=1e-2)


def test_a_control_is_told_from_one_that_fires_elsewhere_or_is_smaller():
    write = torch.zeros(6, 4)
    write[2], write[3] = 3.0, 1.0
    target = sizes(write)
    moved, small = torch.roll(target, 1), 0.5 * target
    assert (match(target, target).elsewhere, match(target, target).apart) == (0, 0.0)
    assert match(moved, target).elsewhere == 2
    assert match(small, target).apart == pytest.approx(0.5)
    assert match(small, target).size == pytest.approx(0.5 * float(target[2:4].mean()))
    nothing = torch.zeros(6)
    assert match(nothing, nothing).tokens == 0
    own = torch.randn(6, 4)
    assert torch.allclose(sizes(scaled(own, write)), target, atol=1e-6)
    assert not scaled(torch.zeros(6, 4), write).any(), "no direction, no write"


def test_random_sets_differ_and_leave_the_features_out():
    sets = random_sets((7, 90, 311), np.arange(400), 199, seed=0)
    assert len({frozenset(s) for s in sets}) == 199
    assert all(len(set(s)) == 3 and not set(s) & {7, 90, 311} for s in sets)
    drawn = np.bincount(np.concatenate(sets), minlength=400)
    assert (drawn > 0).sum() > 250, "from the whole dictionary"
    with pytest.raises(InputError, match="19 random sets of 1 features were asked for"):
        random_sets((0,), np.arange(7), 19, seed=0)


def test_a_feature_that_never_fires_has_controls_that_change_nothing(world, planted, mistaken):
    rows = rows_of(world, mistaken[:3])
    silent = planted.sae.d_dict - 1
    found = controlled(world, rows, ablation(planted.sae), [silent], [(3,), (4,)], 16)
    assert np.allclose(found.scores, score(world, rows, 16).numpy(), atol=1e-3)
    assert [m.tokens for m in found.matches] == [0, 0, 0]


def test_mean_ablation_takes_the_mean_over_all_tokens_not_over_those_that_fire(
    world, planted, mistaken
):
    """A pool in which feature 1 fires at 3 at one token of four: its mean is 0.75."""
    dense = np.zeros((4, planted.sae.d_dict), dtype=np.float32)
    dense[2, 1] = 3.0
    own = Ablation(planted.sae, "mean", "all", Codes.of(dense), seed=1)
    rows = rows_of(world, mistaken[:2])
    edit = planted.sae.clamp([1], [0.75])
    due = score(world, rows, 16, lambda last, batch: [edit]).numpy()
    assert np.allclose(scored_without(world, rows, own, [1], 16), due, atol=1e-5)
