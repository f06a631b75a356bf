"""Asks a person, by notification and at most once a day, whether somebody is in a room; the answer is a correction."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
import json
import logging
from typing import Any, Self

from homeassistant.components import persistent_notification
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import area_registry as ar, entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import ASK_IN_BROWSER, CONF_ASK_BY, DOMAIN
from .coordinator import Coordinator, now_us
from .engine.events import DAY_US, MINUTE_US, from_us
from .engine.questions import Questions
from .engine.snapshot import Snapshot, Source
from .engine.store import StoreError

_LOGGER = logging.getLogger(__name__)

# The event by which the companion apps tell that a button of a notification was pressed.
EVENT_ANSWER = "mobile_app_notification_action"
# The button carries all that its answer needs, so that an answer after a restart still counts.
_ACTION = f"{DOMAIN}|{{room}}|{{asked_us}}|{{answer}}"
_ANSWERS = {"occupied": True, "vacant": False}
# The buttons of a room that say the same.
_BUTTONS = {"occupied": "someone_here", "vacant": "nobody_here"}
_TAG = f"{DOMAIN}_question"
# For so long a question about "now" is still one.
_FRESH_US = 60 * MINUTE_US
# In the store: the local day of the last question, and the question while it is open.
_LAST_ASKED = "last_asked"


@dataclass(frozen=True, slots=True)
class _Question:
    """A question that was neither answered nor taken back.

    Attributes:
        room: which room it is about.
        asked_us: when it was asked.
        by: the action of `notify` that asked it, or `ASK_IN_BROWSER`.
    """

    room: str
    asked_us: int
    by: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked last: on which local day, and the question where it is still open."""

    day: date | None = None
    question: _Question | None = None

    @classmethod
    def from_text(cls, text: str | None) -> Self:
        """What `to_text` wrote; earlier versions wrote the day alone."""
        if text is None:
            return cls()
        day, _, question = text.partition(" ")
        return cls(date.fromisoformat(day), _Question(**json.loads(question)) if question else None)

    def to_text(self) -> str:
        """As it is kept."""
        day = "" if self.day is None else self.day.isoformat()
        return day if self.question is None else f"{day} {json.dumps(asdict(self.question))}"


