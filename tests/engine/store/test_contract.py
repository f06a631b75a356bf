"""The contract with outside readers: its page, its columns and its version move together."""

from __future__ import annotations

import json
from pathlib import Path
import re

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES, FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.store import CONTRACT_VERSION, Store
from custom_components.occupancy_ml.engine.store.database import read_only
from tests.engine.living import START_US, flat, live, pulse
from tests.engine.store.helpers import ROOT
from tests.engine.store.test_store_schema import PINNED_VERSION, PINNED_VIEWS, fill

PAGE = (ROOT / "docs" / "contracts.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.S)
(NOTEBOOK,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
# What outside readers rely on. A change here needs another contract version.
PINNED_KEYS = {
    "schema_version",
    "migration_status",
    "contract_version",
    "feature_set_version",
    "feature_names_vN",
    "last_ingest_at",
    "last_feature_compute_at",
    "last_clr_train_at",
    "last_bocpd_train_at",
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a home after a day and its night, closed."""
    path = tmp_path_factory.mktemp("contract") / "home.db"
    events = [e for hour in range(28) for e in pulse(hour * 3600 + 60, ("hall", "kitchen")[hour % 2])]
    _, engine = live(path, flat(), events, START_US, START_US + DAY_US * 28 // 24)
    now_us = START_US + DAY_US * 28 // 24
    engine.relabel("kitchen", now_us - DAY_US // 12, now_us, True, now_us, "ada")
    list(engine.night(now_us))
    engine.close()
    return path


def tables_of_page() -> dict[str, list[tuple[str, str]]]:
    """The columns that the page names, with their types, by view."""
    found = {}
    for title, text in re.findall(r"^## (vw_\w+)\n(.*?)(?=^## )", PAGE, re.S | re.M):
        rows = re.findall(r"^\| (\w+) \| (TEXT|INTEGER|REAL|BLOB) \|", text, re.M)
        found[title] = [(name, kind.lower()) for name, kind in rows]
    return found


def test_the_page_the_views_and_the_version_agree() -> None:
    assert tables_of_page() == PINNED_VIEWS
    assert CONTRACT_VERSION == PINNED_VERSION
    # The version the snippet accepts.
    assert f'split(".")[0] == "{CONTRACT_VERSION.split(".")[0]}"' in NOTEBOOK


def test_the_keys_are_pinned_and_a_living_file_has_them(lived: Path) -> None:
    section = PAGE[PAGE.index("## Metadata") : PAGE.index("## Labels")]
    assert set(re.findall(r"^\| (\w+) \| (?!value)", section, re.M)) == PINNED_KEYS
    with read_only(lived) as connection:
        stored = dict(connection.execute("SELECT key, value FROM metadata").fetchall())
    keys = {key if not key.startswith("feature_names_v") else "feature_names_vN" for key in stored}
    assert keys >= PINNED_KEYS
    assert stored["contract_version"] == CONTRACT_VERSION
    assert json.loads(stored[f"feature_names_v{FEATURE_SET_VERSION}"]) == list(FEATURE_NAMES)
    for key in PINNED_KEYS:
        if key.startswith("last_"):
            assert START_US <= int(stored[key]) <= START_US + 2 * DAY_US


def test_every_view_has_a_query_of_its_own() -> None:
    for view in PINNED_VIEWS:
        text = PAGE[PAGE.index(f"## {view}") :]
        assert view in text[text.index("```sql") : text.index("```", text.index("```sql") + 3)]


@pytest.mark.parametrize("sql", QUERIES)
def test_every_query_of_the_page_runs_and_finds_something(store: Store, sql: str) -> None:
    fill(store)
    store.metadata.set("feature_set_version", "1")
    sql = sql.replace("'kitchen'", "'hall'").replace("'now'", "'2026-03-02'")
    with store.reader() as connection:
        rows = connection.execute(sql).fetchall()
    assert rows
    assert all(None not in row for row in rows if "metrics" not in sql)


def test_the_notebook_runs_on_a_living_file(lived: Path) -> None:
    names: dict[str, object] = {"path": lived, "room_id": "kitchen"}
    exec(compile(NOTEBOOK, "contracts.md", "exec"), names)
    matrix, targets, weights = names["X"], names["y"], names["weights"]
    assert isinstance(matrix, np.ndarray)
    assert matrix.shape == (len(np.asarray(targets)), len(FEATURE_NAMES))
    # Of the air nothing is known while its sensor is silent; all else is a number.
    unknown = {name for name, column in zip(FEATURE_NAMES, matrix.T, strict=True) if np.isnan(column).any()}
    assert all(name.endswith(("_level", "_rise")) for name in unknown)
    assert not np.isinf(matrix).any()
    # Two hours of correction among what hindsight says.
    corrected = np.asarray(weights) == 6.0
    assert corrected.sum() == 24
    assert (np.asarray(targets)[corrected] == 1.0).all()


def test_the_types_hold_on_a_living_file(lived: Path) -> None:
    with read_only(lived) as connection:
        for view, columns in PINNED_VIEWS.items():
            typed = ", ".join(f"typeof({name})" for name, _ in columns)
            for kinds in connection.execute(f"SELECT DISTINCT {typed} FROM {view}"):
                assert all(kind in (want, "null") for kind, (_, want) in zip(kinds, columns, strict=True))
