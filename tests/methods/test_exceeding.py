"""How many unverified nodes may exceed the largest seen: by counting samples, in whole numbers."""

from fractions import Fraction
from itertools import combinations
from math import comb

import pytest

from microtome.errors import InputError
from microtome.methods.patching.verify import most_exceeding


@pytest.mark.parametrize("level", [Fraction(1, 2), Fraction(9, 10), Fraction(19, 20)])
@pytest.mark.parametrize("rest", [1, 5, 20, 60])
def test_the_bound_is_the_largest_that_a_sample_misses_often_enough(rest, level):
    for sampled in range(rest + 1):
        missed = [
            Fraction(comb(rest - more, sampled), comb(rest, sampled))
            for more in range(rest - sampled + 1)
        ]
        wanted = max(more for more, chance in enumerate(missed) if chance >= 1 - level)
        assert most_exceeding(rest, sampled, float(level)) == wanted


def test_one_more_would_have_been_seen():
    """Of 10 nodes 4 are verified: all samples of 4, and those without any of the larger ones."""
    more = most_exceeding(10, 4, 0.9)
    samples = [set(sample) for sample in combinations(range(10), 4)]
    missed = [sum(not sample & set(range(k)) for sample in samples) for k in (more, more + 1)]
    assert missed[0] / len(samples) >= 0.1 > missed[1] / len(samples)
    assert most_exceeding(10, 0, 0.9) == 10, "nothing was verified"
    assert most_exceeding(10, 10, 0.9) == 0, "everything was"


@pytest.mark.parametrize(("rest", "sampled", "level"), [(3, 4, 0.9), (3, 1, 1.0), (3, 1, 0.0)])
def test_a_sample_that_cannot_be_is_refused(rest, sampled, level):
    with pytest.raises(InputError, match="is not possible"):
        most_exceeding(rest, sampled, level)
