"""The file of automations: ours is put in, changed and taken out; all else stays as it is, byte by byte."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

from homeassistant.util.yaml import dump, load_yaml
from hypothesis import given, settings, strategies as st
import pytest
import yaml

from custom_components.occupancy_ml import automation_file
from custom_components.occupancy_ml.automation_file import (
    AutomationFileError,
    is_included,
    is_same,
    read_automations,
    write_automation,
)

OURS = "id: ours\nalias: Ours\ntriggers:\n- trigger: time\n  at: '19:00:00'\nactions: []\n"
THEIRS = """\
# My automations, by hand.
- id: '1'
  alias: Porch   # a comment
  triggers:
    - trigger: state
      entity_id: !secret the_door
  actions:
    - action: notify.me
      data:
        message: |
          # no comment, but text

          twice

# The second one.
- alias: Without an id
  actions: []
  variables: {a: 1,
    b: 2}
"""


def read_automation(path: Path, automation_id: str) -> str | None:
    return read_automations(path, [automation_id]).get(automation_id)


@pytest.mark.parametrize(
    "before",
    [
        None,
        "",
        "[]\n",
        "# nothing yet\n[]",
        THEIRS,
        THEIRS.rstrip("\n"),
        "".join(f"  {line}\n" if line else "\n" for line in THEIRS.splitlines()),
        "-\n  id: x\n  alias: Y\n",
        "---\n- id: x\n  alias: Y\n",
    ],
)
def test_putting_in_and_taking_out_leaves_the_rest(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "automations.yaml"
    if before is not None:
        path.write_text(before, encoding="utf-8")
    assert read_automation(path, "ours") is None
    write_automation(path, "ours", OURS)
    assert is_same(read_automation(path, "ours") or "", OURS)
    kept = (before or "").replace("[]", "").rstrip("\n") if "id" not in (before or "") else before
    assert path.read_text(encoding="utf-8").startswith((kept or "").rstrip("\n"))
    longer = OURS.replace("Ours", "Ours, changed") + "mode: single\n"
    write_automation(path, "ours", longer)
    assert is_same(read_automation(path, "ours") or "", longer)
    write_automation(path, "ours", None)
    left = path.read_text(encoding="utf-8")
    assert left.removesuffix("[]\n").rstrip("\n") == (kept or "").rstrip("\n")
    assert isinstance(yaml.compose(left), yaml.SequenceNode)
    assert [each.name for each in tmp_path.iterdir()] == ["automations.yaml"]


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ("[ ]\n", "OURS", "[]\n"),
        ("--- []\n", "--- \nOURS", "--- \n[]\n"),
        ("[]  # none yet\n", "# none yet\nOURS", "# none yet\n[]\n"),
        ("# ünïcode\n[\n]\n...\n", "# ünïcode\nOURS...\n", "# ünïcode\n[]\n...\n"),
        ("- id: a\n# the end\n...\n", "- id: a\n# the end\nOURS...\n", "- id: a\n# the end\n...\n"),
    ],
)
def test_every_way_to_write_an_empty_list_or_an_end(
    tmp_path: Path, before: str, after: str, left: str
) -> None:
    path = tmp_path / "automations.yaml"
    path.write_text(before, encoding="utf-8")
    write_automation(path, "ours", "id: ours\nalias: Ours\n")
    assert path.read_text(encoding="utf-8") == after.replace("OURS", "- id: ours\n  alias: Ours\n")
    write_automation(path, "ours", None)
    assert path.read_text(encoding="utf-8") == left


def test_one_in_the_middle_is_changed_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "automations.yaml"
    path.write_text(THEIRS)
    write_automation(path, "1", OURS.replace("id: ours", "id: '1'"))
    text = path.read_text()
    assert text.startswith("# My automations, by hand.\n- id: '1'\n  alias: Ours\n")
    assert text.endswith(THEIRS[THEIRS.index("\n# The second one.") :])
    write_automation(path, "1", None)
    assert path.read_text() == "# My automations, by hand.\n" + THEIRS[THEIRS.index("\n# The second one.") :]


def test_what_home_assistant_reads_is_what_was_put_in(tmp_path: Path) -> None:
    path = tmp_path / "automations.yaml"
    first = {"id": "a", "alias": "Ünïcode: 'quoted' # not a comment", "actions": [{"delay": 5}]}
    path.write_text(dump([first]))
    write_automation(path, "ours", OURS)
    assert load_yaml(path) == [first, yaml.safe_load(OURS)]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"alias": st.text(max_size=30)},
            optional={
                "description": st.text(alphabet="ab #:-\n'\"|>", max_size=60),
                "actions": st.lists(
                    st.dictionaries(st.text("xyz", min_size=1), st.integers() | st.text(), max_size=2),
                    max_size=2,
                ),
            },
        ),
        max_size=4,
    ),
    st.integers(0, 3),
)
def test_any_list_survives(
    tmp_path_factory: pytest.TempPathFactory, them: list[dict[str, object]], at: int
) -> None:
    path = tmp_path_factory.mktemp("any") / "automations.yaml"
    listed = [{"id": str(number), **each} for number, each in enumerate(them)]
    path.write_text(dump(listed), encoding="utf-8")
    before = path.read_bytes()
    write_automation(path, "ours", OURS)
    assert load_yaml(path) == [*listed, yaml.safe_load(OURS)]
    write_automation(path, "ours", None)
    assert load_yaml(path) == listed
    if them:
        assert path.read_bytes() == before
        changed = str(at % len(them))
        told = read_automation(path, changed)
        assert told is not None
        assert yaml.safe_load(told) == listed[int(changed)]
        write_automation(path, changed, OURS.replace("ours", changed))
        write_automation(path, changed, told)
        assert load_yaml(path) == listed


@pytest.mark.parametrize(
    "broken",
    [
        "- id: [\n",
        "id: x\nalias: a mapping\n",
        "[{id: x, alias: flow}]\n",
        "a text\n",
        "- id: x\n...\n---\n- id: y\n",
    ],
)
def test_what_cannot_be_edited_safely_is_left_alone(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "automations.yaml"
    path.write_text(broken)
    with pytest.raises(AutomationFileError):
        write_automation(path, "ours", OURS)
    assert path.read_text() == broken
    path.write_bytes(b"- id: \xff\n")
    with pytest.raises(AutomationFileError):
        write_automation(path, "ours", OURS)
    with pytest.raises(AutomationFileError):
        write_automation(tmp_path / "absent" / "automations.yaml", "ours", OURS)


def test_links_and_rights_stay(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text("[]\n")
    real.chmod(0o640)
    link = tmp_path / "automations.yaml"
    link.symlink_to(real)
    write_automation(link, "ours", OURS)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert read_automation(real, "ours") is not None


def test_what_others_write_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer comes in after the file was read: both automations are there in the end."""
    path = tmp_path / "automations.yaml"
    path.write_text("[]\n")
    sync = os.fsync
    writes = iter(["- id: other\n  alias: Other\n"])

    def fsync(number: int) -> None:
        if (text := next(writes, None)) is not None:
            path.write_text(text)
        sync(number)

    monkeypatch.setattr(os, "fsync", fsync)
    write_automation(path, "ours", OURS)
    assert [each["id"] for each in yaml.safe_load(path.read_text())] == ["other", "ours"]

    monkeypatch.setattr(os, "fsync", lambda number: path.write_text(f"# {os.urandom(4).hex()}\n"))
    with pytest.raises(AutomationFileError):
        write_automation(path, "ours", OURS.replace("Ours", "Theirs"))


