"""Feature pages as HTML: one file that opens from disk, with every text of the corpus escaped.

No script runs: the content-security policy allows none. Shade is Okabe and Ito's blue at up to
60 %, under which ink stays legible on light and dark pages; the peak is underlined and its value
printed, so nothing rests on colour.
"""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from microtome.dictionaries.features_contexts import Context
from microtome.dictionaries.features_words import Word
from microtome.files import encodable, write_atomic

if TYPE_CHECKING:
    from microtome.dictionaries.features import FeaturePage

_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)
_STYLE = """:root { color-scheme: light dark; --ink: #1c2024; --soft: #5b6470; --page: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --soft: #a5afbb; --page: #15181c; } }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; color: var(--ink); background: var(--page);
  font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; list-style: none; padding: 0; }
a { color: inherit; } section { border-top: 1px solid var(--soft); margin-top: 2rem; }
td, th { padding: .1rem .8rem .1rem 0; text-align: left; vertical-align: top; }
th { white-space: nowrap; }"""
_SEEN = {"\n": "↵", "\r": "", "\t": "⇥", "\x00": "�"}
_STRONGEST = 0.6


def write_pages(pages: "Sequence[FeaturePage]", path: Path) -> Path:
    """All pages in one HTML file, with links to each."""
    write_atomic(path, encodable(document(pages)).encode())
    return path


def document(pages: "Sequence[FeaturePage]") -> str:
    """The HTML of `write_pages`."""
    first = pages[0]
    title = f"Features of {first.dictionary}"
    links = "".join(f'<li><a href="#feature-{p.feature}">{p.feature}</a></li>' for p in pages)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(first.model)}, {escape(first.site)}, "
        f"{first.n_texts} texts, {first.n_tokens} tokens{_cut(first)}.</p>"
        f'<nav aria-label="Features"><ul>{links}</ul></nav>'
        f"{''.join(section(page) for page in pages)}</body></html>\n"
    )


def section(page: "FeaturePage") -> str:
    """One page as an HTML section, complete in itself for a notebook."""
    warning = f"<p><strong>Stand-in: {escape(page.stand_in)}</strong></p>" if page.stand_in else ""
    numbers = (
        f"<p>Fires on {_percent(page.density.value)} of {page.n_tokens} tokens"
        f"{_between(page)}; mean {page.mean:.3g} where it fires, largest {page.largest:.3g}"
        f"{_cut(page)}.</p>"
    )
    limit = page.largest or 1.0
    return (
        f'<section id="feature-{page.feature}"><h2>Feature {page.feature}</h2>{warning}{numbers}'
        f"{_histogram(page)}<h3>Strongest contexts</h3>{_contexts(page.contexts, limit)}"
        f"<h3>Drawn at random where it fires</h3>{_contexts(page.drawn, limit)}"
        f"{_vocabulary(page)}{_neighbours(page)}</section>"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _cut(page: "FeaturePage") -> str:
    return f" ({page.n_cut} of the texts read in part)" if page.n_cut else ""


def _between(page: "FeaturePage") -> str:
    low, high = page.density.low, page.density.high
    return "" if low is None or high is None else f" [{_percent(low)}, {_percent(high)}]"


def _contexts(contexts: Sequence[Context], limit: float) -> str:
    if not contexts:
        return "<p>None: it fires nowhere in these texts.</p>"
    return f"<ol>{''.join(f'<li>{_context(one, limit)}</li>' for one in contexts)}</ol>"


def _context(one: Context, limit: float) -> str:
    spans = []
    for at, (token, value) in enumerate(zip(one.tokens, one.activations, strict=True)):
        share = min(value / limit, 1.0) if value > 0 else 0.0
        style = f"background-color: rgb(0 114 178 / {_STRONGEST * share:.2f});" if share else ""
        if at == one.peak:
            style += "font-weight: bold; text-decoration: underline;"
        said = "not read" if math.isnan(value) else f"{value:.3g}"
        spans.append(f'<span style="{style}" title="{said}">{_visible(token)}</span>')
    return (
        f'<span style="white-space: pre-wrap">{"".join(spans)}</span> '
        f"<small>{one.activation:.3g}, text {one.text}</small>"
    )


def _visible(token: str) -> str:
    return escape("".join(_SEEN.get(letter, letter) for letter in token))


def _histogram(page: "FeaturePage") -> str:
    """Bars as an inline picture of text: no script, no style sheet."""
    counts = page.histogram.counts
    most = max(counts, default=0)
    if not most:
        return ""
    bars = "".join("▁▂▃▄▅▆▇█"[min(int(8 * c / most), 7)] if c else "·" for c in counts)
    label = f"Activations from 0 to {page.largest:.3g} in {len(counts)} bins, at most {most} in one"
    return f'<p><span role="img" aria-label="{escape(label)}">{bars}</span> {escape(label)}</p>'


def _vocabulary(page: "FeaturePage") -> str:
    if page.words.chance is None:
        return f"<p>No logits: {escape(page.words.how)}.</p>"
    lists = "".join(
        f"<tr><th scope='row'>{name}</th><td>{', '.join(map(_word, found))}</td></tr>"
        for name, found in (
            ("promotes", page.words.promoted),
            ("suppresses", page.words.suppressed),
        )
    )
    return (
        f"<h3>Through the unembedding</h3><table>{lists}</table>"
        f"<p><small>{escape(page.words.how)}, in standard deviations over the vocabulary; "
        f"the largest of a random direction is {page.words.chance:.2g}.</small></p>"
    )


def _word(word: Word) -> str:
    return f'<code style="white-space: pre">{_visible(word.token)}</code> {word.z:.2g}'


def _neighbours(page: "FeaturePage") -> str:
    rows = "".join(
        f"<tr><td>{one.feature}</td><td>{one.atoms:.2f}</td>"
        f"<td>{'' if one.encoder is None else f'{one.encoder:.2f}'}</td></tr>"
        for one in page.similar
    )
    return (
        "<h3>Nearest features</h3><table><tr><th scope='col'>feature</th><th scope='col'>cosine of "
        f"atoms</th><th scope='col'>of encoder rows</th></tr>{rows}</table><p><small>A random "
        f"direction's nearest atom: {page.similar_chance:.2f}.</small></p>"
    )
