"""Every error a user can cause, as a tree. The message is one sentence: asked, exists, do.

MicrotomeError                  exit code 2, no traceback; anything else is a bug and keeps its own
├── ConfigError                 a field, flag or YAML file
├── InputError                  what the user feeds in
│   ├── PromptError             empty, over the context, malformed file of prompts
│   ├── AnswerError             answers that do not differ, or cannot be told apart
│   ├── SiteError               a layer, head or kind of site that the model has not
│   └── StrideError             a stride that takes no token of a completion
├── ModelError                  what is loaded
│   ├── UnknownFamilyError      no anatomy for this architecture
│   ├── AnatomyError            an anatomy that fails its identities
│   ├── AdapterError            a LoRA adapter that is missing or does not fit
│   └── DictionaryError         a sparse dictionary that is missing, malformed or does not fit
├── NumericsError               NaN or infinity where a number was due
├── JudgeError                  a judge that cannot be asked, or whose reply is not what was asked
├── RemoteError                 a sampling server that cannot be asked, or gave something else
└── RunError                    a run folder: missing, damaged, not writable
"""

from collections.abc import Iterable
from difflib import get_close_matches


class MicrotomeError(Exception):
    """Base of the tree; `str(error)` is the one sentence shown to the user."""


class ConfigError(MicrotomeError):
    """A configuration field, flag or file is wrong."""


class InputError(MicrotomeError):
    """Something the user fed in is wrong."""


class PromptError(InputError):
    """A prompt is empty, too long or malformed."""


class AnswerError(InputError):
    """Answers cannot be told apart by the tokenizer."""


class SiteError(InputError):
    """A site does not exist in this model."""


class StrideError(InputError):
    """A pooling stride takes too few tokens of a completion."""


class ModelError(MicrotomeError):
    """A model cannot be loaded or trusted."""


class UnknownFamilyError(ModelError):
    """No anatomy is known for this architecture."""


class AnatomyError(ModelError):
    """An anatomy entry fails one of its identities."""


class AdapterError(ModelError):
    """A LoRA adapter is missing or does not fit the base model."""


class DictionaryError(ModelError):
    """A sparse dictionary is missing, malformed or does not fit the model."""


class NumericsError(MicrotomeError):
    """A NaN or an infinity stands where a number was due."""


class JudgeError(MicrotomeError):
    """A judge cannot be asked, or did not give what was asked of it."""


class RemoteError(MicrotomeError):
    """A sampling server cannot be asked, or did not give what was asked for."""


class RunError(MicrotomeError):
    """A run folder is missing, damaged or not writable."""


def first_line(error: BaseException) -> str:
    """The first line of another library's error, or its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def suggest(asked: str, exist: Iterable[str]) -> str:
    """' Did you mean X?' for the nearest existing name, else the list of names."""
    names = sorted(exist)
    near = get_close_matches(asked, names, n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(names)}."
