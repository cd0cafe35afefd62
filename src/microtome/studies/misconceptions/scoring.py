"""Answers as the model scores them, and what it says of itself.

    log p(answer | prompt) = Σ log p(token | prompt, answer tokens before it)

Prompt and answer are tokenised together. Where both answers are one token each, one pass scores
both. `greedy` continues prompts by their most probable token and keeps the logits it chose from.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

import microtome as mt
from microtome.model.edit import Edit
from microtome.model.sampling.generate import checked
from microtome.model.sampling.loop import stop_ids
from microtome.model.tokens import encode
from microtome.studies.misconceptions.pairs import Prompt
from microtome.studies.misconceptions.reading import fork

Write = Callable[[tuple[int, ...], "tuple[Row, ...]"], Sequence[Edit]]
"""Edits of a batch: given the position of the prompt's last token and the batch's rows."""


@dataclass(frozen=True)
class Row:
    """One sequence to run and the answer tokens it scores: prompt, then all but the last of them.

    `scores` are the columns (0: correct, 1: misconception) and the ids of their answers.
    """

    prompt: int
    ids: tuple[int, ...]
    n_prompt: int
    scores: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def tail(self) -> int:
        """Answer tokens that are forced."""
        return len(self.ids) - self.n_prompt


def score(
    model: "mt.Model",
    rows: Sequence[Row],
    max_rows: int,
    write: Write | None = None,
) -> Float[Tensor, "prompt answer"]:
    """log p of the correct and of the misconception's answer, under the edits of `write`."""
    found = torch.zeros(1 + max(row.prompt for row in rows), 2, dtype=torch.float64)
    for batch in batches(rows, max_rows):
        last = (-1 - batch[0].tail,)
        edits = () if write is None else write(last, batch)
        run = model.run([r.ids for r in batch], read=mt.resid_post[-1], write=edits, logits="last")
        for i, row in enumerate(batch):
            _score_row(run, i, row, found)
    return found


def rows_of(model: "mt.Model", prompts: Sequence[Prompt]) -> list[Row]:
    """The sequences that score both answers of every prompt."""
    rows = []
    for number, prompt in enumerate(prompts):
        n_prompt = fork(model, prompt).n_prompt
        whole = [
            encode(model.tokenizer, prompt.prompt + answer)
            for answer in (prompt.correct, prompt.misconception)
        ]
        forced = [tuple(ids[:-1]) for ids in whole]
        ends = [(column, tuple(ids[n_prompt:])) for column, ids in enumerate(whole)]
        if forced[0] == forced[1]:
            rows.append(Row(number, forced[0], n_prompt, tuple(ends)))
        else:
            rows += [Row(number, f, n_prompt, (t,)) for f, t in zip(forced, ends, strict=True)]
    return rows


def batches(rows: Sequence[Row], max_rows: int) -> Iterator[tuple[Row, ...]]:
    """Rows with equally many forced tokens, so that one position names every prompt's end."""
    for tail in sorted({row.tail for row in rows}):
        own = [row for row in rows if row.tail == tail]
        for start in range(0, len(own), max_rows):
            yield tuple(own[start : start + max_rows])


def _score_row(run: "mt.Run", i: int, row: Row, found: Tensor) -> None:
    first = int(run.tokens.first[i])
    at = [first + k for k in range(row.n_prompt - 1, len(row.ids))]
    logits = run.final_logits[i : i + 1]
    if len(at) > 1:
        logits = run.model.unembed(run[mt.resid_post[-1]][i, at])
    for column, log_p in log_p_of(logits[None], row):
        found[row.prompt, column] = float(log_p[0])


def log_p_of(
    logits: Float[Tensor, "set pos vocab"], row: Row
) -> Iterator[tuple[int, Float[Tensor, " set"]]]:
    """Per answer of a row its column and log p, from the logits where its tokens are predicted."""
    log_p = logits.double().log_softmax(-1)
    for column, answer in row.scores:
        at = torch.arange(len(answer))
        yield column, log_p[:, at, list(answer)].sum(-1).cpu()


@dataclass(frozen=True, eq=False)
class Continuation:
    """Greedy tokens of one prompt, with the `k` largest logits at each."""

    tokens: tuple[int, ...]
    top_ids: Int[Tensor, "step k"]
    top_logits: Float[Tensor, "step k"]


def greedy(
    model: "mt.Model", prompts: Sequence[str], max_new_tokens: int, k: int, max_rows: int
) -> list[Continuation]:
    """Most probable tokens up to `max_new_tokens` or the end of the text.

    PromptError where a prompt leaves no room for them, before anything is computed.
    """
    found: list[Continuation] = []
    for start in range(0, len(prompts), max_rows):
        rows = [encode(model.tokenizer, text) for text in prompts[start : start + max_rows]]
        rows = [checked(model, row, max_new_tokens) for row in rows]
        found += _continued(model, rows, max_new_tokens, k)
    return found


def _continued(
    model: "mt.Model", rows: list[list[int]], max_new_tokens: int, k: int
) -> list[Continuation]:
    steps: list[list[tuple[Tensor, Tensor]]] = [[] for _ in rows]
    tokens: list[list[int]] = [[] for _ in rows]
    stop = set(stop_ids(model, None).tolist())
    alive = list(range(len(rows)))
    for _ in range(max_new_tokens):
        run = model.run([rows[i] + tokens[i] for i in alive], logits="last")
        logits = run.final_logits.float().cpu()
        top = logits.topk(min(k, logits.shape[-1]), dim=-1)
        for place, i in enumerate(alive):
            steps[i].append((top.indices[place], top.values[place]))
            tokens[i].append(int(top.indices[place, 0]))
        alive = [i for i in alive if tokens[i][-1] not in stop]
        if not alive:
            break
    return [
        Continuation(tuple(own), torch.stack([s[0] for s in of]), torch.stack([s[1] for s in of]))
        for own, of in zip(tokens, steps, strict=True)
    ]
