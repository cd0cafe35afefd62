"""The only torch hooks in the project: one per module and side, always removed.

A tap is a function of the tensor that flows into a module (its first argument) or out of it
(its output, or the first element of a tuple); it returns a replacement or None. Every tap must
fire exactly once per forward pass, or the pass is refused.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

from torch import Tensor, nn

from microtome.errors import AnatomyError

Tap = Callable[[Tensor], Tensor | None]
OutputTap = Callable[[Any], None]


@dataclass
class Taps:
    """Taps to place, collected before the pass: `into`, `out_of` and whole `outputs`."""

    into: dict[nn.Module, list[Tap]] = field(default_factory=lambda: defaultdict(list))
    out_of: dict[nn.Module, list[Tap]] = field(default_factory=lambda: defaultdict(list))
    outputs: dict[nn.Module, list[OutputTap]] = field(default_factory=lambda: defaultdict(list))
    fired: Counter[tuple[nn.Module, str]] = field(default_factory=Counter)

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Hooks in place for one forward pass; removed whatever happens."""
        handles = [
            module.register_forward_pre_hook(self._before, with_kwargs=True) for module in self.into
        ]
        both = dict.fromkeys([*self.out_of, *self.outputs])
        handles += [module.register_forward_hook(self._after) for module in both]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
        self._demand_one_firing()

    def _before(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.fired[module, "in"] += 1
        value = args[0] if args else kwargs["hidden_states"]
        value = _through(self.into[module], value)
        if args:
            return (value, *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": value}

    def _after(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        self.fired[module, "out"] += 1
        for see in self.outputs.get(module, ()):
            see(output)
        taps = self.out_of.get(module)
        if not taps:
            return None
        if isinstance(output, tuple):
            return (_through(taps, output[0]), *output[1:])
        return _through(taps, output)

    def _demand_one_firing(self) -> None:
        sides = [(m, "in") for m in self.into]
        sides += [(m, "out") for m in dict.fromkeys([*self.out_of, *self.outputs])]
        for module, side in sides:
            if (times := self.fired[module, side]) != 1:
                raise AnatomyError(
                    f"A hook on {type(module).__name__} fired {times} times in one forward pass "
                    f"instead of once: the anatomy entry names a module that this model does not "
                    f"call once. Run `microtome check` on it."
                )


@dataclass(frozen=True)
class Call:
    """What a module was called with: its arguments by name, the hidden states apart."""

    hidden: Tensor
    named: Mapping[str, Any]


@contextmanager
def recorded_calls(modules: Sequence[nn.Module]) -> Iterator[list[Call]]:
    """The calls of these modules during one forward pass, in the order given."""
    found: dict[nn.Module, Call] = {}

    def note(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        bound = signature(module.forward).bind(*args, **kwargs)
        named = {k: v for k, v in bound.arguments.items() if k != "kwargs"}
        named |= bound.arguments.get("kwargs", {})
        found[module] = Call(named.pop("hidden_states").detach().clone(), named)

    handles = [m.register_forward_pre_hook(note, with_kwargs=True) for m in modules]
    calls: list[Call] = []
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
    calls.extend(found[module] for module in modules)


def _through(taps: list[Tap], value: Tensor) -> Tensor:
    for tap in taps:
        changed = tap(value)
        value = value if changed is None else changed
    return value