KILLED = """
import importlib.util, os, sys
from pathlib import Path
moment, path, text = sys.argv[1], Path(sys.argv[2]), sys.stdin.read()
# On its own: the package would load all of Home Assistant.
spec = importlib.util.spec_from_file_location("automation_file", sys.argv[3])
automation_file = importlib.util.module_from_spec(spec)
spec.loader.exec_module(automation_file)
die = lambda *_: os.kill(os.getpid(), 9)
if moment == "before":
    automation_file.os.fsync = die
else:
    real = Path.replace
    Path.replace = lambda one, other: (real(one, other), die())
automation_file.write_automation(path, "ours", text)
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_leaves_the_file_before_or_after(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "automations.yaml"
    path.write_text(THEIRS)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, moment, str(path), str(automation_file.__file__)],
        input=OURS,
        text=True,
        check=False,
    )
    assert done.returncode == -9
    assert path.read_text().startswith(THEIRS)
    assert (read_automation(path, "ours") is not None) == (moment == "after")


@pytest.mark.parametrize(
    ("configuration", "included"),
    [
        ("automation: !include automations.yaml\n", True),
        ("default_config:\nautomation ui: !include ./automations.yaml\nautomation mine:\n- alias: x\n", True),
        ("automation: !include_dir_merge_list automations/\n", False),
        ("automation: []\n", False),
        ("automation mine: !include other.yaml\nscript: !include automations.yaml\n", False),
        ("homeassistant: [\n", False),
        ("", False),
        (None, False),
    ],
)
def test_whether_the_configuration_includes_it(
    tmp_path: Path, configuration: str | None, included: bool
) -> None:
    if configuration is not None:
        (tmp_path / "configuration.yaml").write_text(configuration)
    assert is_included(tmp_path) is included
