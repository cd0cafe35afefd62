"""One question as it was asked and answered, in a file named by a hash of all it depends on.

The file holds the question, the messages, the nonce and the reply; its label is read anew each
time. A file that is damaged, or that stands under another's name, counts as none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microtome import files
from microtome.data.judge.question import VERSION, Message, Question
from microtome.data.judge.reading import Answer, Reply, read


@dataclass(frozen=True)
class Transcript:
    """`content` is the question with the identity of whoever was asked."""

    content: Mapping[str, Any]
    messages: Sequence[Message]
    nonce: str
    reply: Reply

    @property
    def id(self) -> str:
        """Hash of the question and of what its answer depends on."""
        return files.digest(self.content)

    def answer(self, kept: bool) -> Answer:
        """What the reply says; with the transcript's id where it is `kept`."""
        return read(self.reply, self.nonce, self.id if kept else "")

    def write(self, folder: Path) -> None:
        """Put the transcript into `folder`, atomically."""
        reply = self.reply
        said = {
            "text": reply.text,
            "model": reply.model,
            "usage": reply.usage,
            "tokens": [[token, options] for token, options in reply.tokens],
        }
        written = {
            "question": self.content,
            "label": self.answer(kept=True).label,
            "messages": self.messages,
            "nonce": self.nonce,
            "reply": said,
        }
        files.write_json(folder / f"{self.id}.json", written)


def content(question: Question, identity: Mapping[str, Any]) -> dict[str, Any]:
    """All that an answer depends on."""
    texts = {"problem": question.problem, "first": question.first, "second": question.second}
    return {"asked": dict(identity), "wording": VERSION, **texts}


def kept_transcript(folder: Path, content: Mapping[str, Any]) -> Transcript | None:
    """The transcript of that content in `folder`, or None."""
    found = files.read_json_or_none(folder / f"{files.digest(content)}.json")
    try:
        said = found["reply"]
        tokens = tuple((str(token), dict(options)) for token, options in said["tokens"])
        reply = Reply(str(said["text"]), str(said["model"]), tokens, dict(said["usage"]))
        transcript = Transcript(found["question"], found["messages"], str(found["nonce"]), reply)
        same = transcript.id == files.digest(content) and bool(transcript.nonce)
    except (KeyError, TypeError, ValueError):
        return None
    return transcript if same else None
