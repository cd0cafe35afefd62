"""Passages: values become shades, text stays text, both renderers show the same."""

import csv
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from microtome.lab import interactive, still
from microtome.lab.figures import Passage, Passages
from microtome.lab.passages import shade, visible
from microtome.lab.record import Record

from .gallery import passages
from .reports import ATTACKS
from .test_report import Reader, page

HOSTILE = ("<b>", "$\\frac{", "\x00\x1b", "\ud800", " 日本", "\n", "x" * 300, "")


def test_every_token_is_there_once_with_its_value() -> None:
    figure = passages()
    rows = list(csv.DictReader(io.StringIO(still.csv(figure).decode())))
    assert len(rows) == sum(len(one.tokens) for one in figure.passages)
    drawn = json.loads(interactive.to_json(figure))
    assert drawn["limit"] == pytest.approx(
        max(np.nanmax(np.abs(one.values)) for one in figure.passages)
    )
    for one, shown in zip(figure.passages, drawn["passages"], strict=True):
        assert shown["tokens"] == [visible(token) for token in one.tokens]
        assert shown["values"][1:] == list(one.values)[1:]
        assert shown["values"][0] is None
    text = "".join(t.get_text() for t in still.draw(figure).axes[0].texts)
    for one in figure.passages:
        assert visible("".join(one.tokens)) in text


def test_shades_grow_with_the_value_and_tell_the_sign() -> None:
    (above, half), (_, whole), (below, _) = shade(1, 2), shade(2, 2), shade(-2, 2)
    assert 0 < half < whole == shade(9, 2)[1] <= 0.6
    assert above != below
    assert shade(float("nan"), 2)[1] == shade(None, 2)[1] == shade(0, 2)[1] == 0


@pytest.mark.parametrize("page_colour", [(255, 255, 255), (21, 24, 28)], ids=["light", "dark"])
def test_ink_is_legible_on_every_shade(page_colour) -> None:
    """Contrast of at least 4.5 (WCAG 2.2, AA) with the page's own ink."""

    def luminance(rgb) -> float:
        linear = [
            c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(rgb) / 255
        ]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    ink = (28, 32, 36) if page_colour[0] > 128 else (231, 234, 238)
    for value in (-1.0, -0.5, 0.0, 0.5, 1.0):
        tint, strength = shade(value, 1.0)
        under = [strength * c + (1 - strength) * p for c, p in zip(tint, page_colour, strict=True)]
        low, high = sorted((luminance(under), luminance(ink)))
        assert (high + 0.05) / (low + 0.05) >= 4.5


def test_no_token_breaks_the_picture() -> None:
    figure = Passages("p", HOSTILE[0], "", [Passage(HOSTILE, range(len(HOSTILE)), HOSTILE[0])])
    picture = still.draw(figure)
    still.png(picture)
    ET.fromstring(still.svg(picture))
    assert len(list(figure.table())) == len(HOSTILE)
    empty = Passages("p", "", "", [])
    still.png(still.draw(empty))
    assert empty.scale() == 1.0


def test_many_passages_say_what_is_left_out() -> None:
    rows = [Passage(["word "] * 400, [0.0] * 400, f"row {i}") for i in range(40)]
    texts = [t.get_text() for t in still.draw(Passages("p", "", "", rows)).axes[0].texts]
    shown = sum(text.startswith("row") for text in texts)
    assert texts[-1] == f"… {40 - shown} more in the CSV"


def test_one_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="2 tokens and 1 values"):
        Passages("p", "", "", [Passage(["a", "b"], [1.0])])
    with pytest.raises(ValueError, match="no token 2"):
        Passages("p", "", "", [Passage(["a", "b"], [1.0, 2.0], peak=2)])


def test_the_report_shows_tokens_as_text(hostile: Record, innocent: Record) -> None:
    tokens = [a for tag, a in Reader(page(innocent)).tags if "token" in (a.get("class") or "")]
    assert len(tokens) >= sum(len(one.tokens) for one in passages().passages)
    assert sum("peak" in (a["class"] or "") for a in tokens) == len(passages().passages)
    shaded = [a for a in tokens if (a.get("style") or "").startswith("background-color: rgb(")]
    assert 0 < len(shaded) < len(tokens)
    attacked = [a for tag, a in Reader(page(hostile)).tags if "token" in (a.get("class") or "")]
    assert len(attacked) >= len(ATTACKS)
    assert {key for a in attacked for key in a} == {"class", "style", "title"}
    assert list(innocent.path.glob("figures/contexts.p*")) != []
    assert not list(innocent.path.glob("figures/contexts.plotly.json"))