class Asker:
    """Follows the snapshots and asks; hears the answers."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: Coordinator) -> None:
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._ask_by: str | None = entry.options.get(CONF_ASK_BY)
        home = coordinator.home
        self._rooms = {room.room_id for room in home.rooms}
        self._questions = Questions({sensor.room_id for sensor in home.sensors if sensor.room_id})
        self._asked = _Asked()
        self._asked_read = False
        self._busy = False

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start to listen; returns what ends it. Answers count also where nothing is asked any more."""
        removers = [
            self._hass.bus.async_listen(EVENT_ANSWER, self._on_answer),
            self._coordinator.async_add_listener(self._on_snapshot),
        ]
        self._on_snapshot()

        @callback
        def stop() -> None:
            for remove in removers:
                remove()

        return stop

    @callback
    def _on_snapshot(self) -> None:
        snapshot: Snapshot = self._coordinator.data
        self._take_back(snapshot)
        local = from_us(snapshot.time_us).astimezone(dt_util.get_default_time_zone())
        room = self._questions.worth_asking(snapshot, local, self._asked.day) if self._ask_by else None
        if self._busy or (self._asked_read and room is None):
            return
        question = None if room is None else _Question(room, snapshot.time_us, str(self._ask_by))
        self._busy = True
        self._entry.async_create_task(
            self._hass,
            self._async_ask(question, local.date()),
            f"{DOMAIN} question",
            eager_start=False,
        )

    async def _async_ask(self, question: _Question | None, today: date) -> None:
        """Ask, where there is a question; before the first, read what was asked last."""
        try:
            if not self._asked_read:
                self._asked = await self._coordinator.run(self._read)
                self._asked_read = True
            if question is None or self._asked.day == today:
                return
            # Before it is sent: a phone that cannot be reached must not be tried every minute.
            self._asked = _Asked(today, question)
            await self._coordinator.run(self._write, self._asked)
            await self._async_send(question)
        except (HomeAssistantError, StoreError) as error:
            if self._asked_read:
                _LOGGER.warning("A question could not be asked; the next is tomorrow: %s", error)
            else:
                # One may have been asked today: none is until that is known, and the next minute tries again.
                _LOGGER.debug("What was asked last could not be read: %s", error)
        finally:
            self._busy = False

    def _read(self) -> _Asked:
        asked = _Asked.from_text(self._coordinator.engine.store.metadata.get(_LAST_ASKED))
        if asked.question is not None and abs(now_us() - asked.question.asked_us) > DAY_US:
            return _Asked(asked.day)
        return asked

    def _write(self, asked: _Asked) -> None:
        self._coordinator.engine.store.metadata.set(_LAST_ASKED, asked.to_text())

    @callback
    def _take_back(self, snapshot: Snapshot) -> None:
        """When it was answered, by the buttons of the room, on another phone or by `relabel`; and when it is old.

        And where another is to be asked from now on, or nobody.
        """
        question = self._asked.question
        if question is None:
            return
        told = snapshot.rooms.get(question.room)
        answered = told is None or told.source is Source.CORRECTION
        # A phone answers for the moment at which it was asked, the buttons of a room for the present.
        in_browser = question.by == ASK_IN_BROWSER
        stale = in_browser and abs(snapshot.time_us - question.asked_us) > _FRESH_US
        if not (answered or stale or question.by != self._ask_by):
            return
        self._asked = _Asked(self._asked.day)
        if in_browser:
            persistent_notification.async_dismiss(self._hass, _TAG)
        self._entry.async_create_task(
            self._hass, self._async_forget(question), f"{DOMAIN} question answered", eager_start=False
        )

    async def _async_forget(self, question: _Question) -> None:
        try:
            if question.by != ASK_IN_BROWSER:
                # What the companion apps understand as: take the notification of this tag away.
                await self._async_notify(
                    question.by, {"message": "clear_notification", "data": {"tag": _TAG}}
                )
            await self._coordinator.run(self._write, self._asked)
        except (HomeAssistantError, StoreError) as error:
            _LOGGER.debug("An answered question could not be taken back: %s", error)

    async def _async_notify(self, by: str, data: dict[str, Any]) -> None:
        await self._hass.services.async_call("notify", by, data, blocking=True)

    async def _async_send(self, question: _Question) -> None:
        room = question.room
        texts = await async_get_translations(self._hass, self._hass.config.language, "common", [DOMAIN])

        def text(key: str, **values: str) -> str:
            return texts[f"component.{DOMAIN}.common.{key}"].format(**values)

        area = ar.async_get(self._hass).async_get_area(room)
        name = room if area is None else area.name
        if question.by == ASK_IN_BROWSER:
            registry = er.async_get(self._hass)

            def link(answer: str) -> str:
                entity_id = registry.async_get_entity_id("button", DOMAIN, f"room_{room}_{_BUTTONS[answer]}")
                # The dialog of a button opens for everybody, the page of a device for administrators only.
                return f"[{text(f'answer_{answer}')}](/?more-info-entity-id={entity_id})"

            persistent_notification.async_create(
                self._hass,
                text("question_in_browser", room=name, occupied=link("occupied"), vacant=link("vacant")),
                text("question_title"),
                _TAG,
            )
            return
        actions = [
            {
                "action": _ACTION.format(room=room, asked_us=question.asked_us, answer=answer),
                "title": text(f"answer_{answer}"),
            }
            for answer in _ANSWERS
        ]
        await self._async_notify(
            question.by,
            {
                "title": text("question_title"),
                "message": text("question", room=name),
                "data": {"tag": _TAG, "actions": actions},
            },
        )

    @callback
    def _on_answer(self, event: Event[Any]) -> None:
        # Other integrations' buttons come here too.
        parts = str(event.data.get("action", "")).split("|")
        if len(parts) != 4 or parts[0] != DOMAIN or parts[3] not in _ANSWERS or not parts[2].isdecimal():
            return
        room, asked_us, occupied = parts[1], int(parts[2]), _ANSWERS[parts[3]]
        if room not in self._rooms or not 0 <= now_us() - asked_us <= DAY_US:
            return
        self._entry.async_create_task(
            self._hass,
            self._async_answer(room, occupied, asked_us, event.context.user_id),
            f"{DOMAIN} answer",
            eager_start=False,
        )

    async def _async_answer(self, room: str, occupied: bool, asked_us: int, who: str | None) -> None:
        try:
            await self._coordinator.async_correct(
                lambda engine, now: engine.answer(room, occupied, asked_us, now, who)
            )
        except HomeAssistantError as error:
            _LOGGER.warning("An answer could not be stored: %s", error)
