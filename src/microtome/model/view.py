"""The Hugging Face model as one view of it: base and adapter named, whatever ran last.

Views of one base share its modules, of which only one adapter is on at a time. Calling a view, or
a method of it such as `generate`, takes the base's lock and switches its own adapter on first.
"""

from dataclasses import dataclass
from functools import wraps
from inspect import ismethod
from typing import Any

from microtome.model.adapters import AdapterBank


@dataclass(frozen=True, eq=False, repr=False)
class View:
    """Stands for `transformers`' model: its attributes, and its calls under this adapter.

    A module taken out of it (`hf.model.layers[0]`) is shared by all views and computes with the
    adapter that was switched on last; call the view, or hook the module and call the view.
    """

    name: str
    bank: AdapterBank
    adapter: str | None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.bank.switched(self.adapter) as hf:
            return hf(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self.bank.hf, name)
        if not ismethod(value):
            return value

        @wraps(value)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self.bank.switched(self.adapter):
                return value(*args, **kwargs)

        return call

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *dir(self.bank.hf)]

    def __repr__(self) -> str:
        on = "no adapter" if self.adapter is None else f"adapter {self.adapter}"
        return f"{self.name} ({on}): {self.bank.hf!r}"
