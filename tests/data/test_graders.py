"""Answers are found and compared as a mathematician would; pass@k agrees with counting."""

from itertools import combinations

import numpy as np
import pytest

from microtome.data.boxed import last_boxed
from microtome.data.graders import (
    by_callable,
    grade_all,
    grader,
    last_number,
    pass_at_k,
    pass_rate,
    require_read,
)
from microtome.data.normal import number, same_answer
from microtome.errors import ConfigError, InputError


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        (r"\boxed{5}, or rather \boxed{6}", "6"),
        (r"\boxed{5} and then \boxed{6", "5"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"\fbox{8} {", "8"),
        (r"\boxed 9.", "9"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{ }", None),
        (r"{{{ \boxed{4} }", "4"),
        ("boxed{4}", None),
        ("", None),
    ],
)
def test_last_balanced_box(text: str, found: str | None) -> None:
    assert last_boxed(text) == found


def test_a_hostile_text_takes_one_pass() -> None:
    assert last_boxed(r"\boxed{" * 100_000) is None
    assert last_boxed(r"\boxed{" * 100_000 + "1" + "}" * 100_000) == "1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7+8=15, then 15-5=10.", "10"),
        ("it is -3.", "-3"),
        ("12-5", "5"),
        ("(7)-2", "2"),
        ("a ratio of 1/2.", "1/2"),
        ("costs $1,000.50!", "1,000.50"),
        ("5, 6", "6"),
        ("20kg", "20"),
        ("x2", None),
        ("none", None),
    ],
)
def test_last_number(text: str, found: str | None) -> None:
    assert last_number(text) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000", "1000"),
        ("0.50", "1/2"),
        (r"\dfrac12", ".5"),
        (r"-\frac{1}{2}", "-0.5"),
        (r"$50\%$", "50"),
        (r"90^\circ", "90"),
        (r"5\text{ cm}", "5.0"),
        (r"5\text{ days}", r"5\text{ Day}"),
        (r"90^\circ", r"90\text{ degrees}"),
        (r"5\text{ million}", r"5 \text{ million}"),
        ("1{,}000", "1000"),
        (r"\$18.90", "18.9"),
        (r"\text{Tuesday}", "Tuesday."),
        ("(1,2)", "(1, 2)"),
        (r"\left(3, 4\right)", "(3,4)"),
        (r"\dfrac{x}{2}", r"\frac{x}{2}"),
        ("−4", "-4"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_the_same_answer(one: str, other: str) -> None:
    assert same_answer(one, other)
    assert same_answer(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("0.33", "1/3"),
        ("1 1/2", "11/2"),
        (r"1\frac{1}{2}", "11/2"),
        ("1,00", "100"),
        ("(1,234)", "1234"),
        ("x=5", "5"),
        (r"5\text{ cm}", r"5\text{ m}"),
        (r"5\%", r"5^\circ"),
        (r"5\text{ million}", "5"),
        ("six feet", "sixfeet"),
        ("4", "-4"),
        ("A", "a"),
        ("9" * 5000, "9" * 4999 + "8"),
    ],
)
def test_not_the_same_answer(one: str, other: str) -> None:
    assert not same_answer(one, other)


def test_a_fraction_over_nothing_is_no_number() -> None:
    assert number("1/0") is None
    assert number(r"\frac{1}{0}") is None
    assert same_answer("1/0", "1/0")


def test_graders_read_what_they_say() -> None:
    text = r"First 3, then \boxed{4}; the answer is 5. Done 6"
    assert grader("boxed").grade(text, "4").correct
    assert grader("number").grade(text, "6").correct
    assert grader("regex", r"answer is (\d+)").grade(text, "5").correct
    assert not grader("regex", r"answer is (\d+)").grade(text, "6").correct
    unread = grader("regex", "reply (x)").grade(text, "6")
    assert (unread.answer, unread.correct) == (None, False)
    longer = by_callable(lambda text, answer: len(text) > int(answer))
    assert [g.correct for g in grade_all(longer, ["ab", "abcd"], "3")] == [False, True]


def test_graders_that_cannot_be() -> None:
    for name, pattern, said in (
        ("box", None, "Did you mean 'boxed'"),
        ("regex", None, "needs a pattern"),
        ("boxed", "(x)", "takes no pattern"),
        ("regex", "answer", "no group"),
        ("regex", "(answer", "no regular expression"),
    ):
        with pytest.raises(ConfigError, match=said):
            grader(name, pattern)


def test_a_grader_that_reads_nothing_is_told() -> None:
    texts = ["The answer is five", "Six"]
    boxed = grader("boxed")
    with pytest.raises(ConfigError, match=r"no answer in any of 2 .*is five"):
        require_read(boxed, grade_all(boxed, texts, "5"), texts)
    texts = ["Five", r"\boxed{6}"]
    require_read(boxed, grade_all(boxed, texts, "5"), texts)


def test_pass_at_k_is_the_share_of_choices_with_a_right_one() -> None:
    for n in range(1, 8):
        for c in range(n + 1):
            right = [True] * c + [False] * (n - c)
            for k in range(1, n + 1):
                share = np.mean([any(drawn) for drawn in combinations(right, k)])
                assert pass_at_k(n, c, k) == pytest.approx(share, abs=1e-12)
    for n, c, k in ((3, 4, 1), (3, 1, 4), (3, 1, 0), (3, -1, 1)):
        with pytest.raises(InputError, match="pass@k needs"):
            pass_at_k(n, c, k)


def test_the_interval_holds_the_true_rate_and_a_shifted_rate_falls_outside() -> None:
    rng = np.random.default_rng(0)
    truths = rng.beta(2, 2, size=(100, 60))
    held = missed = 0
    for chances in truths:
        counts = [(8, int(c)) for c in rng.binomial(8, chances)]
        interval = pass_rate(counts, 1)
        assert interval.low is not None
        assert interval.high is not None
        held += interval.low <= 0.5 <= interval.high
        missed += not interval.low <= 0.75 <= interval.high
    assert held >= 88
    assert missed >= 88


def test_agreement_of_all_problems_is_not_certainty() -> None:
    solved = pass_rate([(4, 4)] * 20, 1)
    assert solved.value == 1
    assert solved.low == pytest.approx(0.025 ** (1 / 20))
    failed = pass_rate([(4, 0)] * 20, 2)
    assert (failed.value, failed.low) == (0, 0)
    assert failed.high == pytest.approx(1 - 0.025 ** (1 / 20))
    assert pass_rate([(4, 4)], 1).low is None
