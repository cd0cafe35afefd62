"""Products of many units become the tables, arrays and audits of a step."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from microtome.audit import Audit
from microtome.lab import tables
from microtome.lab.study import Product, Unit

_NAMED = 10


def join_tables(products: Sequence[Product]) -> dict[str, pa.Table]:
    """Rows of equal tables, one unit after the other."""
    names = dict.fromkeys(name for product in products for name in product.tables)
    return {
        name: tables.from_rows(
            name, [row for product in products for row in product.tables.get(name, ())]
        )
        for name in names
    }


def join_arrays(
    units: Sequence[Unit], products: Sequence[Product]
) -> dict[str, dict[str, np.ndarray]]:
    """Arrays by name, then by unit."""
    joined: dict[str, dict[str, np.ndarray]] = {}
    for unit, product in zip(units, products, strict=True):
        for name, array in product.arrays.items():
            joined.setdefault(name, {})[unit.name] = array
    return joined


def finite(product: Product) -> Audit:
    """How many numbers of a product are NaN or infinite; none should be."""
    cells = sum(tables.not_finite(rows) for rows in product.tables.values())
    floats = [a for a in product.arrays.values() if np.issubdtype(a.dtype, np.floating)]
    cells += sum(int(np.count_nonzero(~np.isfinite(array))) for array in floats)
    return Audit("numbers that are not finite", float(cells), 0.0, "<=")


def summarise(audits: Iterable[tuple[str, Audit]]) -> list[dict[str, Any]]:
    """Per audit its worst value over (unit, audit) pairs, and the units where it failed."""
    groups: dict[tuple[str, float, str], list[tuple[str, Audit]]] = {}
    for unit, audit in audits:
        groups.setdefault((audit.name, audit.bound, audit.relation), []).append((unit, audit))
    return [_summary(group) for group in groups.values()]


def _summary(group: list[tuple[str, Audit]]) -> dict[str, Any]:
    worst = max((audit for _, audit in group), key=_badness)
    failed = [unit for unit, audit in group if not audit.passed]
    return {
        **worst.row(),
        "passed": not failed,
        "units": len(group),
        "failed": len(failed),
        "failed_in": [unit for unit in failed if unit][:_NAMED],
    }


def _badness(audit: Audit) -> float:
    if math.isnan(audit.value):
        return math.inf
    return audit.value if audit.relation == "<=" else -audit.value
