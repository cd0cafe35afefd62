"""Bounded retries: which faults pass, how long to wait, and when to give up.

The wait before attempt i + 1 is drawn from [1/2, 1] * first * 2^i, at most `longest`; a server's
Retry-After, in seconds or as a date, is obeyed instead when it is longer. A wait that would end
after the deadline is not begun. (Brooker 2015, "Exponential Backoff and Jitter".)
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TypeVar

from microtome.errors import JudgeError

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that may be another at the next attempt."""

T = TypeVar("T")


class Passing(Exception):
    """A fault that may pass; `wait` is what the server asks for, in seconds."""

    def __init__(self, said: str, wait: float = 0.0) -> None:
        super().__init__(said)
        self.wait = wait


class Stopped(JudgeError):
    """Not asked, because another question has failed."""


@dataclass(frozen=True)
class Retries:
    """At most `most` further attempts within `deadline` seconds; `stop` ends a wait at once."""

    most: int = 5
    first: float = 1.0
    longest: float = 60.0
    deadline: float = 600.0

    def run(self, attempt: Callable[[float], T], who: str, stop: Event) -> T:
        """The result of `attempt(seconds left)`; JudgeError with the last fault when it is over."""
        end = time.monotonic() + self.deadline
        for i in range(self.most + 1):
            try:
                return attempt(end - time.monotonic())
            except Passing as fault:
                wait = self._wait(i, fault)
                left = end - time.monotonic()
                self._last(i, fault, wait, left, who)
            if stop.wait(wait):
                raise Stopped(f"{who} was not asked again: the asking was stopped.")
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, i: int, fault: Passing) -> float:
        return max(fault.wait, random.uniform(0.5, 1.0) * min(self.first * 2**i, self.longest))

    def _last(self, i: int, fault: Passing, wait: float, left: float, who: str) -> None:
        """Raise when there is no further attempt."""
        if i == self.most:
            raise JudgeError(
                f"{who} failed {i + 1} times, at last because {fault}; answers so far are kept, "
                "run again to ask for the rest."
            ) from None
        if wait >= left:
            raise JudgeError(
                f"{who} failed because {fault}, and the next attempt in {wait:.1f} s would come "
                f"after the deadline of {self.deadline:g} s; run again later, or allow more time."
            ) from None


def retry_after(header: str | None) -> float:
    """Seconds that a Retry-After header asks for; 0 where there is none or it says nothing."""
    if not header:
        return 0.0
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", header.strip()):
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
