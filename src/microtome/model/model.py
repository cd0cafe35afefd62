"""A causal language model that can be read, edited and decomposed: one verb, `run`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.errors import AdapterError, InputError, NumericsError, PromptError, SiteError
from microtome.model.answers import Answers, joint_answers, single_token
from microtome.model.direction import Direction, shown
from microtome.model.edit import Edit
from microtome.model.numbers import token_ids
from microtome.model.parts import Parts
from microtome.model.ports import Ports
from microtome.model.run import Run
from microtome.model.site import Site, parse_site
from microtome.model.source import Source, adapter_source
from microtome.model.tokens import Tokens, encode, stack
from microtome.model.view import View

Text = str | Sequence[str] | Sequence[Sequence[int]] | Tokens
Metric = Callable[[Run], Tensor]


@dataclass(frozen=True, eq=False)
class Model:
    """A loaded model, with one adapter switched on or none.

    Views made by `with_adapter` share the base weights. Numbers are exact for the family's
    anatomy, whose identities were verified when it was loaded.
    """

    parts: Parts
    tokenizer: Any
    source: Source
    adapter: str | None = None
    adapter_source: Source | None = None
    padding: str = "right"

    @property
    def hf(self) -> View:
        """The Hugging Face model underneath, every call of it under this view's adapter.

        `parts.hf` is the bare module, which all views share.
        """
        return View(self.name, self.parts.bank, self.adapter)

    @property
    def n_layers(self) -> int:
        return self.parts.sizes["layer"]

    @property
    def n_heads(self) -> int:
        return self.parts.sizes["head"]

    @property
    def device(self) -> torch.device:
        return self.parts.hf.get_input_embeddings().weight.device

    @property
    def name(self) -> str:
        """What was loaded: "specimen:world", or "specimen:world + PT2_COREDe"."""
        own = self.source.name
        return own if self.adapter_source is None else f"{own} + {self.adapter_source.name}"

    def with_adapter(self, adapter: str | Path | None) -> "Model":
        """The same base weights with another adapter (a specimen's name, a folder, or None)."""
        if self.adapter_source is not None and self.adapter is None:
            raise AdapterError(
                f"{self.name} was merged, so its adapter cannot be exchanged; load the base "
                f"without merge=True to switch adapters."
            )
        if adapter is None:
            return replace(self, adapter=None, adapter_source=None)
        source = adapter_source(adapter, self.source)
        return replace(self, adapter=self.parts.bank.attach(source.path), adapter_source=source)

    def tokenize(self, text: Text, *, chat: bool = False) -> Tokens:
        """A padded batch; PromptError for an empty prompt or one over the context."""
        if isinstance(text, Tokens):
            self._demand_room(0, int(text.lengths.max()))
            return text.to(self.device)
        if isinstance(text, str | Mapping) or not isinstance(text, Iterable):
            text = [text]
        texts: list[Any] = list(text)
        if not texts:
            raise PromptError("No prompt was given; give at least one.")
        rows = [self._ids(row, t, chat) for row, t in enumerate(texts)]
        for row, ids in enumerate(rows):
            self._demand_room(row, len(ids))
            self._demand_known(row, ids)
        pad = self.tokenizer.pad_token_id
        return stack(rows, 0 if pad is None else pad, self.padding == "left").to(self.device)

    def run(
        self,
        text: Text,
        *,
        read: Site | str | Iterable[Site | str] = (),
        write: Edit | Iterable[Edit] = (),
        grad: Metric | None = None,
        logits: str = "all",
        chat: bool = False,
    ) -> Run:
        """One forward pass: `read` these sites, under these edits, with this metric's gradient.

        `logits="last"` keeps each row's last position only. Reading does not change a bit of the
        logits (attn_pattern aside: it needs eager attention).
        """
        tokens = self.tokenize(text, chat=chat)
        if logits not in ("all", "last"):
            raise InputError(f"logits={logits!r} is not known; use 'all' or 'last'.")
        sites = _sites(read)
        edits = _edits(write)
        with self.parts.bank.switched(self.adapter):
            return self._pass(tokens, sites, edits, grad, logits)

    def _pass(
        self,
        tokens: Tokens,
        sites: Sequence[Site],
        edits: Sequence[Edit],
        grad: Metric | None,
        logits: str,
    ) -> Run:
        """`run` of checked input, while this view has the base to itself."""
        ports = Ports(self.parts, tokens, self.adapter, keep_graph=grad is not None)
        ports.write(edits)
        ports.read(sites)
        if grad is not None:
            module, _ = ports.carrier("resid_pre", 0)
            ports.taps.into[module].insert(0, lambda x: x.detach().requires_grad_(True))
        eager = any(site.kind == "attn_pattern" for site in sites)
        with torch.enable_grad() if grad else torch.no_grad():
            with self._eager() if eager else nullcontext(), ports.taps.placed():
                out = self._forward(tokens, logits)
            run = Run(self, tokens, out, ports.caught, ports.deltas, bool(edits))
            if grad is not None:
                metric = grad(run).sum()
                if not metric.requires_grad:
                    raise InputError("grad= gave a constant: return a value made of run.logits.")
                metric.backward()
        return run

    def unembed(self, resid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch vocab"]:
        """Logits of a residual-stream state: final norm, unembedding, soft-cap (if any)."""
        head = self.parts.hf.get_output_embeddings()
        norm: Any = self.parts.module(self.parts.anatomy.final_norm)
        with torch.no_grad():
            return self.cap(head(norm(resid.to(norm.weight))))

    def cap(self, logits: Tensor) -> Tensor:
        """The model's final soft-cap, or the logits as they are."""
        name = self.parts.anatomy.softcap
        value = getattr(self.parts.config, name) if name else None
        return logits if value is None else torch.tanh(logits / value) * value

    def direction(self, plus: str | int, minus: str | int | None = None) -> Direction:
        """W_U[plus] − W_U[minus] in unembedding space; each a single token or its id."""
        ids = [single_token(self.tokenizer, t) for t in (plus, minus) if t is not None]
        head = self.parts.hf.get_output_embeddings()
        rows = head.weight.detach()[ids].float()
        bias = [0.0] * len(ids) if head.bias is None else head.bias.detach()[ids].tolist()
        label = " − ".join(repr(self.tokenizer.decode([i])) for i in ids)
        vector = rows[0] if minus is None else rows[0] - rows[1]
        return Direction(vector, "unembedding", label, tuple(ids), bias[0] - sum(bias[1:]))

    def answers(self, prompt: str, first: str, second: str, *, chat: bool = False) -> Answers:
        """Two answers to a prompt, tokenised jointly with it, at the first token that differs."""
        return joint_answers(self, prompt, first, second, chat=chat)

    def _forward(self, tokens: Tokens, keep: str) -> Tensor:
        last = tokens.last
        columns = torch.unique(last)
        out = self.parts.hf(
            input_ids=tokens.ids,
            attention_mask=tokens.mask.long(),
            position_ids=tokens.position_ids,
            use_cache=False,
            logits_to_keep=columns if keep == "last" else 0,
        ).logits
        if keep == "last":
            out = out[torch.arange(len(out), device=out.device), torch.searchsorted(columns, last)]
        _demand_finite(out, tokens, self.name)
        return out

    @contextmanager
    def _eager(self) -> Any:
        before = self.parts.hf.config._attn_implementation
        self.parts.hf.set_attn_implementation("eager")
        try:
            yield
        finally:
            self.parts.hf.set_attn_implementation(before)

    def _ids(self, row: int, text: Any, chat: bool) -> list[int]:
        """The ids of one prompt, which is text or ids."""
        if isinstance(text, str):
            return encode(self.tokenizer, text, chat=chat)
        inside = text if isinstance(text, Sequence) else [text]
        if any(isinstance(part, Mapping) for part in inside):
            raise PromptError(
                f"Prompt {row + 1} is a chat message, and prompts are texts or token ids; give the "
                f"user's text with chat=True, or the ids of tokenizer.apply_chat_template(...)."
            )
        if not isinstance(text, Iterable):
            raise PromptError(
                f"Prompt {row + 1} is {text!r}; token ids go in as a list of prompts: write "
                f"[[1, 2, 3]]."
            )
        return token_ids(text, row + 1)

    def _demand_known(self, row: int, ids: list[int]) -> None:
        size = int(self.parts.config.vocab_size)
        if ids and not (min(ids) >= 0 and max(ids) < size):
            raise PromptError(
                f"Prompt {row + 1} holds a token id outside the vocabulary of {size}; "
                f"encode it with this model's tokenizer."
            )

    def _demand_room(self, row: int, length: int) -> None:
        room = getattr(self.parts.config, "max_position_embeddings", None)
        if room is not None and length > room:
            raise PromptError(
                f"Prompt {row + 1} has {length} tokens and {self.source.name} takes {room}; "
                f"shorten it."
            )


def _sites(read: Any) -> list[Site]:
    """The sites to read, parsed; SiteError for what is none."""
    asked = list(read) if isinstance(read, Iterable) and not isinstance(read, str) else [read]
    sites = [parse_site(site) if isinstance(site, str) else site for site in asked]
    if wrong := [site for site in sites if not isinstance(site, Site)]:
        raise SiteError(
            f"read= takes sites and got {shown(wrong[0])}; index a kind of site, for example "
            f"resid_post[12] or head_out[:, :]."
        )
    return sites


def _edits(write: Any) -> list[Edit]:
    """The edits to make; InputError for what is none."""
    edits = list(write) if isinstance(write, Iterable) else [write]
    if wrong := [edit for edit in edits if not isinstance(edit, Edit)]:
        raise InputError(
            f"write= takes edits and got {shown(wrong[0])}; use Replace, Add, Ablate, Project or "
            f"a dictionary's clamp, for example Replace(resid_post[3], value)."
        )
    return edits


def _demand_finite(logits: Tensor, tokens: Tokens, name: str) -> None:
    if torch.isfinite(logits.detach().sum()):
        return
    real = logits if logits.ndim == 2 else logits[tokens.mask]
    if not torch.isfinite(real).all():
        raise NumericsError(
            f"{name} gave logits that are not finite; check the weights for NaN, or use "
            f"dtype='float32'."
        )
