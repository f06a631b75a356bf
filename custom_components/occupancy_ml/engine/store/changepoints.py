"""Changepoint streams: their training runs and their posterior state."""

from __future__ import annotations

from dataclasses import dataclass

from .runs import Json, RunRecords, RunStatus, to_json


@dataclass(frozen=True, slots=True)
class ChangepointState:
    """The posterior of one stream as of `updated_us`, as bytes its detector understands."""

    stream: str
    updated_us: int
    payload: bytes
    run_id: int | None = None


class BocpdStates(RunRecords):
    """The tables `bocpd_training_runs` and `bocpd_model_state`."""

    _TABLE = "bocpd_training_runs"
    _SUBJECT = ("stream", "t.stream", "bocpd_training_runs t")

    def save_state(self, stream: str, updated_us: int, payload: bytes, run_id: int | None = None) -> None:
        """Keep the posterior of a stream; without a run, the run noted before stays."""
        self.save_states([ChangepointState(stream, updated_us, payload, run_id)])

    def save_states(self, states: list[ChangepointState]) -> None:
        """Keep the posteriors of several streams in one transaction."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO bocpd_model_state (stream, updated_us, payload, run_id) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (stream) DO UPDATE SET updated_us = excluded.updated_us,"
                " payload = excluded.payload, run_id = coalesce(excluded.run_id, run_id)",
                [(state.stream, state.updated_us, state.payload, state.run_id) for state in states],
            )

    def load_state(self, stream: str) -> ChangepointState | None:
        """The posterior of a stream, None where there is none."""
        row = self._database.one(
            "SELECT stream, updated_us, payload, run_id FROM bocpd_model_state WHERE stream = ?", (stream,)
        )
        return None if row is None else ChangepointState(*row)

    def streams(self) -> list[str]:
        """The streams with a state, sorted."""
        return [row[0] for row in self._database.all("SELECT stream FROM bocpd_model_state ORDER BY stream")]

    def delete_state(self, stream: str) -> None:
        """Forget the posterior of a stream; its runs stay."""
        self._database.execute("DELETE FROM bocpd_model_state WHERE stream = ?", (stream,))

    def start_run(self, stream: str, cause: str, started_us: int, feature_set_version: int) -> int:
        """Note that a run of a stream starts; its id."""
        return self._start(stream, cause, started_us, feature_set_version)

    def finish_run(
        self,
        run_id: int,
        status: RunStatus,
        ended_us: int,
        *,
        rows: int | None = None,
        days: int | None = None,
        data_start_us: int | None = None,
        data_end_us: int | None = None,
        metrics: Json | None = None,
        reason: str | None = None,
    ) -> None:
        """Note how a run ended.

        Raises:
            StoreRejectedError: there is no such run.
        """
        told = {
            "rows": rows,
            "days": days,
            "data_start_us": data_start_us,
            "data_end_us": data_end_us,
            "metrics": to_json(metrics),
            "reason": reason,
        }
        self._finish(run_id, status, ended_us, told)
