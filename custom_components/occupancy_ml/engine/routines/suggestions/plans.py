"""What the patterns of a night could be automated by, beside what they were suggested as before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...home import Home
from ...store.suggestions import Suggestion, SuggestionStatus
from ..patterns import Pattern
from .candidates import candidates
from .proposal import Proposal

# The strongest patterns, at most: a list of suggestions is short, and the night too.
_MOST_PATTERNS = 80

WAITING = (
    SuggestionStatus.DRAFT,
    SuggestionStatus.INVALID,
    SuggestionStatus.OFFERED,
    SuggestionStatus.SNOOZED,
    SuggestionStatus.WITHDRAWN,
)
SHOWN = (SuggestionStatus.OFFERED, SuggestionStatus.SNOOZED)
DECIDED = tuple(status for status in SuggestionStatus if status not in WAITING)
"""A habit the user has decided on is not brought up again under another pattern."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A pattern, the automations to test for it, and the suggestion that it was so far."""

    pattern: Pattern
    proposals: tuple[Proposal, ...]
    before: Suggestion | None


def plans_of(patterns: Sequence[Pattern], known: Mapping[str, Suggestion], home: Home) -> list[Plan]:
    """The strongest patterns that could be automations, those of what is shown in any case; `known` by key."""
    decided = [Proposal.from_json(s.proposal) for s in known.values() if s.status in DECIDED]
    ordered = sorted(patterns, key=lambda p: (-p.statistics.low, p.key))
    # A habit that moved a little has another key: what the user was shown of it stays what he was shown.
    keys = {pattern.key for pattern in ordered}
    strays = [s for s in known.values() if s.status in SHOWN and s.key not in keys]
    plans = []
    for pattern in ordered:
        before = known.get(pattern.key)
        if before is not None and before.status in DECIDED:
            continue
        proposals = candidates(pattern, home)
        if before is None and (stray := _same_habit(proposals, strays)) is not None:
            strays.remove(stray)
            before = stray
        if before is not None and before.status in SHOWN and proposals:
            proposals = [Proposal.from_json(before.proposal)]
        if proposals and not any(p.is_same_habit(done) for p in proposals for done in decided):
            plans.append(Plan(pattern, tuple(proposals), before))
    plans.sort(key=lambda plan: plan.before is None or plan.before.status not in SHOWN)
    return plans[:_MOST_PATTERNS]


def _same_habit(proposals: Sequence[Proposal], suggestions: Sequence[Suggestion]) -> Suggestion | None:
    """The suggestion that stands for the same habit as one of these proposals."""
    for suggestion in suggestions:
        shown = Proposal.from_json(suggestion.proposal)
        if any(proposal.is_same_habit(shown) for proposal in proposals):
            return suggestion
    return None
