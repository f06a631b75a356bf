"""From patterns to suggestions: drafted and back-tested at night, and what a user's answers make of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...events import DAY_US
from ...gaps import Gaps
from ...home import Home, Role
from ...localtime import LocalClock
from ...slices import told_as
from ...store import Store
from ...store.suggestions import Feedback, Suggestion, SuggestionStatus
from ..patterns import Pattern
from .backtest import Backtest, backtest
from .compose import Names, sentence
from .past import Past, read_past
from .plans import DECIDED, SHOWN, WAITING, Plan, plans_of
from .proposal import AtTime, Proposal, RoomBecomes
from .ranking import Opinion, Reason, Taste, features_of, rank
from .safety import Safety, assess

_MOST_DAYS = 42

NOT_SAFE = "it is not safe enough by the names of its entity"
# What each answer says about taste.
_LIKED = {"accepted": True, "copied": True, "dismissed": False, "rolled_back": False, "disabled": False}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user wants of suggestions.

    Attributes:
        bar: the share of right firings, in [0, 1], that the back-test must make certain (to 90 %).
        allowed: risky classes that may be suggested all the same.
        most_open: how many wait for an answer at once.
    """

    bar: float = 0.75
    allowed: frozenset[str] = frozenset()
    most_open: int = 3


class Suggester:
    """The suggestions of one home."""

    def __init__(
        self,
        store: Store,
        home: Home,
        clock: LocalClock,
        patterns: Callable[[], Sequence[Pattern]],
        policy: Policy = Policy(),
    ) -> None:
        """`patterns` gives those found so far, stored."""
        self._store = store
        self._table = store.suggestions
        self._home = home
        self._clock = clock
        self._patterns = patterns
        self.policy = policy
        self.names: Mapping[str, Sequence[str]] = {}
        """What people call entities and their devices, by entity id; told anew before anything is offered."""

    def night(self, now_us: int) -> Iterator[float]:
        """Draft what the patterns of the night give, test all that waits anew, withdraw what no longer holds.

        Yields:
            The share done, after every bounded slice. Safe to repeat.
        """
        known = {suggestion.key: suggestion for suggestion in self._table.read()}
        plans = plans_of(self._patterns(), known, self._home)
        yield 0.05
        past = yield from self._read(plans, now_us)
        taste = self._taste(known)
        kept: set[int] = set()
        for number, plan in enumerate(plans):
            chosen = self._choose(plan, past)
            if chosen is not None and (plan.before is None or self._stands(plan.before)):
                kept.add(self._table.put(self._draft(plan, *chosen, taste, now_us)))
            yield 0.6 + 0.4 * (number + 1) / len(plans)
        with self._store.transaction():
            for suggestion in known.values():
                waits = suggestion.status in WAITING and suggestion.status is not SuggestionStatus.WITHDRAWN
                if waits and suggestion.suggestion_id not in kept and self._stands(suggestion):
                    self._table.put(
                        replace(
                            suggestion,
                            status=SuggestionStatus.WITHDRAWN,
                            reason="it no longer holds",
                            updated_at_us=now_us,
                        )
                    )
        yield 1.0

    def _stands(self, known: Suggestion) -> bool:
        """Whether a suggestion is still what it was when the night began: between slices it may be answered."""
        now = None if known.suggestion_id is None else self._table.get(known.suggestion_id)
        return now is not None and _answered(now) == _answered(known)

    def _read(self, plans: Sequence[Plan], now_us: int) -> Generator[float, None, Past]:
        span = self._store.events.span()
        proposals = [proposal for plan in plans for proposal in plan.proposals]
        start_us = min(max(now_us - _MOST_DAYS * DAY_US, span[0] if span else now_us), now_us)
        watched = [sensor.entity_id for sensor in self._home.sensors]
        gaps = Gaps(self._store).unheard(watched, now_us, start_us)
        unheard = yield from told_as(gaps, lambda _: 0.05)
        work = read_past(
            self._store,
            start_us,
            now_us,
            {entity_id for proposal in proposals for entity_id in proposal.entity_ids},
            {p.trigger.room_id for p in proposals if isinstance(p.trigger, RoomBecomes)},
            [sensor.entity_id for sensor in self._home.sensors if sensor.role is Role.PERSON],
            unheard,
        )
        return (yield from told_as(work, lambda share: 0.05 + 0.55 * share))

    def _choose(self, plan: Plan, past: Past) -> tuple[Proposal, Backtest] | None:
        """The candidate with the most right firings of those above the bar, the simplest where they are alike."""
        # What the user has seen stays as he saw it, and firings since then were not looked at when it was made.
        before = plan.before
        fixed_us = before.created_at_us if before is not None and before.status in SHOWN else None
        best: tuple[Proposal, Backtest] | None = None
        for proposal in plan.proposals:
            tested = backtest(proposal, past, self._clock, fixed_us)
            if not tested.passes(self.policy.bar):
                continue
            if not self.is_safe(proposal):
                continue
            if best is None or _gain(tested) > 1.1 * _gain(best[1]):
                best = proposal, tested
        return best

    def _draft(
        self, plan: Plan, proposal: Proposal, tested: Backtest, taste: Taste, now_us: int
    ) -> Suggestion:
        """The suggestion as it stands tonight."""
        pattern, before = plan.pattern, plan.before
        safety = self._safety(proposal)
        features = features_of(
            proposal, pattern.pattern_type.value, safety.safety_class.value, self._room(proposal)
        )
        drafted = Suggestion(
            key=pattern.key,
            pattern_id=pattern.pattern_id,
            description=sentence(proposal, Names()),
            proposal=proposal.to_json(),
            features=features,
            status=SuggestionStatus.DRAFT,
            confidence=tested.lower,
            safety_score=safety.score,
            category=safety.safety_class.value,
            rank=rank(tested, taste, features),
            backtest=tested.to_json(),
            created_at_us=now_us,
            updated_at_us=now_us,
        )
        if before is None:
            return drafted
        kept = replace(drafted, suggestion_id=before.suggestion_id)
        if before.status not in SHOWN:
            return kept
        return replace(
            kept,
            status=before.status,
            description=before.description,
            automation_yaml=before.automation_yaml,
            snoozed_until_us=before.snoozed_until_us,
            created_at_us=before.created_at_us,
        )

    def is_safe(self, proposal: Proposal) -> bool:
        """Whether it can do no harm, by what its thing is called now, or the user allows its class."""
        return self._safety(proposal).allows(self.policy.allowed)

    def _safety(self, proposal: Proposal) -> Safety:
        entity_id = proposal.action.entity_id
        device_class = next((s.device_class for s in self._home.sensors if s.entity_id == entity_id), None)
        return assess(proposal, device_class, self.names.get(entity_id, ()))

    def _room(self, proposal: Proposal) -> str | None:
        return next((s.room_id for s in self._home.sensors if s.entity_id == proposal.action.entity_id), None)

    def _taste(self, known: dict[str, Suggestion]) -> Taste:
        by_id = {s.suggestion_id: s for s in known.values()}
        opinions = []
        for feedback in self._table.feedback():
            suggestion = by_id.get(feedback.suggestion_id)
            if suggestion is not None and feedback.action in _LIKED:
                code = (feedback.text or "").partition(":")[0]
                reason = Reason(code) if code in tuple(Reason) else None
                opinions.append(Opinion(suggestion.features, _LIKED[feedback.action], reason))
        return Taste(opinions)

    # What the user sees

    def get(self, suggestion_id: int) -> Suggestion:
        """A suggestion by its number.

        Raises:
            LookupError: there is none.
        """
        if (found := self._table.get(suggestion_id)) is None:
            raise LookupError(f"there is no suggestion {suggestion_id}")
        return found

    def read(self, statuses: Sequence[SuggestionStatus] | None = None) -> list[Suggestion]:
        """Suggestions of some statuses, or all, the best first."""
        return self._table.read(statuses)

    def open(self, now_us: int) -> list[Suggestion]:
        """What waits for an answer, the best first."""
        waiting = self._table.read(SHOWN)
        return [suggestion for suggestion in waiting if suggestion.is_open(now_us)]

    def due(self, now_us: int) -> list[Suggestion]:
        """Drafts in the order in which they should be offered, as long as there is room for them.

        One at a time of those that bring an entity into one state: they stand for one habit, seen from several
        sides, unless they do so at different times of day.
        """
        if len(self.open(now_us)) >= self.policy.most_open:
            return []
        taken = [
            Proposal.from_json(s.proposal)
            for s in self._table.read((*SHOWN, *DECIDED))
            if s.status not in (SuggestionStatus.DISMISSED, SuggestionStatus.ROLLED_BACK)
        ]
        drafts = self._table.read((SuggestionStatus.DRAFT, SuggestionStatus.INVALID))
        found = []
        for suggestion in drafts:
            proposal = Proposal.from_json(suggestion.proposal)
            if not any(_are_rivals(proposal, other) for other in taken):
                found.append(suggestion)
        return found

    def offer(self, suggestion_id: int, description: str, automation_yaml: str, now_us: int) -> bool:
        """Put a validated draft before the user; False where there is no room for it any more."""
        suggestion = self.get(suggestion_id)
        if suggestion_id not in {s.suggestion_id for s in self.due(now_us)}:
            return False
        self._table.put(
            replace(
                suggestion,
                status=SuggestionStatus.OFFERED,
                description=description,
                automation_yaml=automation_yaml,
                reason=None,
                updated_at_us=now_us,
            )
        )
        return True

    def refuse(self, suggestion_id: int, reason: str, now_us: int) -> None:
        """Home Assistant's validation refused it: it is not shown, and tried again after the next night."""
        self._move(suggestion_id, SuggestionStatus.INVALID, now_us, reason=reason, automation_yaml=None)

    def refuse_unsafe(self, now_us: int) -> None:
        """What waits for an answer is refused where its thing is called by another name now that says harm."""
        for suggestion in self._table.read(SHOWN):
            if suggestion.suggestion_id is not None and not self.is_safe(
                Proposal.from_json(suggestion.proposal)
            ):
                self.refuse(suggestion.suggestion_id, NOT_SAFE, now_us)

    # What the user answers

    def accept(
        self, suggestion_id: int, automation_id: str | None, automation_yaml: str, now_us: int
    ) -> None:
        """It runs now under an id; None where the user takes the text over by hand."""
        status = SuggestionStatus.COPIED if automation_id is None else SuggestionStatus.ACCEPTED
        with self._store.transaction():
            self._move(
                suggestion_id,
                status,
                now_us,
                automation_id=automation_id,
                automation_yaml=automation_yaml,
                outcomes="",
                reason=None,
            )
            self._note(suggestion_id, status.value, None, now_us)

    def dismiss(self, suggestion_id: int, reason: Reason, now_us: int, text: str = "") -> None:
        """The user does not want it; the reason teaches what else they may not want, the text is kept as it is."""
        with self._store.transaction():
            self._move(suggestion_id, SuggestionStatus.DISMISSED, now_us, reason=reason.value)
            self._note(
                suggestion_id, "dismissed", f"{reason.value}: {text}" if text else reason.value, now_us
            )
            self.rerank()

    def snooze(self, suggestion_id: int, until_us: int, now_us: int) -> None:
        """It comes back later."""
        with self._store.transaction():
            self._move(suggestion_id, SuggestionStatus.SNOOZED, now_us, snoozed_until_us=until_us)
            self._note(suggestion_id, "snoozed", None, now_us)

    def roll_back(self, suggestion_id: int, now_us: int) -> None:
        """Its automation was taken out again."""
        with self._store.transaction():
            self._move(suggestion_id, SuggestionStatus.ROLLED_BACK, now_us)
            self._note(suggestion_id, "rolled_back", None, now_us)
            self.rerank()

    def reinstate(self, suggestion_id: int, automation_yaml: str, now_us: int) -> None:
        """Its automation runs again, in an earlier version."""
        self._move(
            suggestion_id, SuggestionStatus.ACCEPTED, now_us, automation_yaml=automation_yaml, outcomes=""
        )

    def disable(self, suggestion_id: int, reason: str, now_us: int) -> None:
        """Its automation was turned off, since it was corrected again and again."""
        with self._store.transaction():
            self._move(suggestion_id, SuggestionStatus.DISABLED, now_us, reason=reason)
            self._note(suggestion_id, "disabled", reason, now_us)
            self.rerank()

    def enable(self, suggestion_id: int, now_us: int) -> None:
        """The user turned its automation on again: it counts as accepted anew, whatever was corrected before."""
        if self.get(suggestion_id).status is SuggestionStatus.DISABLED:
            self._move(suggestion_id, SuggestionStatus.ACCEPTED, now_us, outcomes="", reason=None)

    def note_outcome(self, suggestion_id: int, corrected: bool, now_us: int) -> str:
        """Its automation fired, and a hand put it right, or did not; the last outcomes, oldest first."""
        suggestion = self.get(suggestion_id)
        outcomes = (suggestion.outcomes + ("c" if corrected else "k"))[-20:]
        with self._store.transaction():
            self._table.put(replace(suggestion, outcomes=outcomes, updated_at_us=now_us))
            if corrected:
                self._note(suggestion_id, "corrected", None, now_us)
        return outcomes

    def rerank(self) -> None:
        """Order what waits by what is known of the user's taste now."""
        known = {suggestion.key: suggestion for suggestion in self._table.read()}
        taste = self._taste(known)
        with self._store.transaction():
            for suggestion in known.values():
                if suggestion.status in WAITING:
                    tested = Backtest.from_json(dict(suggestion.backtest))
                    self._table.put(replace(suggestion, rank=rank(tested, taste, suggestion.features)))

    def _move(self, suggestion_id: int, status: SuggestionStatus, now_us: int, **changes: object) -> None:
        found = replace(self.get(suggestion_id), status=status, updated_at_us=now_us)
        self._table.put(replace(found, **changes))  # type: ignore[arg-type]

    def _note(self, suggestion_id: int, action: str, text: str | None, now_us: int) -> None:
        self._table.add_feedback(Feedback(suggestion_id, action, text, now_us))


def _gain(tested: Backtest) -> float:
    """Right firings, each wrong one taking back three."""
    return len(tested.right_us) - 3.0 * len(tested.wrong_us)


def _answered(suggestion: Suggestion) -> tuple[str, SuggestionStatus, int | None, str | None]:
    """What answers change of a suggestion, and a renamed entity."""
    return suggestion.key, suggestion.status, suggestion.snoozed_until_us, suggestion.automation_id


def _are_rivals(one: Proposal, other: Proposal) -> bool:
    if one.action != other.action:
        return False
    both_timed = isinstance(one.trigger, AtTime) and isinstance(other.trigger, AtTime)
    return one.is_same_habit(other) if both_timed else True
