"""Suggestions in Home Assistant: validated before they are offered, put into the file on one tap, watched after.

The engine drafts them at night and keeps their life; here is what needs Home Assistant. A change is first in the
file, then in the store: what a crash leaves between the two is found and noted at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_ID, STATE_ON
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.helpers.start import async_at_started

from .automation_versions import RUNNING, VersionBook, automation_id_of, version_before_or
from .automation_watch import AutomationWatch, Watched, is_too_often
from .automations import (
    AutomationEditor,
    AutomationFileError,
    CannotEditError,
    InvalidAutomationError,
    NotLoadedError,
    UnsafeAutomationError,
    as_yaml,
    entities_of,
)
from .const import DOMAIN, SIGNAL_NIGHT_OVER
from .coordinator import Coordinator, now_us
from .engine.events import DAY_US
from .engine.routines.suggestions import Reason
from .engine.routines.suggestions.compose import CannotComposeError, automation, sentence
from .engine.routines.suggestions.proposal import Proposal
from .engine.routines.suggestions.suggester import NOT_SAFE
from .engine.store import StoreError
from .engine.store.suggestions import Suggestion, SuggestionStatus, Version
from .suggestion_names import names_given, names_of
from .suggestion_notices import async_notify, async_tell_disabled

_LOGGER = logging.getLogger(__name__)

EVENT_AUTOMATION_RELOADED = "automation_reloaded"
# Snoozed suggestions come back by the hour.
_LOOK_AGAIN = timedelta(hours=1)

_OPEN = (SuggestionStatus.OFFERED, SuggestionStatus.SNOOZED)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a suggestion that was accepted.

    Attributes:
        automation_id: its id in the file, None where the file cannot be written and the YAML is to be copied.
        entity_id: its entity, where it runs.
        automation_yaml: the automation, as one that the user can paste.
    """

    automation_id: str | None
    entity_id: str | None
    automation_yaml: str


