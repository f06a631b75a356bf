"""Suggestions, what a user made of them, and every version of the automations made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
import json
import logging
from typing import Any

from .database import Database, Row
from .names import rename_within

_LOGGER = logging.getLogger(__name__)


class SuggestionStatus(StrEnum):
    """Where a suggestion stands in its life. The words are stored: never rename.

    A draft has passed the back-test and waits for its turn and for Home Assistant's validation; an invalid one
    failed that, and is tried again every night; a withdrawn one no longer passes the back-test. What is copied
    was taken over by hand, where Home Assistant's own file cannot be written.
    """

    DRAFT = "draft"
    INVALID = "invalid"
    OFFERED = "offered"
    SNOOZED = "snoozed"
    DISMISSED = "dismissed"
    ACCEPTED = "accepted"
    COPIED = "copied"
    ROLLED_BACK = "rolled_back"
    DISABLED = "disabled"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One suggestion as it is stored; times in microseconds UTC.

    Attributes:
        suggestion_id: its number, None before it is stored.
        key: the pattern's key; one suggestion a pattern.
        pattern_id: the pattern, None when it is gone.
        description: what it does, in one sentence.
        proposal: the automation as the engine thinks of it, JSON values.
        features: what taste is learned about.
        automation_yaml: the automation as it was validated, None before.
        reason: why it is invalid, withdrawn, dismissed or disabled.
        confidence: the share of right firings that the back-test makes certain.
        safety_score: 0 to 100; `category` is the class it comes from.
        rank: higher comes first.
        backtest: counts and moments, JSON values.
        automation_id: the id in Home Assistant's file, once accepted.
        outcomes: its last firings, oldest first: `k` kept, `c` corrected by hand.
    """

    key: str
    pattern_id: int | None
    description: str
    proposal: Mapping[str, Any]
    features: tuple[str, ...]
    status: SuggestionStatus
    confidence: float
    safety_score: int
    category: str
    rank: float
    backtest: Mapping[str, Any]
    created_at_us: int
    updated_at_us: int
    automation_yaml: str | None = None
    reason: str | None = None
    automation_id: str | None = None
    outcomes: str = ""
    snoozed_until_us: int | None = None
    suggestion_id: int | None = None

    def is_open(self, now_us: int) -> bool:
        """Whether it waits for the user's answer: offered, or snoozed until before now."""
        if self.status is SuggestionStatus.SNOOZED:
            return self.snoozed_until_us is not None and self.snoozed_until_us <= now_us
        return self.status is SuggestionStatus.OFFERED


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a user did with a suggestion, or with the automation made from it.

    Attributes:
        action: `accepted`, `copied`, `dismissed`, `snoozed`, `rolled_back`, `corrected`, `disabled`.
        text: the reason, or what was said.
    """

    suggestion_id: int
    action: str
    text: str | None
    created_at_us: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an automation. An empty `yaml_content` says that it was taken out of the file."""

    automation_id: str
    suggestion_id: int | None
    yaml_content: str
    deployed_at_us: int
    safety_score: int
    reason: str
    version_id: int | None = None


_COLUMNS = (
    "key, pattern_id, description_only, proposal, features, status, confidence, safety_score, category, rank,"
    " backtest, created_at, updated_at, automation_yaml, reason, automation_id, outcomes, snoozed_until"
)
_INSERT = f"INSERT INTO suggestions ({_COLUMNS}) VALUES ({', '.join('?' * 18)})"
_UPDATE = (
    f"UPDATE suggestions SET {', '.join(f'{name.strip()} = ?' for name in _COLUMNS.split(','))} WHERE id = ?"
)


