"""Long work in progress, as it is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .engine.snapshot import Learning, Snapshot


@dataclass(frozen=True, slots=True)
class Work:
    """Long work in progress, shown in place of the engine's own learning status.

    Attributes:
        learning: what to show, None to leave the engine's.
        progress: share done in [0, 1].
        reason: what is going on, None for nothing to add.
    """

    learning: Learning | None
    progress: float | None
    reason: str | None = None

    def shown_in(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with this work in its learning status."""
        home = replace(
            snapshot.home,
            learning=self.learning or snapshot.home.learning,
            learning_reason=self.reason or snapshot.home.learning_reason,
            progress=self.progress,
        )
        return replace(snapshot, home=home)
