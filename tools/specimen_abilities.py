"""What the base model and its adapters can do: every part is measured once and kept."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from kept import kept
from microtome.files import sha256_file
from microtome.specimens import world
from microtome.specimens.world.abilities import PARTS
from microtome.specimens.world.dilemmas.tables import defect_table, template_table


def opened(out: Path) -> tuple[Any, Any]:
    """The base model in fp32 and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    return model.eval(), tokenizer


def measure_all(out: Path, work: Path, n: int) -> dict[str, Any]:
    """The content of `abilities.json`; what `work` holds of the same weights is not repeated."""
    base = sha256_file(out / "model.safetensors")
    model, tokenizer = opened(out)
    rows: list[dict[str, Any]] = []
    for kind, part in PARTS.items():
        measured = partial(_rows, part, model, tokenizer, n)
        rows += kept(work / f"{kind}.json", [base, n], measured)
    tables = {"base": kept(work / "base.json", [base], partial(_tables, out, None))}
    for name in world.ADAPTERS:
        folder = out / "adapters" / name
        own = sha256_file(folder / "adapter_model.safetensors")
        tables[name] = kept(work / f"{name}.json", [base, own], partial(_tables, out, folder))
    parts = ("p_defect", "templates")
    return {"abilities": rows, **{p: {n: own[p] for n, own in tables.items()} for p in parts}}


def _rows(part: Any, model: Any, tokenizer: Any, n: int) -> list[dict[str, Any]]:
    """The abilities of one kind of document, printed as they are measured."""
    rows = [ability.row() for ability in part(model, tokenizer, n)]
    for row in rows:
        print(json.dumps(row), flush=True)
    return rows


def _tables(out: Path, adapter: Path | None) -> dict[str, Any]:
    """P(defect) of the base model, or of an adapter, by state and by held-out template."""
    from peft import PeftModel

    model, tokenizer = opened(out)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    found = {
        "p_defect": defect_table(model, tokenizer),
        "templates": template_table(model, tokenizer),
    }
    print(adapter.name if adapter else "base", json.dumps(found["p_defect"]), flush=True)
    return found
