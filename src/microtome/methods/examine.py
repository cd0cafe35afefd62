"""Everything `microtome check` asks of a model: the anatomy's identities and what stands on them.

Beside the identities of `model.check`: a padded batch equals single prompts on either side, a run
patched with itself is unchanged, a replayed edit equals a full pass, attribution sums per layer,
and the logit lens ends in the model's logits.
"""

from dataclasses import replace

import torch

from microtome.audit import Audit
from microtome.methods.attribution import attribute
from microtome.methods.patching import patch
from microtome.model.check import check
from microtome.model.model import Model
from microtome.model.site import attn_out, head_out, mlp_out
from microtome.model.tolerance import gap, tolerance

LENGTHS = (9, 5, 2)


def examine(model: Model) -> list[Audit]:
    """Every check with its gap and bound, on short random prompts; nothing is raised."""
    rows = _prompts(model)
    bound = tolerance(model.parts.hf.dtype)
    direction = model.direction(int(rows[0][-1]), minus=int(rows[0][-2]))
    audits = check(model)
    for side in ("left", "right"):
        off = _padding_gap(replace(model, padding=side), rows)
        audits.append(Audit(f"padding on the {side} = single prompts", off, bound))
    audits += attribute(model, rows, direction).audit
    donor = model.run([rows[0][::-1]], read=SITES, logits="last")
    audits += patch(model, [rows[0]], donor, SITES, direction).audit
    return audits


SITES = (head_out[:, :], attn_out[:], mlp_out[:])


def _prompts(model: Model) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    size = min(int(model.parts.config.vocab_size), len(model.tokenizer))
    rows = [torch.randint(0, size, (n,), generator=generator).tolist() for n in LENGTHS]
    rows[0][-2:] = [size // 3, size // 2]
    return rows


def _padding_gap(model: Model, rows: list[list[int]]) -> float:
    batch = model.run(rows, logits="last").logits
    alone = torch.cat([model.run([row], logits="last").logits for row in rows])
    return gap(batch, alone)
