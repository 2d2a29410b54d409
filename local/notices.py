"""The messages that were published to topics: the e-mails that subscribers would receive."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime

_FIRST_CHARACTERS = 100


@dataclass(frozen=True)
class Notice:
    """One message that was published to a topic; ``at`` is the real time, ISO 8601."""

    number: int
    at: str
    region: str
    topic: str
    subject: str
    message: str


class Notices:
    """Every message that was published to any topic. It may be called from several threads."""

    def __init__(self) -> None:
        self._kept: list[Notice] = []
        self._lock = threading.Lock()

    def publish(self, topic_arn: str, subject: str, message: str) -> None:
        """Keep a message."""
        region, topic = topic_arn.split(":")[3], topic_arn.split(":")[5]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._lock:
            self._kept.append(Notice(len(self._kept) + 1, at, region, topic, subject, message))

    def since(self, number: int) -> list[Notice]:
        """Return what was published after the first ``number`` messages."""
        with self._lock:
            return self._kept[number:]


def one_line(notice: dict[str, str]) -> str:
    """Return a notice, as the control URL shows it, in one line: time, Region, subject, and how the message begins."""
    clock = datetime.fromisoformat(notice["at"]).astimezone().strftime("%H:%M:%S")
    text = " ".join(notice["message"].split())
    begins = text if len(text) <= _FIRST_CHARACTERS else f"{text[:_FIRST_CHARACTERS].rstrip()} …"
    return f"{clock} [{notice['region']}] {notice['subject'] or '(no subject)'}: {begins}"
