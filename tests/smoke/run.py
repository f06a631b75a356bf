"""The smoke test: a bare, newest Home Assistant with the integration, in two lives. No pytest, no network.

Run by `scripts/test` in `.venv-demo`. Ends with a line `smoke: N passed, M failed`.
"""

from __future__ import annotations

from pathlib import Path
import subprocess
import sys
import tempfile

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "custom_components" / "occupancy_ml"
# A life takes seconds; one that hangs must not hang the build.
LIMIT_S = 300


def main() -> int:
    """Runs both lives in one fresh directory; 1 where anything failed."""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        components = Path(folder) / "custom_components"
        components.mkdir()
        (components / "__init__.py").touch()
        (components / PACKAGE.name).symlink_to(PACKAGE)
        for life in ("first", "second"):
            command = [sys.executable, "-m", "tests.smoke.lives", life, folder]
            try:
                done = subprocess.run(
                    command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False
                )
                said, code = done.stdout, done.returncode
            except subprocess.TimeoutExpired as late:
                said, code = (late.stdout or b"").decode(), -1
                print(f"FAILED the {life} life did not end within {LIMIT_S} s")
            print(said, end="")
            lines = said.splitlines()
            passed += sum(line.startswith("ok ") for line in lines)
            told = sum(line.startswith("FAILED ") for line in lines)
            # A life that broke off failed, whatever it managed to say before.
            failed += max(told, 1) if code else told
            if code and not told:
                print(f"FAILED the {life} life broke off with exit code {code}")
    print(f"smoke: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
