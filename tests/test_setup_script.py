"""What `scripts/setup` must never do."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import _python_setup as setup


def test_a_linked_environment_is_not_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uv would follow the link and clear the environment of another checkout."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious").touch()
    link = tmp_path / ".venv"
    link.symlink_to(other)
    monkeypatch.setitem(setup.ENVIRONMENTS, "tests", link)
    with pytest.raises(setup.SetupError, match="is a link"):
        setup.make("tests", Path("no-python"))
    assert (other / "precious").exists()
