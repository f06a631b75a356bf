"""The automations made here, as the store notes them: versions, and what the file says now against what was noted."""

from __future__ import annotations

from collections.abc import Container

from .automation_file import is_same
from .const import DOMAIN
from .coordinator import Coordinator, now_us
from .engine.store.suggestions import Suggestion, SuggestionStatus, Version

RUNNING = (SuggestionStatus.ACCEPTED, SuggestionStatus.DISABLED)


class VersionBook:
    """Every change of an automation is a version. All of it reads or writes the store: to be called in the executor."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    def history(self, automation_id: str) -> tuple[list[Version], Suggestion | None]:
        """The versions of an automation, and the suggestion it came from."""
        table = self._coordinator.engine.store.suggestions
        versions = table.versions(automation_id)
        number = next((v.suggestion_id for v in versions if v.suggestion_id is not None), None)
        return versions, None if number is None else table.get(number)

    def note_rolled_back(self, suggestion: Suggestion, mapping: str | None) -> None:
        """An earlier version runs again, or where it has no text, none."""
        assert suggestion.suggestion_id is not None
        engine = self._coordinator.engine
        with engine.store.transaction():
            self._add_version(suggestion, mapping or "", "rolled_back")
            if mapping is None:
                engine.suggestions.roll_back(suggestion.suggestion_id, now_us())
            else:
                engine.suggestions.reinstate(suggestion.suggestion_id, mapping, now_us())

    def note_created(self, suggestion: Suggestion, mapping: str) -> None:
        """It runs now."""
        assert suggestion.suggestion_id is not None
        engine = self._coordinator.engine
        automation_id = automation_id_of(suggestion)
        with engine.store.transaction():
            engine.suggestions.accept(suggestion.suggestion_id, automation_id, mapping, now_us())
            self._add_version(suggestion, mapping, "created")

    def _add_version(self, suggestion: Suggestion, mapping: str, reason: str) -> None:
        self._coordinator.engine.store.suggestions.add_version(
            Version(
                automation_id_of(suggestion),
                suggestion.suggestion_id,
                mapping,
                now_us(),
                suggestion.safety_score,
                reason,
            )
        )

    def note_present(
        self, known: list[Suggestion], present: dict[str, str], elsewhere: Container[str]
    ) -> None:
        """What the file says now, against what was noted.

        Args:
            known: suggestions whose automations are looked for.
            present: by id, the YAML of those that are in the file.
            elsewhere: ids of automations that run from another file: these were moved, not taken out.
        """
        engine = self._coordinator.engine
        for suggestion in known:
            automation_id = automation_id_of(suggestion)
            mapping = present.get(automation_id)
            if suggestion.status not in RUNNING:
                # A crash came between the file and the store, or a backup brought it back.
                if mapping is not None:
                    self.note_created(suggestion, mapping)
            elif mapping is None:
                if automation_id in elsewhere:
                    continue
                with engine.store.transaction():
                    self._add_version(suggestion, "", "removed")
                    engine.suggestions.roll_back(suggestion.suggestion_id or 0, now_us())
            else:
                versions = engine.store.suggestions.versions(automation_id)
                if not versions or not is_same(versions[-1].yaml_content, mapping):
                    self._add_version(suggestion, mapping, "edited")


def automation_id_of(suggestion: Suggestion) -> str:
    """The id of the automation made of a suggestion, in the file; the same again after a crash."""
    return (
        suggestion.automation_id or f"{DOMAIN}_{suggestion.created_at_us // 1000}_{suggestion.suggestion_id}"
    )


def version_before_or(versions: list[Version], version_id: int | None) -> Version | None:
    """The version to go back to; the empty one before the first stands for the automation's absence."""
    if not versions:
        return None
    if version_id is not None:
        return next((version for version in versions if version.version_id == version_id), None)
    if len(versions) > 1:
        return versions[-2]
    first = versions[0]
    return Version(first.automation_id, first.suggestion_id, "", first.deployed_at_us, first.safety_score, "")