class Suggestions:
    """The tables `suggestions`, `suggestion_feedback` and `automation_versions`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, suggestion: Suggestion) -> int:
        """Store a suggestion, in place of what is stored under its number; its number.

        A new one takes the place of one with its key that cannot be read.

        Raises:
            StoreError: subclasses; also where another has its key.
        """
        row, number = _row(suggestion), suggestion.suggestion_id
        if number is None:
            found = self._database.one(
                f"SELECT {_COLUMNS}, id FROM suggestions WHERE key = ?", (suggestion.key,)
            )
            if found is None or _suggestion(found) is not None:
                return self._database.insert(_INSERT, row)
            number = int(found[-1])
        self._database.execute(_UPDATE, (*row, number))
        return number

    def get(self, suggestion_id: int) -> Suggestion | None:
        """A suggestion by its number; None where there is none that can be read."""
        row = self._database.one(f"SELECT {_COLUMNS}, id FROM suggestions WHERE id = ?", (suggestion_id,))
        return None if row is None else _suggestion(row)

    def read(self, statuses: Iterable[SuggestionStatus] | None = None) -> list[Suggestion]:
        """Suggestions of some statuses, or all, the best first; one that cannot be read is left out."""
        chosen = json.dumps([status.value for status in statuses or SuggestionStatus])
        rows = self._database.all(
            f"SELECT {_COLUMNS}, id FROM suggestions WHERE status IN (SELECT value FROM json_each(?))"
            " ORDER BY rank DESC, id",
            (chosen,),
        )
        return [found for row in rows if (found := _suggestion(row)) is not None]

    def add_feedback(self, feedback: Feedback) -> None:
        """Note what a user did."""
        self._database.execute(
            "INSERT INTO suggestion_feedback (suggestion_id, action, feedback_text, created_at)"
            " VALUES (?, ?, ?, ?)",
            (feedback.suggestion_id, feedback.action, feedback.text, feedback.created_at_us),
        )

    def feedback(self, suggestion_id: int | None = None) -> list[Feedback]:
        """What was done with one suggestion, or with all, in order."""
        where = "" if suggestion_id is None else "WHERE suggestion_id = ?"
        rows = self._database.all(
            f"SELECT suggestion_id, action, feedback_text, created_at FROM suggestion_feedback {where}"
            " ORDER BY created_at, id",
            () if suggestion_id is None else (suggestion_id,),
        )
        return [Feedback(*row) for row in rows]

    def add_version(self, version: Version) -> int:
        """Keep a version of an automation; its number."""
        return self._database.insert(
            "INSERT INTO automation_versions"
            " (automation_id, suggestion_id, yaml_content, deployed_at, safety_score, reason)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                version.automation_id,
                version.suggestion_id,
                version.yaml_content,
                version.deployed_at_us,
                version.safety_score,
                version.reason,
            ),
        )

    def versions(self, automation_id: str) -> list[Version]:
        """All versions of an automation, oldest first."""
        rows = self._database.all(
            "SELECT automation_id, suggestion_id, yaml_content, deployed_at, safety_score, reason, id"
            " FROM automation_versions WHERE automation_id = ? ORDER BY id",
            (automation_id,),
        )
        return [Version(*row) for row in rows]

    def rename(self, old: str, new: str) -> None:
        """An entity has another id now: what is not decided yet is drafted anew by the next night."""
        undecided: Sequence[SuggestionStatus] = (
            SuggestionStatus.DRAFT,
            SuggestionStatus.INVALID,
            SuggestionStatus.OFFERED,
            SuggestionStatus.SNOOZED,
        )
        quoted = json.dumps(old)
        self._database.execute(
            "UPDATE suggestions SET status = 'withdrawn', reason = 'an entity was renamed'"
            " WHERE status IN (SELECT value FROM json_each(?)) AND instr(proposal, ?)",
            (json.dumps([status.value for status in undecided]), quoted),
        )
        for column in ("proposal", "key"):
            rename_within(self._database, "suggestions", column, old, new)


def _row(suggestion: Suggestion) -> tuple[object, ...]:
    s = suggestion
    return (
        s.key,
        s.pattern_id,
        s.description,
        _text(s.proposal),
        _text(list(s.features)),
        s.status.value,
        s.confidence,
        s.safety_score,
        s.category,
        s.rank,
        _text(s.backtest),
        s.created_at_us,
        s.updated_at_us,
        s.automation_yaml,
        s.reason,
        s.automation_id,
        s.outcomes,
        s.snoozed_until_us,
    )


def _suggestion(row: Row) -> Suggestion | None:
    """The suggestion of a row, None where its texts are damaged."""
    try:
        proposal, features, backtest = (json.loads(row[number]) for number in (3, 4, 10))
        status = SuggestionStatus(row[5])
    except ValueError as error:
        _LOGGER.debug("The stored suggestion %s cannot be read and is left aside: %r", row[18], error)
        return None
    return Suggestion(
        key=row[0],
        pattern_id=row[1],
        description=row[2],
        proposal=proposal,
        features=tuple(features),
        status=status,
        confidence=row[6],
        safety_score=row[7],
        category=row[8],
        rank=row[9],
        backtest=backtest,
        created_at_us=row[11],
        updated_at_us=row[12],
        automation_yaml=row[13],
        reason=row[14],
        automation_id=row[15],
        outcomes=row[16],
        snoozed_until_us=row[17],
        suggestion_id=row[18],
    )


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