class SuggestionKeeper:
    """The suggestions of one home, and the automations made from them."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: Coordinator) -> None:
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._editor = AutomationEditor(hass)
        self._book = VersionBook(coordinator)
        self._watch = AutomationWatch(hass, self._on_outcome, lambda: self._spawn(self._async_update))
        self._lock = asyncio.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.open: tuple[Suggestion, ...] = ()

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Begin once Home Assistant has started; returns what ends it."""
        removers = [
            self._watch.async_start(),
            async_at_started(self._hass, self._on_started),
            async_dispatcher_connect(self._hass, SIGNAL_NIGHT_OVER, self._on_night_over),
            self._hass.bus.async_listen(EVENT_AUTOMATION_RELOADED, self._on_reloaded),
            async_track_time_interval(self._hass, self._on_time, _LOOK_AGAIN, cancel_on_shutdown=True),
        ]

        @callback
        def stop() -> None:
            for remove in removers:
                remove()

        return stop

    @callback
    def async_add_listener(self, update: Callable[[], None]) -> CALLBACK_TYPE:
        """Have `update` called when what is open changes; returns what ends it."""
        self._listeners.append(update)

        @callback
        def remove() -> None:
            self._listeners.remove(update)

        return remove

    @callback
    def _on_started(self, _hass: HomeAssistant) -> None:
        self._spawn(self.async_offer)

    @callback
    def _on_night_over(self) -> None:
        self._spawn(self.async_offer)

    @callback
    def _on_reloaded(self, _event: Event) -> None:
        # Our own changes reload too; what they changed is noted when they are done.
        if not self._lock.locked():
            self._spawn(self.async_reconcile)

    @callback
    def _on_time(self, _now: datetime) -> None:
        self._spawn(self._async_update)

    @callback
    def _spawn(self, work: Callable[[], Any]) -> None:
        async def run() -> None:
            try:
                await work()
            except (HomeAssistantError, StoreError) as error:
                if not self._coordinator.closed:
                    _LOGGER.warning("Suggestions could not be looked after for now: %s", error)

        self._entry.async_create_background_task(self._hass, run(), f"{DOMAIN} suggestions")

    # Offering

    async def async_offer(self) -> None:
        """Validate what the night drafted and offer what is sound, as long as there is room; then notify, if wanted."""
        async with self._lock:
            await self._async_reconcile()
            desk = self._coordinator.engine.suggestions
            self._tell_names()
            await self._coordinator.run(desk.refuse_unsafe, now_us())
            for draft in await self._coordinator.run(desk.due, now_us()):
                try:
                    config, words = await self._async_sound(draft)
                except InvalidAutomationError as error:
                    _LOGGER.debug("Suggestion %s is not sound", draft.suggestion_id)
                    await self._coordinator.run(desk.refuse, draft.suggestion_id, str(error), now_us())
                    continue
                await self._coordinator.run(desk.offer, draft.suggestion_id, words, as_yaml(config), now_us())
        await self._async_update()
        await async_notify(self._hass, self._entry, self._coordinator, self.open)

    @callback
    def _tell_names(self) -> None:
        """Tell the engine what things are called now: a name says what a plug is used for, seldom its id."""
        sensors = self._coordinator.home.sensors
        self._coordinator.engine.suggestions.names = {
            sensor.entity_id: names_given(self._hass, sensor.entity_id) for sensor in sensors
        }

    async def _async_sound(self, suggestion: Suggestion) -> tuple[dict[str, Any], str]:
        """The automation of a suggestion and its sentence, validated by Home Assistant.

        Raises:
            InvalidAutomationError: it would not run, or could do harm.
        """
        proposal = Proposal.from_json(suggestion.proposal)
        if not self._coordinator.engine.suggestions.is_safe(proposal):
            raise UnsafeAutomationError(NOT_SAFE)
        names = names_of(self._hass, self._coordinator.home, proposal)
        try:
            config = automation(proposal, names)
        except CannotComposeError as error:
            raise InvalidAutomationError(str(error)) from error
        await self._editor.async_validate(config, proposal.entity_ids | entities_of(config))
        return config, sentence(proposal, names)

    async def _async_update(self) -> None:
        """Read what is open and what runs, and tell those who show it."""
        desk = self._coordinator.engine.suggestions
        found = tuple(await self._coordinator.run(desk.open, now_us()))
        disabled = {}
        for each in await self._coordinator.run(desk.read, (SuggestionStatus.DISABLED,)):
            entity_id = self._editor.entity_id(each.automation_id or "")
            if entity_id is not None and self._hass.states.is_state(entity_id, STATE_ON):
                await self._coordinator.run(desk.enable, each.suggestion_id, now_us())
            elif entity_id is not None:
                disabled[entity_id] = each
        running = await self._coordinator.run(desk.read, (SuggestionStatus.ACCEPTED,))
        watched = {}
        for each in running:
            entity_id = self._editor.entity_id(each.automation_id or "")
            if entity_id is not None and each.suggestion_id is not None:
                action = Proposal.from_json(each.proposal).action
                watched[entity_id] = Watched(each.suggestion_id, action.entity_id, action.state)
        self._watch.async_watch(watched, disabled)
        if found != self.open:
            self.open = found
            for update in tuple(self._listeners):
                update()

    # The user's answers

    async def async_accept(self, suggestion_id: int) -> Accepted:
        """Have an open suggestion run, or where the file cannot be written, give its YAML to copy.

        Raises:
            ServiceValidationError: it is not open, or no longer sound.
            HomeAssistantError: the file cannot be edited.
        """
        async with self._lock:
            desk = self._coordinator.engine.suggestions
            suggestion = await self._async_open(suggestion_id)
            self._tell_names()
            try:
                config, _ = await self._async_sound(suggestion)
            except InvalidAutomationError as error:
                await self._coordinator.run(desk.refuse, suggestion_id, str(error), now_us())
                is_unsafe = isinstance(error, UnsafeAutomationError)
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="suggestion_not_safe" if is_unsafe else "suggestion_not_sound",
                    translation_placeholders={"error": str(error)},
                ) from error
            automation_id = automation_id_of(suggestion)
            mapping = as_yaml({CONF_ID: automation_id, **config})
            written = await self._editor.async_can_write() and await self._async_written(
                automation_id, mapping, may_be_copied=True
            )
            if written:
                await self._coordinator.run(self._book.note_created, suggestion, mapping)
            else:
                await self._coordinator.run(desk.accept, suggestion_id, None, mapping, now_us())
        await self._async_update()
        return Accepted(
            automation_id if written else None,
            self._editor.entity_id(automation_id) if written else None,
            as_yaml(config),
        )

    async def _async_written(
        self, automation_id: str, mapping: str | None, *, may_be_copied: bool = False
    ) -> bool:
        """Write the file; False where Home Assistant does not load what stands there, or the user can copy it there."""
        try:
            await self._editor.async_write(automation_id, mapping)
        except NotLoadedError:
            return False
        except AutomationFileError as error:
            if may_be_copied and isinstance(error, CannotEditError):
                return False
            raise _file_error(error) from error
        return True

    async def async_dismiss(self, suggestion_id: int, reason: Reason, text: str = "") -> None:
        """The user does not want it, and may say why in words of their own."""
        async with self._lock:
            await self._async_open(suggestion_id)
            desk = self._coordinator.engine.suggestions
            await self._coordinator.run(desk.dismiss, suggestion_id, reason, now_us(), text)
        # Its place is free for the next.
        await self.async_offer()

    async def async_snooze(self, suggestion_id: int, days: int) -> None:
        """The user wants to see it later."""
        async with self._lock:
            await self._async_open(suggestion_id)
            desk = self._coordinator.engine.suggestions
            until_us = now_us() + days * DAY_US
            await self._coordinator.run(desk.snooze, suggestion_id, until_us, now_us())
        await self.async_offer()

    async def _async_open(self, suggestion_id: int) -> Suggestion:
        try:
            suggestion = await self._coordinator.run(self._coordinator.engine.suggestions.get, suggestion_id)
        except LookupError:
            suggestion = None
        if suggestion is None or suggestion.status not in _OPEN:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="suggestion_not_open",
                translation_placeholders={"suggestion": str(suggestion_id)},
            )
        return suggestion

    async def async_roll_back(self, automation_id: str, version_id: int | None = None) -> Version:
        """Bring an automation made here back to a version, to the one before the last where none is named.

        What the user wrote meanwhile is kept as a version of its own first. Before its first version it did not
        exist: going back there takes it out of the file.

        Raises:
            ServiceValidationError: there is no such automation or version, or it is not sound any more.
            HomeAssistantError: the file cannot be edited.
        """
        async with self._lock:
            await self._async_reconcile()
            versions, suggestion = await self._coordinator.run(self._book.history, automation_id)
            target = version_before_or(versions, version_id)
            if target is None or suggestion is None or suggestion.suggestion_id is None:
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="no_such_version",
                    translation_placeholders={"automation": automation_id},
                )
            if await self._async_is_elsewhere(automation_id):
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="automation_moved",
                    translation_placeholders={"automation": automation_id},
                )
            mapping = target.yaml_content or None
            if not await self._async_written(automation_id, mapping):
                raise ServiceValidationError(
                    translation_domain=DOMAIN,
                    translation_key="suggestion_not_sound",
                    translation_placeholders={"error": automation_id},
                )
            if mapping is not None and suggestion.status is SuggestionStatus.DISABLED:
                await self._editor.async_turn_on(automation_id)
            await self._coordinator.run(self._book.note_rolled_back, suggestion, mapping)
        await self._async_update()
        return target

    async def _async_is_elsewhere(self, automation_id: str) -> bool:
        """Whether an automation runs from another file than the one that is written here.

        Raises:
            HomeAssistantError: the file cannot be read.
        """
        if not self._editor.runs(automation_id):
            return False
        try:
            return automation_id not in await self._editor.async_read([automation_id])
        except AutomationFileError as error:
            raise _file_error(error) from error

    # What the user does in the editor of Home Assistant, and by hand

    async def async_reconcile(self) -> None:
        """Note what was changed in the file by others: edited, taken out, put back."""
        async with self._lock:
            await self._async_reconcile()
        await self._async_update()

    async def _async_reconcile(self) -> None:
        desk = self._coordinator.engine.suggestions
        known = await self._coordinator.run(desk.read, (*_OPEN, *RUNNING, SuggestionStatus.ROLLED_BACK))
        if not known:
            return
        wanted = [automation_id_of(each) for each in known]
        try:
            present = await self._editor.async_read(wanted)
        except AutomationFileError as error:
            # What cannot be read was not taken out.
            _LOGGER.debug("The automations cannot be read for now: %s", error)
            return
        elsewhere = {each for each in wanted if each not in present and self._editor.runs(each)}
        await self._coordinator.run(self._book.note_present, known, present, elsewhere)

    @callback
    def _on_outcome(self, suggestion_id: int, corrected: bool) -> None:
        async def note() -> None:
            await self._async_note_outcome(suggestion_id, corrected)

        self._spawn(note)

    async def _async_note_outcome(self, suggestion_id: int, corrected: bool) -> None:
        """Keep how a firing ended; turn the automation off when it is put right again and again."""
        async with self._lock:
            desk = self._coordinator.engine.suggestions
            outcomes = await self._coordinator.run(desk.note_outcome, suggestion_id, corrected, now_us())
            suggestion = await self._coordinator.run(desk.get, suggestion_id)
            if suggestion.status is not SuggestionStatus.ACCEPTED or not is_too_often(outcomes):
                return
            automation_id = automation_id_of(suggestion)
            await self._editor.async_turn_off(automation_id)
            await self._coordinator.run(desk.disable, suggestion_id, "corrected", now_us())
        await async_tell_disabled(self._hass, suggestion)
        await self._async_update()


def _file_error(error: AutomationFileError) -> HomeAssistantError:
    return HomeAssistantError(
        translation_domain=DOMAIN,
        translation_key="automations_file",
        translation_placeholders={"error": str(error)},
    )
