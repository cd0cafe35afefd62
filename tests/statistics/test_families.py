"""A run's claims as one family."""

import numpy as np
import pytest

from microtome.errors import InputError
from microtome.statistics import Family, benjamini_hochberg, decide


def test_benjamini_hochberg_by_hand() -> None:
    q = benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
    assert q == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert benjamini_hochberg([]).size == 0
    with pytest.raises(InputError, match="p-values lie in 0 to 1"):
        benjamini_hochberg([0.1, float("nan")])


def test_single_claims() -> None:
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.5}
    found = decide({name: Family((one,)) for name, one in p.items()})
    assert found.q == pytest.approx({"a": 0.04, "b": 0.16 / 3, "c": 0.16 / 3, "d": 0.5})
    assert found.claimed == {"a": (0,)}
    assert found.undecidable == ()


def test_what_cannot_be_decided_is_listed_and_not_counted() -> None:
    families = {
        "few": Family((0.0625,), floor=0.0625), "none": Family((float("nan"),)),
        "empty": Family(()), "one": Family((0.02,), floor=0.05), "two": Family((0.04,)),
    }  # fmt: skip
    found = decide(families)
    assert found.undecidable == ("few", "none", "empty")
    assert found.q == pytest.approx({"one": 0.04, "two": 0.04})
    assert set(found.claimed) == {"one", "two"}
    assert decide({"few": families["few"]}).q == {}


def test_a_family_enters_with_its_smallest_p_and_is_tested_at_its_share_of_the_level() -> None:
    families = {
        "heads": Family((0.001, 0.012, 0.013, 0.9)), "layers": Family((0.6, 0.3)),
        "tokens": Family((0.002, 0.04)), "words": Family((0.2,)),
    }  # fmt: skip
    found = decide(families)
    assert found.q == pytest.approx(
        {"heads": 0.004, "tokens": 0.004, "words": 0.8 / 3, "layers": 0.3}
    )
    # Two of four are chosen: inside them the level is .05 * 2 / 4 = .025.
    assert found.claimed == {"heads": (0, 1, 2), "tokens": (0,)}
    families["heads"] = Family((0.001, 0.012, 0.022, 0.9))
    # What cannot be decided does not count among the four.
    listed = decide({**families, "few": Family((0.2,), floor=0.2)})
    assert listed.claimed["heads"] == (0, 1, 2)
    strict = decide({**families, **{f"null {i}": Family((0.9,)) for i in range(4)}})
    # Two of eight: .0125.
    assert strict.claimed == {"heads": (0, 1), "tokens": (0,)}


def test_the_false_share_is_held() -> None:
    rng = np.random.default_rng(0)
    false, power = [], []
    for _ in range(200):
        p = rng.random(60)
        p[:12] = rng.random(12) * 0.002
        claimed = decide({str(i): Family((float(one),)) for i, one in enumerate(p)}).claimed
        wrong = sum(int(name) >= 12 for name in claimed)
        false.append(wrong / max(1, len(claimed)))
        power.append((len(claimed) - wrong) / 12)
    # Benjamini and Hochberg hold .05 times the share of nulls, .04.
    assert np.mean(false) == pytest.approx(0.04, abs=0.015)
    assert np.mean(power) > 0.99
