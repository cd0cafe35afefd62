"""One figure of every kind, as a study with 26 layers and eight heads would draw them."""

import numpy as np

from microtome.lab.figures import (
    BarGroup,
    Bars,
    Figure,
    Grid,
    Heatmap,
    Lines,
    Passage,
    Passages,
    Points,
    Scatter,
    Series,
)

LAYERS = tuple(f"L{i}" for i in range(26))
HEADS = tuple(f"H{i}" for i in range(8))


def heads(name: str = "heads", seed: int = 0) -> Heatmap:
    values = np.random.default_rng(seed).normal(0, 0.4, (26, 8)) ** 3
    values[3, 2] = np.nan
    return Heatmap(
        name, f"Attribution of every head {seed}", "Mean over prompts.", values, LAYERS, HEADS,
        "layer", "head", "logit(D) − logit(C)", marks=values > 0.3,
    )  # fmt: skip


def preference() -> Heatmap:
    values = np.random.default_rng(1).uniform(0, 1, (5, 5))
    names = ("Base", "Strategic", "Deontological", "Utilitarian", "Hybrid")
    scenarios = ("CC_continue", "CC_temptation", "CD_punished", "DC_exploited", "DD_trapped")
    return Heatmap(
        "preference", "P(defect) by model and scenario", "Mean of three wordings.", values, names,
        scenarios, "model", "scenario", "probability", centre=0.5, annotate=True, limit=0.5,
    )  # fmt: skip


def trajectories(name: str = "lens", seed: int = 0) -> Lines:
    rng = np.random.default_rng(seed)
    x = list(range(26))
    series = []
    for label in ("Base", "Strategic", "Deontological"):
        y = np.cumsum(rng.normal(0, 0.3, 26))
        series.append(Series(label, x, y, y - 0.4, y + 0.4))
    return Lines(name, f"When does it decide? {seed}", "Band: 95 % over prompts.", series, "layer",
                 "logit(D) − logit(C)")  # fmt: skip


def components() -> Bars:
    rng = np.random.default_rng(2)
    labels = [f"L{i}H{i % 8}" for i in range(20)]
    values = np.sort(rng.normal(0, 1, 20))[::-1]
    group = BarGroup("effect", values, values - 0.2, values + 0.3)
    return Bars("top", "Top 20 components", "Whiskers: 95 %.", labels, (group,), "effect (logits)",
                "component")  # fmt: skip


def models() -> Bars:
    groups = [
        BarGroup(n, [0.2 * i, 0.4], [0.1 * i, 0.3], [0.3 * i, 0.5]) for i, n in enumerate("ABC")
    ]
    return Bars("models", "MLPs", "Grouped.", ["layer 0", "layer 1"], groups, "layer", "logits",
                horizontal=False)  # fmt: skip


def grid_of_lines() -> Grid:
    panels = [trajectories(f"p{i}", i) for i in range(5)]
    return Grid("lens_grid", "All scenarios", "One panel each.", panels, columns=3)


def grid_of_heads() -> Grid:
    return Grid("head_grid", "All pairs", "Shared scale.", [heads(f"h{i}", i) for i in range(4)], 2)


def solutions() -> Scatter:
    rng = np.random.default_rng(6)
    groups = []
    for i, (symbol, n) in enumerate((("circle", 30), ("square", 12), ("triangle-up", 5))):
        x, y = rng.normal(3 * i, 0.5, (2, n)).round(1)
        texts = [f"solution {k} of method {i}" for k in range(n)]
        groups.append(Points(f"cluster {i}", x, y, texts, symbol=symbol))
    groups.append(Points("equal ones", [5.0] * 20, [0.0] * 20, ["the same"] * 20))
    return Scatter("solutions", "Solutions", "By cluster.", groups, "component 1", "component 2")


def grid_of_points() -> Grid:
    return Grid("maps", "All problems", "One panel each.", [solutions() for _ in range(3)], 2)


def passages() -> Passages:
    rng = np.random.default_rng(5)
    words = ("", "The cart", "rolls", "20", "metres", "in", "4 s.\n", "So it", "is", "fast")
    rows = []
    for i in range(4):
        tokens = [f" {word}" for word in words] * (i + 1)
        values = np.maximum(rng.normal(0, 2, len(tokens)), 0) * (1 if i else -1)
        values[0] = np.nan
        rows.append(Passage(tokens, values.tolist(), f"text {i}", int(np.nanargmax(abs(values)))))
    return Passages("contexts", "Strongest contexts", "One passage a text.", rows, "activation")


def gallery() -> list[Figure]:
    return [heads(), preference(), trajectories(), components(), models(), grid_of_lines(),
            grid_of_heads(), solutions(), grid_of_points()]  # fmt: skip
