"""From patterns to suggestions: what is drafted, what never is, and what answers teach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
import json

import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MICROSECONDS, Cause, Event
from custom_components.occupancy_ml.engine.gaps import Gaps
from custom_components.occupancy_ml.engine.home import Home, Role, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routines.patterns import (
    EVERY_DAY,
    Act,
    Life,
    Pattern,
    PatternType,
    When,
)
from custom_components.occupancy_ml.engine.routines.suggestions.backtest import Backtest
from custom_components.occupancy_ml.engine.routines.suggestions.candidates import candidates
from custom_components.occupancy_ml.engine.routines.suggestions.plans import plans_of
from custom_components.occupancy_ml.engine.routines.suggestions.proposal import AtTime, Becomes, Proposal
from custom_components.occupancy_ml.engine.routines.suggestions.ranking import Reason
from custom_components.occupancy_ml.engine.routines.suggestions.suggester import Policy, Suggester
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.suggestions import Suggestion, SuggestionStatus
from tests.engine.routines.suggestions.planted import (
    DOOR,
    FAN,
    HALL_LIGHT,
    HOME,
    LAMP,
    MOTION,
    NOW_US,
    PLAYER,
    event,
    every_evening,
    fill,
    local,
    pattern,
)


def suggester(
    store: Store, patterns: Iterable[Pattern], home: Home = HOME, policy: Policy | None = None
) -> Suggester:
    found = list(patterns)
    return Suggester(store, home, LocalClock("Europe/Berlin"), lambda: found, policy or Policy())


def night(desk: Suggester, now_us: int = NOW_US) -> None:
    shares = list(desk.night(now_us))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def only(desk: Suggester) -> Suggestion:
    (found,) = desk.read()
    return found


def offer(desk: Suggester, now_us: int = NOW_US) -> list[Suggestion]:
    """Offer all there is room for, as Home Assistant would after validation."""
    for draft in desk.due(now_us):
        assert draft.suggestion_id is not None
        desk.offer(draft.suggestion_id, draft.description, "alias: x\n", now_us)
    return desk.open(now_us)


def number(suggestion: Suggestion) -> int:
    assert suggestion.suggestion_id is not None
    return suggestion.suggestion_id


def test_a_habit_becomes_one_draft_before_the_hand(store: Store) -> None:
    fill(store, every_evening(skipped=(3,)))
    desk = suggester(store, [pattern()])
    night(desk)
    draft = only(desk)
    assert draft.status is SuggestionStatus.DRAFT
    proposal = Proposal.from_json(draft.proposal)
    # Of the minutes tried the one that most often comes before the person does.
    assert proposal.trigger == AtTime(19 * 60)
    tested = Backtest.from_json(dict(draft.backtest))
    assert (len(tested.right_us), tested.wrong_us) == (27, (local(3, 19),))
    assert (draft.safety_score, draft.category) == (95, "light")
    assert draft.description == "At 19:00 every day, turn on living lamp."
    before = store.database.all("SELECT * FROM suggestions")
    night(desk)
    assert store.database.all("SELECT * FROM suggestions") == before


def test_below_the_bar_nothing_is_drafted(store: Store) -> None:
    fill(store, every_evening(skipped=tuple(range(0, 28, 4))))
    desk = suggester(store, [pattern()], policy=Policy(bar=0.7))
    night(desk)
    assert desk.read() == []
    desk.policy = Policy(bar=0.6)
    night(desk)
    assert only(desk).status is SuggestionStatus.DRAFT


def test_what_an_automation_does_is_never_proposed(store: Store) -> None:
    fill(store, every_evening(cause=Cause.AUTOMATION))
    desk = suggester(store, [pattern()], policy=Policy(bar=0.0))
    night(desk)
    assert desk.read() == []


@pytest.mark.parametrize("life", [Life.FADING, Life.GONE])
def test_what_fades_is_not_proposed(store: Store, life: Life) -> None:
    fill(store, every_evening())
    desk = suggester(store, [pattern(life=life)])
    night(desk)
    assert desk.read() == []


RISKY = {
    "cover.garage": ("open", "closed", "garage", "garage"),
    "lock.front": ("unlocked", "locked", None, "lock"),
    "climate.living": ("heat", "off", None, "heating"),
    "switch.water_heater": ("on", "off", None, "heating"),
    "switch.bedroom_iron": ("on", "off", "outlet", "heating"),
    "valve.garden": ("open", "closed", "water", "water"),
    "cover.skylight": ("open", "closed", "window", "opening"),
    "cover.unnamed": ("open", "closed", None, "opening"),
    "alarm_control_panel.home": ("armed_away", "disarmed", None, "alarm"),
    "switch.garage_gate": ("on", "off", None, "garage"),
}


def swap(events: list[Event], on: str, off: str) -> list[Event]:
    return [replace(each, state=on if each.state == "on" else off) for each in events]


@pytest.mark.parametrize("entity_id", RISKY)
def test_risky_things_need_leave(store: Store, entity_id: str) -> None:
    on, off, device_class, category = RISKY[entity_id]
    home = replace(
        HOME, sensors=(*HOME.sensors[:-2], Sensor(entity_id, Role.ROUTINE_ONLY, None, device_class))
    )
    store.events.append(swap(every_evening(entity_id), on, off), {entity_id: (Role.ROUTINE_ONLY, None)})
    desk = suggester(store, [pattern(action=Act(entity_id, on))], home)
    night(desk)
    assert desk.read() == []
    desk.policy = Policy(allowed=frozenset({"lock" if category != "lock" else "garage"}))
    night(desk)
    assert desk.read() == []
    desk.policy = Policy(allowed=frozenset({category}))
    night(desk)
    assert (only(desk).category, only(desk).safety_score < 60) == (category, True)


def test_an_allowed_class_that_is_forbidden_again_takes_the_draft_away(store: Store) -> None:
    store.events.append(swap(every_evening(DOOR), "open", "closed"), {DOOR: (Role.ROUTINE_ONLY, None)})
    desk = suggester(store, [pattern(action=Act(DOOR, "open"))], policy=Policy(allowed=frozenset({"garage"})))
    night(desk)
    assert len(offer(desk)) == 1
    desk.policy = Policy()
    night(desk)
    assert (desk.open(NOW_US), only(desk).status) == ([], SuggestionStatus.WITHDRAWN)


def test_of_one_habit_seen_from_several_sides_one_is_offered(store: Store) -> None:
    events = every_evening()
    motion = [event(local(0, 0), MOTION, "off")]
    for day in range(28):
        motion += [event(local(day, 19, 1), MOTION, "on"), event(local(day, 19, 1, 9), MOTION, "off")]
    fill(store, events, motion)
    after = pattern(
        PatternType.CO_OCCURRENCE, trigger=Act(MOTION, "on"), parameters={"delay_s": 200, "window_s": 600}
    )
    chain = replace(after, key="sequence|x", pattern_type=PatternType.SEQUENCE, parameters={"gaps_s": [200]})
    desk = suggester(store, [pattern(), after, chain])
    night(desk)
    assert {s.status for s in desk.read()} == {SuggestionStatus.DRAFT}
    assert len(desk.read()) == 3
    (offered,) = offer(desk)
    desk.accept(number(offered), "a1", "alias: x\n", NOW_US)
    night(desk)
    # Once it runs, the same habit is not brought up again under another name.
    assert offer(desk) == []


def test_few_at_a_time_the_best_first(store: Store) -> None:
    things = ["light.a", "light.b", "light.c", "light.d"]
    home = replace(HOME, sensors=tuple(Sensor(each, Role.LIGHT, "living") for each in things))
    for rank, each in enumerate(things):
        store.events.append(every_evening(each, skipped=tuple(range(rank))), {each: (Role.LIGHT, "living")})
    desk = suggester(store, [pattern(action=Act(each, "on"), entities=(each,)) for each in things], home)
    night(desk)
    offered = offer(desk)
    assert [s.proposal["action"]["entity_id"] for s in offered] == things[:3]
    desk.dismiss(number(offered[0]), Reason.OTHER, NOW_US)
    assert [s.proposal["action"]["entity_id"] for s in desk.due(NOW_US)] == ["light.d"]


def test_what_was_refused_by_validation_is_not_shown(store: Store) -> None:
    fill(store, every_evening())
    desk = suggester(store, [pattern()])
    night(desk)
    desk.refuse(number(only(desk)), "there is no such action", NOW_US)
    assert desk.open(NOW_US) == []
    assert only(desk).status is SuggestionStatus.INVALID
    night(desk)
    assert len(offer(desk)) == 1


def test_snoozed_comes_back_and_dismissed_does_not(store: Store) -> None:
    fill(store, every_evening())
    desk = suggester(store, [pattern()])
    night(desk)
    (offered,) = offer(desk)
    desk.snooze(number(offered), NOW_US + 7 * DAY_US, NOW_US)
    assert desk.open(NOW_US) == []
    night(desk)
    assert desk.open(NOW_US + 6 * DAY_US) == []
    assert [s.suggestion_id for s in desk.open(NOW_US + 7 * DAY_US)] == [offered.suggestion_id]
    desk.dismiss(number(offered), Reason.NOT_USEFUL, NOW_US)
    night(desk)
    assert (offer(desk), only(desk).status) == ([], SuggestionStatus.DISMISSED)
    # Found again under another key and at a slightly different time, it is the same habit.
    again = suggester(store, [pattern(key="other")])
    night(again)
    assert offer(again) == []


@pytest.mark.parametrize("still_found", [True, False])
@pytest.mark.parametrize("status", ["dismissed", "snoozed", "accepted"])
def test_what_is_answered_during_the_night_stays_answered(
    store: Store, status: str, still_found: bool
) -> None:
    fill(store, every_evening())
    habit = [pattern()]
    desk = Suggester(store, HOME, LocalClock("Europe/Berlin"), lambda: habit)
    night(desk)
    (offered,) = offer(desk)
    if not still_found:
        habit.clear()
    slices = desk.night(NOW_US)
    next(slices)
    if status == "dismissed":
        desk.dismiss(number(offered), Reason.NOT_USEFUL, NOW_US)
    elif status == "snoozed":
        desk.snooze(number(offered), NOW_US + 7 * DAY_US, NOW_US)
    else:
        desk.accept(number(offered), "a1", "alias: x\n", NOW_US)
    answered = only(desk)
    assert list(slices)[-1] == 1.0
    assert (answered.status, only(desk)) == (status, answered)


def test_what_was_shown_is_tested_on_as_it_was(store: Store) -> None:
    """Days after it was offered are counted apart: its numbers were not chosen on them."""
    fill(store, every_evening())
    desk = suggester(store, [pattern()])
    early = local(21, 3)
    night(desk, early)
    (offered,) = offer(desk, early)
    night(desk)
    (kept,) = desk.open(NOW_US)
    assert (kept.suggestion_id, kept.proposal, kept.automation_yaml) == (
        offered.suggestion_id,
        offered.proposal,
        offered.automation_yaml,
    )
    assert (kept.backtest["new_right"], kept.backtest["new_wrong"]) == (7, 0)


def test_a_habit_that_ended_is_withdrawn(store: Store) -> None:
    fill(store, every_evening(skipped=tuple(range(18, 28))))
    desk = suggester(store, [pattern()])
    night(desk, local(18, 3))
    assert len(offer(desk, local(18, 3))) == 1
    night(desk)
    assert (desk.open(NOW_US), only(desk).reason) == ([], "it no longer holds")


def test_answers_change_the_order(store: Store) -> None:
    """Ten habits, five of them with media; who dismisses media finds the lights first, and by how much."""
    lights = [f"light.l{n}" for n in range(6)]
    media = [f"media_player.m{n}" for n in range(6)]
    things = [each for pair in zip(media, lights, strict=True) for each in pair]
    sensors = tuple(Sensor(each, Role.LIGHT if each in lights else Role.MEDIA, "living") for each in things)
    for each in things:
        # Media are the surer habit, so that without taste they come first.
        skipped = () if each in media else (3, 9)
        store.events.append(every_evening(each, skipped=skipped), {each: (Role.MEDIA, "living")})
    desk = suggester(
        store,
        [pattern(action=Act(each, "on"), entities=(each,)) for each in things],
        replace(HOME, sensors=sensors),
        Policy(most_open=2),
    )
    night(desk)

    def place_of_lights() -> float:
        left = [s for s in desk.read() if s.status is not SuggestionStatus.DISMISSED]
        left = [s for s in left if s.status is not SuggestionStatus.ACCEPTED]
        places = [n for n, s in enumerate(left) if s.category == "light"]
        return sum(places) / len(places) / len(left)

    before = place_of_lights()
    assert before > 0.6
    for _ in range(2):
        media_first = next(s for s in desk.read() if s.category == "media" and s.status != "dismissed")
        desk.dismiss(number(media_first), Reason.WRONG_DEVICE, NOW_US)
    assert place_of_lights() < 0.4 < before
    # And the next night keeps what was learned.
    night(desk)
    assert place_of_lights() < 0.4


def test_a_reason_teaches_what_it_is_about(store: Store) -> None:
    fill(store, every_evening(), every_evening(HALL_LIGHT), every_evening(PLAYER))
    things = (LAMP, HALL_LIGHT, PLAYER)
    desk = suggester(store, [pattern(action=Act(each, "on"), entities=(each,)) for each in things])
    night(desk)
    ranks = {s.proposal["action"]["entity_id"]: s.rank for s in desk.read()}
    desk.dismiss(next(number(s) for s in desk.read() if s.category == "media"), Reason.RISKY, NOW_US)
    after = {s.proposal["action"]["entity_id"]: s.rank for s in desk.read()}
    # Media are out of favour; lights at the same hour are not.
    assert {each: after[each] for each in (LAMP, HALL_LIGHT)} == {
        each: ranks[each] for each in (LAMP, HALL_LIGHT)
    }
    lamp = next(s for s in desk.read() if s.proposal["action"]["entity_id"] == LAMP)
    desk.dismiss(number(lamp), Reason.WRONG_TIME, NOW_US)
    last = next(s for s in desk.read() if s.proposal["action"]["entity_id"] == HALL_LIGHT)
    assert last.rank < ranks[HALL_LIGHT]


def test_a_while_that_is_always_the_same_becomes_a_timer(store: Store) -> None:
    fan = [event(local(0, 0), FAN, "off", Cause.UNKNOWN)]
    for day in range(28):
        fan += [event(local(day, 7), FAN, "on"), event(local(day, 7, 20 + day % 3), FAN, "off")]
    fill(store, fan)
    lasts = pattern(
        PatternType.DURATION,
        trigger=Act(FAN, "on"),
        action=Act(FAN, "off"),
        entities=(FAN,),
        parameters={"median_s": 1200, "p10_s": 1200, "p90_s": 1320},
    )
    desk = suggester(store, [lasts])
    night(desk)
    proposal = Proposal.from_json(only(desk).proposal)
    assert (proposal.trigger, proposal.action.state) == (Becomes(FAN, "on", 1200), "off")
    wide = replace(lasts, key="wide", parameters={"median_s": 1200, "p10_s": 60, "p90_s": 7200})
    assert plans_of([wide], {}, HOME) == []


def test_a_renamed_entity_is_drafted_anew(store: Store) -> None:
    fill(store, every_evening())
    desk = suggester(store, [pattern()])
    night(desk)
    offer(desk)
    store.suggestions.rename(LAMP, "light.new_lamp")
    assert desk.open(NOW_US) == []
    assert LAMP not in json.dumps(dict(only(desk).proposal))


def test_outcomes_are_kept_and_counted(store: Store) -> None:
    fill(store, every_evening())
    desk = suggester(store, [pattern()])
    night(desk)
    (offered,) = offer(desk)
    desk.accept(number(offered), "a1", "alias: x\n", NOW_US)
    for corrected in (False, True, True):
        outcomes = desk.note_outcome(number(offered), corrected, NOW_US)
    assert outcomes == "kcc"
    assert [f.action for f in store.suggestions.feedback()] == ["accepted", "corrected", "corrected"]
    with pytest.raises(LookupError):
        desk.get(99)


@pytest.mark.parametrize(
    ("context", "sun", "words"),
    [
        ("dark", "below_horizon", "When the sun has set, turn on living lamp."),
        ("light", "above_horizon", "When the sun has risen, turn on living lamp."),
    ],
)
def test_what_is_done_in_the_dark_is_done_when_the_sun_sets(
    store: Store, context: str, sun: str, words: str
) -> None:
    sky = [event(local(0, 0), "sun.sun", "above_horizon" if sun == "below_horizon" else "below_horizon")]
    for day in range(28):
        sky.append(event(local(day, 18, 40), "sun.sun", sun, Cause.UNKNOWN))
        sky.append(event(local(day, 23, 30), "sun.sun", sky[0].state, Cause.UNKNOWN))
    store.events.append(sky, {"sun.sun": (Role.ENVIRONMENT, None)})
    fill(store, every_evening())
    desk = suggester(store, [pattern(PatternType.CONTEXTUAL, parameters={"context": context})])
    night(desk)
    assert only(desk).description == words


@pytest.mark.parametrize("snoozed", [False, True])
def test_a_habit_that_is_found_under_another_key_keeps_its_suggestion(store: Store, snoozed: bool) -> None:
    """Days or minutes of a pattern move from night to night; what the user was shown of it does not."""
    fill(store, every_evening())
    desk = suggester(store, [pattern()])
    night(desk)
    (offered,) = offer(desk)
    if snoozed:
        desk.snooze(number(offered), NOW_US + DAY_US, NOW_US)
    moved = replace(pattern(key="time_of_day|moved"), when=When(19 * 60 + 8, 4.0, (19,), (0, 1, 2, 3, 4)))
    later = suggester(store, [moved])
    night(later)
    (kept,) = later.open(NOW_US + DAY_US)
    assert (kept.suggestion_id, kept.proposal, kept.key) == (
        offered.suggestion_id,
        offered.proposal,
        "time_of_day|moved",
    )
    assert len(later.read()) == 1


HALL_DOOR = "binary_sensor.hall_door"


def visits(entity_id: str = HALL_LIGHT, stay_s: int = 180) -> list[Event]:
    """Five times a day somebody comes into the hall, turns a light on, and off when leaving by the door."""
    found = [event(local(0, 0), entity_id, "off", Cause.UNKNOWN)]
    found += [event(local(0, 0), HALL_DOOR, "off", Cause.UNKNOWN)]
    for day in range(28):
        for hour in (7, 9, 12, 17, 20):
            came_us = local(day, hour, day)
            left_us = came_us + stay_s * MICROSECONDS
            found += [
                event(came_us, MOTION, "on", Cause.DEVICE),
                event(came_us + 2 * MICROSECONDS, entity_id, "on"),
                event(came_us + 30 * MICROSECONDS, MOTION, "off", Cause.DEVICE),
                event(left_us - 5 * MICROSECONDS, HALL_DOOR, "on", Cause.DEVICE),
                event(left_us, entity_id, "off"),
                event(left_us + 9 * MICROSECONDS, HALL_DOOR, "off", Cause.DEVICE),
            ]
    return found


@pytest.mark.parametrize(
    ("trigger", "entity_id", "stay_s"),
    [(MOTION, HALL_LIGHT, 60), (MOTION, LAMP, 180), (HALL_DOOR, HALL_LIGHT, 180)],
)
def test_nothing_is_ended_because_somebody_comes(
    store: Store, trigger: str, entity_id: str, stay_s: int
) -> None:
    """He ended it when he left; to end it when he is noticed leaves him in the dark, or the next one at the door."""
    fill(store, visits(entity_id, stay_s))
    act = Act(entity_id, "off")
    follows = pattern(
        PatternType.SEQUENCE,
        action=act,
        entities=(entity_id, trigger),
        trigger=Act(trigger, "on"),
        steps=(Act(trigger, "on"), act),
        parameters={"gaps_s": [float(stay_s)]},
        when=When(hours=(7, 9, 12, 17, 20)),
    )
    home = replace(HOME, sensors=(*HOME.sensors, Sensor(HALL_DOOR, Role.DOOR, "hall", "door")))
    desk = suggester(store, [follows], home, Policy(bar=0.5))
    night(desk)
    assert desk.read() == []


def test_what_is_started_because_somebody_comes_still_is(store: Store) -> None:
    fill(store, visits())
    act = Act(HALL_LIGHT, "on")
    follows = pattern(
        PatternType.CO_OCCURRENCE,
        action=act,
        entities=(HALL_LIGHT, MOTION),
        trigger=Act(MOTION, "on"),
        steps=(Act(MOTION, "on"), act),
        parameters={"delay_s": 2.0},
        when=When(hours=(7, 9, 12, 17, 20)),
    )
    desk = suggester(store, [follows], policy=Policy(bar=0.5))
    night(desk)
    assert "turn on hall" in only(desk).description


def test_what_ends_at_a_time_never_ends_long_before_the_hand(store: Store) -> None:
    """The player is turned off between ten and eleven: at ten it would be turned off in the middle of the film."""
    told = [event(local(0, 0), PLAYER, "off", Cause.UNKNOWN)]
    for day in range(28):
        told += [
            event(local(day, 20), PLAYER, "playing"),
            event(local(day, 22, 11 * day % 56), PLAYER, "off"),
        ]
    fill(store, told)
    off = pattern(
        action=Act(PLAYER, "off"), entities=(PLAYER,), when=When(22 * 60 + 28, 24.0, (22,), EVERY_DAY)
    )
    desk = suggester(store, [off], policy=Policy(bar=0.3))
    night(desk)
    proposal = Proposal.from_json(only(desk).proposal)
    assert isinstance(proposal.trigger, AtTime)
    assert proposal.trigger.minute >= 22 * 60 + 25
    assert proposal.within_s <= 15 * 60


def test_what_ends_after_a_trigger_is_ended_within_two_minutes_of_it(store: Store) -> None:
    """A fan that runs 40 to 60 minutes is not cut off after 50; nor is what is turned off somewhen after all left."""
    told = [event(local(0, 0), FAN, "off", Cause.UNKNOWN)]
    for day in range(28):
        told += [event(local(day, 7), FAN, "on"), event(local(day, 7, 40 + 7 * day % 21), FAN, "off")]
    fill(store, told)
    lasts = pattern(
        PatternType.DURATION,
        trigger=Act(FAN, "on"),
        action=Act(FAN, "off"),
        entities=(FAN,),
        parameters={"median_s": 3000, "p10_s": 2400, "p90_s": 3480},
    )
    desk = suggester(store, [lasts], policy=Policy(bar=0.5))
    night(desk)
    assert desk.read() == []
    for context, allowed in (("away", {120}), ("home", set())):
        ends = pattern(PatternType.CONTEXTUAL, action=Act(FAN, "off"), parameters={"context": context})
        assert {each.within_s for each in candidates(ends, HOME)} == allowed


def test_an_outage_does_not_speak_against_a_habit(store: Store) -> None:
    fill(store, every_evening(skipped=tuple(range(10, 17))))
    gaps = Gaps(store)
    gaps.note(local(10, 0), local(16, 23))
    desk = suggester(store, [pattern()])
    night(desk)
    assert desk.read() == []
    gaps.save(NOW_US)
    night(desk)
    assert len(Backtest.from_json(dict(only(desk).backtest)).right_us) == 21


@pytest.mark.parametrize(
    ("on", "off", "words"),
    [
        ("on", "off", ["turn on kitchen", "turn off kitchen", "When kitchen turns on"]),
        ("playing", "idle", ["play kitchen", "stop kitchen", "When kitchen becomes playing"]),
        ("playing", "paused", ["play kitchen", "pause kitchen", "When kitchen becomes playing"]),
    ],
)
def test_a_player_is_suggested_in_its_own_words(store: Store, on: str, off: str, words: list[str]) -> None:
    """Patterns call all of these on and off; what an automation does, or waits for, is what the player says."""
    fill(store, swap(every_evening(PLAYER), on, off), [event(local(0, 0), LAMP, "off", Cause.UNKNOWN)])
    for day in range(28):
        came_us = local(day, 19, 3 + day % 7)
        fill(store, [event(came_us, LAMP, "on"), event(local(day, 22), LAMP, "off")])
    desk = suggester(
        store,
        [
            pattern(action=Act(PLAYER, "on"), entities=(PLAYER,)),
            pattern(
                action=Act(PLAYER, "off"), entities=(PLAYER,), when=When(22 * 60 + 56, 0.0, (22,), EVERY_DAY)
            ),
            pattern(PatternType.CO_OCCURRENCE, trigger=Act(PLAYER, "on"), parameters={"delay_s": 60}),
        ],
    )
    night(desk)
    told = " ".join(s.description for s in desk.read())
    assert (len(desk.read()), [word for word in words if word not in told]) == (3, [])


@pytest.mark.parametrize("column", ["proposal", "features", "backtest"])
def test_one_that_cannot_be_read_stops_no_other(store: Store, column: str) -> None:
    """It is left out, and made anew under its number by the next night that finds its habit."""
    fill(store, every_evening(), every_evening(HALL_LIGHT))
    desk = suggester(
        store, [pattern(action=Act(each, "on"), entities=(each,)) for each in (LAMP, HALL_LIGHT)]
    )
    night(desk)
    both = {number(each) for each in offer(desk)}
    broken = number(desk.open(NOW_US)[0])
    store.database.execute(f"UPDATE suggestions SET {column} = substr({column}, 3) WHERE id = ?", (broken,))
    assert {number(each) for each in desk.open(NOW_US)} == both - {broken}
    with pytest.raises(LookupError):
        desk.get(broken)
    night(desk)
    assert {number(each) for each in desk.read()} == both
    assert desk.get(broken).status is SuggestionStatus.DRAFT
