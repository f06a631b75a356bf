"""Makes the virtual environments of this project. Run by `scripts/setup`, on any Python from 3.10.

Everything lands inside the repository: `.tools` holds uv and, where the machine has none that is new enough, a
Python; `.venv` and `.venv-demo` hold the pinned packages. A stamp in each environment says what it was made from,
so a run that finds nothing to do starts no other program and needs no network.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import fcntl
import hashlib
import os
from pathlib import Path
import shutil
import subprocess
import sys

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
UV_VERSION = "0.13.8"
UV = TOOLS / "uv" / "bin" / "uv"
PYTHONS = TOOLS / "python"
DEBIAN_PYTHON = TOOLS / "debian-python"

# Home Assistant asks for 3.14.2; the pinned packages have wheels for 3.14 and not yet for what comes after.
WANTED = ">=3.14.2,<3.15"
PROBE = """
import ctypes, lzma, sqlite3, ssl, sys, zlib
raise SystemExit(not ((3, 14, 2) <= sys.version_info[:3] < (3, 15) and sys.implementation.name == "cpython"))
"""

SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
NO_PYTHON = "No Python 3.14.2 or later could be had. Install one as python3.14 and run this again."

ENVIRONMENTS = {"tests": ROOT / ".venv", "demo": ROOT / ".venv-demo"}


class SetupError(Exception):
    """Something a person has to mend, said in words."""


def say(text: str) -> None:
    """Tells what is going on; stdout stays free for what the calling script prints."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, hint: str) -> None:
    """Runs a program, its output shown.

    Raises:
        SetupError: it failed; the message is `hint`.
    """
    words = [str(part) for part in command]
    if subprocess.run(words, check=False, env=environment(), stdout=sys.stderr).returncode:
        raise SetupError(hint)


def works(*command: str | Path) -> bool:
    """Whether a program starts and ends well, its output dropped."""
    try:
        done = subprocess.run(
            [str(part) for part in command],
            check=False,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return done.returncode == 0


def environment() -> dict[str, str]:
    """The environment for uv and pip: the person's own, without what would lead them elsewhere."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
    }
    kept["UV_PYTHON_INSTALL_DIR"] = str(PYTHONS)
    # A person's own pip settings must not forbid or redirect the install into .tools.
    kept |= {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore"}
    kept.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    kept.setdefault("HOME", str(TOOLS / "home"))
    # A network with an authority of its own is known to the system, not to the list that uv carries.
    if sys.platform == "darwin" or any(Path(bundle).is_file() for bundle in SYSTEM_CERTIFICATES):
        kept.setdefault("UV_SYSTEM_CERTS", "1")
    return kept


def ensure_uv() -> None:
    """Puts the pinned uv into `.tools/uv`.

    Raises:
        SetupError: this Python has no pip, or the package cannot be had.
    """
    if (TOOLS / "uv" / f"uv-{UV_VERSION}.dist-info").is_dir() and works(UV, "--version"):
        return
    if not works(sys.executable, "-m", "pip", "--version"):
        raise SetupError(
            f"{sys.executable} has no pip. Install pip for it, or put a Python with pip first on PATH."
        )
    say(f"installing uv {UV_VERSION}")
    fresh = TOOLS / "uv.new"
    shutil.rmtree(fresh, ignore_errors=True)
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-warn-script-location"),
        *("--target", fresh, f"uv=={UV_VERSION}"),
        hint="pip could not install uv. Is the network there?",
    )
    shutil.rmtree(TOOLS / "uv", ignore_errors=True)
    fresh.rename(TOOLS / "uv")


def find_python() -> Path | None:
    """A fitting interpreter that is there already, None where there is none."""
    for name in ("python3.14", "python3", "python"):
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            candidate = Path(folder or ".") / name
            if os.access(candidate, os.X_OK) and works(candidate, "-c", PROBE):
                return candidate.absolute()
    found = subprocess.run(
        [str(UV), "python", "find", "--no-python-downloads", "--no-project", "--system", WANTED],
        check=False,
        env=environment(),
        capture_output=True,
        text=True,
    ).stdout.strip()
    for known in (Path(found) if found else None, DEBIAN_PYTHON / "usr/bin/python3.14"):
        if known and works(known, "-c", PROBE):
            return known
    return None


def get_python() -> Path:
    """A fitting interpreter: one that is there, else one of uv's, else Debian's own beside the system.

    Raises:
        SetupError: none can be had.
    """
    if python := find_python():
        return python
    say("no Python 3.14.2 or later here; asking uv for one")
    if works(UV, "python", "install", "--quiet", "--no-bin", "3.14") and (installed := find_python()):
        return installed
    if shutil.which("apt-get") and shutil.which("dpkg"):
        say("uv could not download one; unpacking Debian's packages beside the system")
        run(
            *(ROOT / "scripts" / "_python_debian", DEBIAN_PYTHON, UV, sys.executable),
            hint=f"Debian's packages did not help. {NO_PYTHON}",
        )
        if unpacked := find_python():
            return unpacked
    raise SetupError(NO_PYTHON)


def stamp(name: str) -> str:
    """What the environment `name` is made from: its place and its pins, as one line."""
    pins = (ROOT / "requirements" / f"{name}.txt").read_bytes()
    return f"{ENVIRONMENTS[name]} uv {UV_VERSION} {hashlib.sha256(pins).hexdigest()}\n"


def is_ready(name: str) -> bool:
    """Whether the environment is whole, made from today's pins, at this place, and its Python runs."""
    folder = ENVIRONMENTS[name]
    try:
        written = (folder / "made-from").read_text()
    except OSError:
        return False
    return written == stamp(name) and works(folder / "bin" / "python", "-c", PROBE)


def make(name: str, python: Path) -> None:
    """Makes the environment `name` from nothing; the stamp comes last, so a broken run is seen.

    Raises:
        SetupError: the environment or a package of it could not be made.
    """
    folder = ENVIRONMENTS[name]
    if folder.is_symlink():
        raise SetupError(
            f"{folder.name} is a link to {folder.readlink()}: making it would clear that environment. Remove the link."
        )
    say(f"making {folder.name} on {python}")
    run(
        *(UV, "venv", "--quiet", "--clear", "--no-project", "--python", python, folder),
        hint=f"uv could not make {folder.name}.",
    )
    run(
        *(UV, "pip", "sync", "--quiet", "--python", folder / "bin" / "python"),
        ROOT / "requirements" / f"{name}.txt",
        hint=f"the packages of {folder.name} could not be installed. Is the network there? It is safe to run this again.",
    )
    (folder / "made-from").write_text(stamp(name))


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Holds a lock that the system lets go of, however the run ends."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another run to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(names: list[str]) -> int:
    """Makes what is missing of the environments named, all of them where none is."""
    unknown = sorted(set(names) - set(ENVIRONMENTS))
    if unknown:
        raise SetupError(f"no such environment: {', '.join(unknown)}. There are: {', '.join(ENVIRONMENTS)}.")
    wanted = names or list(ENVIRONMENTS)
    if all(is_ready(name) for name in wanted):
        return 0
    with one_at_a_time():
        missing = [name for name in wanted if not is_ready(name)]
        if missing:
            ensure_uv()
            python = get_python()
            for name in missing:
                make(name, python)
            say("ready")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
