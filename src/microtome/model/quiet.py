"""Third-party chatter that says nothing to a user: progress bars of tiny files, known warnings."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging

# What transformers and PEFT warn of in each other's code; nothing a caller could change.
_KNOWN = ("`is_gradient_checkpointing` is deprecated", "fan_in_fan_out is set to False")


@contextmanager
def quietly() -> Iterator[None]:
    """Loading without transformers' bars and the warnings named above; others pass."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            for message in _KNOWN:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        if shown:
            logging.enable_progress_bar()
