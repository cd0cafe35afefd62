"""An LLM judge of one question: are two solutions of a problem different methods?

question  a pair as a message: solutions fenced as data, the verdict bound to a fresh nonce
reading   a reply as an answer: by log-probabilities where the server gives them, else by its text
endpoint  an OpenAI-compatible server (response, retries, key), asked with bounds on everything
judge     both orders of a pair, several at a time, every answer kept as a transcript
A nonce keeps a solution from *writing* a verdict. It cannot keep a solution from *persuading* the
judge: give every study pairs whose verdict is known (a solution with itself) as a control.
"""

from microtome.data.judge.endpoint import OPENROUTER, Endpoint
from microtome.data.judge.judge import Judge, LocalModel, Pair, RuleJudge, judge_pairs, outstanding
from microtome.data.judge.key import Key, find_key
from microtome.data.judge.reading import Answer, Label
from microtome.data.judge.retries import Retries
from microtome.data.judge.verdict import Verdict

__all__ = [
    "OPENROUTER",
    "Answer",
    "Endpoint",
    "Judge",
    "Key",
    "Label",
    "LocalModel",
    "Pair",
    "Retries",
    "RuleJudge",
    "Verdict",
    "find_key",
    "judge_pairs",
    "outstanding",
]
