"""Figures of clusters: a map of every problem's solutions, how many clusters, and the verdicts."""

from typing import TYPE_CHECKING

from microtome.lab.figures import PALETTE, BarGroup, Bars, Figure, Grid, Points, Scatter
from microtome.lab.scatter import SYMBOLS
from microtome.lab.study import Tables
from microtome.studies.sampling.configuration import Configuration

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 12
"""Problems with a map of their own; the tables have the rest."""
_GREY = PALETTE[7]


def cluster_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """What there is to show; nothing where no problem was clustered."""
    frame = tables["clusterings"]
    done = frame[frame["refused"].isna()]
    if done.empty:
        return []
    found: list[Figure] = [_maps(tables, done, study), _numbers(done, study)]
    if done["methods"].notna().any():
        found.append(_agreement(done))
    if "judged" in tables and not tables["judged"].empty:
        found.append(_verdicts(tables["judged"]))
    return found


def _maps(tables: Tables, done: "pd.DataFrame", study: Configuration) -> Grid:
    solutions = tables["solutions"]
    shown = solutions[solutions["cluster"].notna()]
    methods = sorted(set(shown["method"].dropna()))
    problems = list(done["problem"])[:_SHOWN]
    more = len(done) - len(problems)
    panels = [_map(shown[shown["problem"] == problem], problem, methods) for problem in problems]
    layer = int(done["layer"].iloc[0])
    return Grid(
        "cluster_maps",
        "Right solutions by cluster",
        f"The two leading principal components of the latents in layer {layer}, one panel per "
        f"problem{f' ({more} more in the tables)' if more > 0 else ''}; colour is the chosen "
        f"cluster"
        + (", the symbol the known method" if methods else "")
        + "; equal solutions are one larger point. On screen every point says its text.",
        panels,
        columns=3,
    )


def _map(own: "pd.DataFrame", problem: str, methods: list[str]) -> Scatter:
    groups = []
    for cluster in sorted(set(own["cluster"].astype(int))):
        here = own[own["cluster"] == cluster]
        ink, label = PALETTE[cluster % 7], f"cluster {cluster + 1}"
        parts = [(m, here[here["method"] == m]) for m in methods]
        rest = here[here["method"].isna()]
        groups += [
            _points(part, f"{label}, {method}", ink, SYMBOLS[i % len(SYMBOLS)])
            for i, (method, part) in enumerate(parts)
            if len(part)
        ]
        if len(rest):
            groups.append(_points(rest, label, ink, SYMBOLS[0]))
    return Scatter(f"cluster_map_{problem}", problem, "", groups, "component 1", "component 2")


def _points(part: "pd.DataFrame", label: str, ink: str, symbol: str) -> Points:
    texts = [" ".join(str(text).split()) for text in part["text"]]
    x, y = (part[axis].astype(float).tolist() for axis in "xy")
    return Points(label, x, y, texts, ink, symbol)


def _numbers(done: "pd.DataFrame", study: Configuration) -> Bars:
    groups = [BarGroup("clusters chosen", done["k"].astype(float).tolist(), colour=PALETTE[0])]
    if done["methods"].notna().all():
        known = done["methods"].astype(float).tolist()
        groups.append(BarGroup("methods known", known, colour=PALETTE[2]))
    groups.append(
        BarGroup(
            f"K-means, K = {study.n_clusters}",
            done["k_kmeans"].astype(float).tolist(),
            colour=_GREY,
        )
    )
    return Bars(
        "cluster_numbers",
        "How many clusters the right solutions form",
        "Clusters chosen from the data, 1 among the answers, beside K-means with a given K.",
        list(done["problem"]),
        groups,
        "problem",
        "number",
        horizontal=False,
    )


def _agreement(done: "pd.DataFrame") -> Bars:
    several = done[done["methods"].notna() & (done["methods"].astype(float) >= 2)]
    names = {
        "ari": ("chosen clusters", PALETTE[0]),
        "ari_kmeans": ("K-means", PALETTE[1]),
        "ari_shuffled": ("control: labels permuted", _GREY),
    }
    return Bars(
        "cluster_agreement",
        "Clusters against the known methods",
        "Adjusted Rand index per problem with two or more methods: 1 is the same grouping, 0 is "
        "expected by chance.",
        list(several["problem"]),
        [
            BarGroup(label, several[name].astype(float).tolist(), colour=ink)
            for name, (label, ink) in names.items()
        ],
        "problem",
        "adjusted Rand index",
        horizontal=False,
    )


def _verdicts(judged: "pd.DataFrame") -> Bars:
    kinds = {
        "between": ("of two clusters", PALETTE[0]),
        "within": ("of one cluster", PALETTE[1]),
        "itself": ("control: with itself", _GREY),
    }
    problems = list(dict.fromkeys(judged["problem"]))
    groups = []
    for kind, (label, ink) in kinds.items():
        part = judged[judged["kind"] == kind]
        rates = (part["label"] == "different").groupby(part["problem"]).mean()
        groups.append(BarGroup(label, [float(rates.get(p, 0.0)) for p in problems], colour=ink))
    return Bars(
        "cluster_verdicts",
        "Pairs of representatives that the judge calls different methods",
        "Share of pairs judged different in both orders; what a judge says of a solution and "
        "itself shows how far it can be trusted.",
        problems,
        groups,
        "problem",
        "share called different",
        horizontal=False,
    )
