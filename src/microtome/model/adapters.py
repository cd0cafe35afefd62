"""LoRA adapters on one shared base model: attached unmerged, switched exactly by name.

W = W_0 + s·B A. Unmerged, the base weights keep their bits and switching costs nothing; merged in
bf16 a fine-tune is off by 0.3 of 9 logits, so a merge is made in fp32 and only then cast.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import torch
from peft import PeftModel
from safetensors import SafetensorError
from torch import Tensor, nn

from microtome.errors import AdapterError, SiteError, first_line
from microtome.model.digest import folder_digest
from microtome.model.lora import plain_lora
from microtome.model.quiet import quietly

KEPT_WEIGHTS = 4
UNKNOWN = "unknown"


class AdapterBank:
    """The adapters attached to one Hugging Face model, and which of them is on.

    Everything that computes with the model does so within `switched`: one lock per base, so that
    views used by several threads neither switch each other's adapter nor meet each other's hooks.
    """

    def __init__(self, hf: Any) -> None:
        self.hf = hf
        self.lock = RLock()
        self._peft: Any = None
        self._active: str | None = None
        self._weights: dict[tuple[nn.Module, str | None, tuple[Any, ...]], Tensor] = {}

    @quietly()
    def attach(self, folder: Path) -> str:
        """Attach the adapter in a folder (once per content); returns the key to switch it on with.

        An adapter that does not fit is taken off again, and the model is as it was before.
        """
        config = plain_lora(folder)
        key = f"a{folder_digest(folder)[:12]}"
        with self.lock:
            return self._attached(folder, config, key)

    def _attached(self, folder: Path, config: Any, key: str) -> str:
        if self._peft is not None and key in self._peft.peft_config:
            return key
        before = self._active
        try:
            if self._peft is None:
                self._peft = PeftModel(self.hf, config, adapter_name=key)
            found = self._peft.load_adapter(str(folder), adapter_name=key)
            self._demand_complete(folder, key, found.missing_keys, found.unexpected_keys)
        except (ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
            self._detach(key, before)
            raise AdapterError(
                f"The adapter in {folder} does not fit the base model: {_reason(error)} "
                f"Use an adapter trained on this architecture."
            ) from error
        except AdapterError:
            self._detach(key, before)
            raise
        self._force(before)
        return key

    def _detach(self, key: str, before: str | None) -> None:
        if self._peft is not None and key in self._peft.peft_config:
            self._peft.delete_adapter(key)
            self._force(before)

    def _force(self, key: str | None) -> None:
        """Switch to a key whatever is on now."""
        self._active = UNKNOWN
        self.activate(key)
        self._peft.eval()
        self._peft.requires_grad_(False)

    @contextmanager
    def switched(self, key: str | None) -> Iterator[Any]:
        """The Hugging Face model under an attached adapter (None: bare), for this thread alone."""
        with self.lock:
            self.activate(key)
            yield self.hf

    def activate(self, key: str | None) -> None:
        """Switch to an attached adapter, or to the bare base model (None); hold the lock."""
        if self._peft is None or key == self._active:
            return
        if key is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            if self._active in (None, UNKNOWN):
                self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(key)
            self._peft.requires_grad_(False)
        self._active = key

    def weight(self, module: Any, key: str | None) -> Tensor:
        """A projection's effective weight in fp32, the adapter's delta included.

        The last few are kept: the heads of a layer ask for the same one in turn.
        """
        versions = tuple((p.data_ptr(), p._version) for p in module.parameters())
        known = (module, key, versions)
        with self.lock:
            if known not in self._weights:
                while len(self._weights) >= KEPT_WEIGHTS:
                    self._weights.pop(next(iter(self._weights)))
                self._weights[known] = self._effective(module, key)
            return self._weights[known]

    def _effective(self, module: Any, key: str | None) -> Tensor:
        if not is_float(module):
            raise SiteError(
                "Heads cannot be taken apart exactly here: the output projections are quantised or "
                "offloaded. Load the model in floating point, or use attn_out, mlp_out and resid_*."
            )
        weight = getattr(module, "base_layer", module).weight.detach().float()
        if key is not None and key in getattr(module, "lora_A", {}):
            weight = weight + module.get_delta_weight(key).detach().float()
        return weight

    def _demand_complete(
        self, folder: Path, key: str, absent: Sequence[str], unplaced: Sequence[str]
    ) -> None:
        """Every LoRA module got its weights from the file by name, every weight its module.

        PEFT itself refuses shapes that differ; what it could not place or find, it leaves out.
        """
        ends = (self.hf.get_input_embeddings(), self.hf.get_output_embeddings())
        if any(
            key in {*getattr(m, "lora_A", {}), *getattr(m, "lora_embedding_A", {})} for m in ends
        ):
            raise AdapterError(
                f"The adapter in {folder} changes the embedding or the unembedding; directions "
                f"would differ between models. Use one on attention and MLP projections."
            )
        if wrong := [*unplaced, *absent]:
            what = "has no place for" if unplaced else "needs, and the file lacks,"
            raise AdapterError(
                f"The adapter in {folder} does not fit the base model, which {what} {wrong[0]} "
                f"({len(unplaced)} of its weights have no module, {len(absent)} are missing). "
                f"Use an adapter trained on this architecture."
            )

    def bias(self, module: nn.Module) -> Tensor | None:
        bias = getattr(getattr(module, "base_layer", module), "bias", None)
        return None if bias is None else bias.detach().float()


def _reason(error: BaseException) -> str:
    """The line of an error that says something: torch heads its list of mismatches with a title."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[1] if len(lines) > 1 and lines[0].endswith(":") else first_line(error)


def is_float(module: Any) -> bool:
    """Whether a projection holds its weights as plain floating-point numbers, here and now."""
    weight = getattr(getattr(module, "base_layer", module), "weight", None)
    return isinstance(weight, Tensor) and weight.is_floating_point() and not weight.is_meta


def merged(hf: Any, folder: Path, dtype: torch.dtype) -> Any:
    """The base model (loaded in fp32) with the adapter merged into it, then cast to `dtype`."""
    bank = AdapterBank(hf)
    bank.attach(folder)
    assert bank._peft is not None
    return bank._peft.merge_and_unload().to(dtype).eval()
