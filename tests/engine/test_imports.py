"""The engine is pure, and knows its own directions: read from the imports of every file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ENGINE = Path(__file__).parents[2] / "custom_components" / "occupancy_ml" / "engine"
PACKAGE = "custom_components.occupancy_ml.engine"
FILES = sorted(ENGINE.rglob("*.py"))
NAMES = [path.relative_to(ENGINE).as_posix() for path in FILES]

# The standard library's modules that an engine without clock, threads, network or code from data may use.
STANDARD = {
    "__future__", "abc", "base64", "binascii", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "enum", "errno", "functools",
    "fcntl", "itertools", "json", "logging", "math", "operator", "os", "pathlib", "re", "shutil", "sqlite3", "struct", "typing", "zlib", "zoneinfo",
}  # fmt: skip
ALLOWED = STANDARD | {"numpy"}

# Which parts a part may use besides itself. What everything stands on comes first.
GROUND = {"events", "home", "snapshot", "payload", "localtime", "numeric"}
MAY_USE = {
    "events": set(),
    "home": set(),
    "snapshot": {"events"},
    "payload": set(),
    "localtime": {"events"},
    "store": {"events", "home"},
    "numeric": set(),
    "changepoint": {"payload", "numeric"},
    "senses": {"events", "home"},
    "features": {"events", "home", "senses"},
    "whereabouts": {"events", "home", "senses"},
    "labels": {"events", "home", "localtime", "snapshot", "store", "whereabouts"},
    "occupancy": {"events", "home", "snapshot", "localtime", "numeric", "slices", "features", "store"},
    "adaptation": {*GROUND, "features", "occupancy", "store"},
    "forecast": {*GROUND, "features", "store", "adaptation", "slices"},
    "timeline": {"events", "features"},
    "monitoring": {"events", "localtime", "snapshot", "store"},
    "export": {"events", "home", "features", "store"},
    "readiness": {"home", "occupancy", "outlook", "snapshot", "store"},
    "routine_changes": {*GROUND, "changepoint", "slices", "store"},
    "pets": {*GROUND, "senses"},
    "sensor_health": {*GROUND, "senses"},
    "tracker": {*GROUND, "senses", "sensor_health", "pets", "features", "whereabouts", "changepoint"},
}
# These bind the others together, and none of the others may know them.
BINDING = {"archive", "outlook", "night", "rebuilding", "relabelling", "running", "pipeline", "replay"}

CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time"),
    ("time", "monotonic"), ("time", "perf_counter"), ("time", "sleep"),
}  # fmt: skip


def part_of(module: str) -> str:
    """The part of the engine a module belongs to: the first name below the engine."""
    return module.removeprefix(PACKAGE).lstrip(".").split(".")[0]


def imports_of(path: Path) -> list[str]:
    """Absolute names of all modules a file imports, wherever in the file."""
    package = ".".join([PACKAGE, *path.relative_to(ENGINE).parent.parts])
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                found.append(str(node.module))
                continue
            base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            if node.module:
                found.append(f"{base}.{node.module}")
            else:
                found += [f"{base}.{alias.name}" for alias in node.names]
    return found


def test_there_is_an_engine_to_read() -> None:
    assert {"pipeline.py", "store/store.py", "whereabouts/filter.py"} <= set(NAMES)
    assert any(f"{PACKAGE}.tracker" in imports_of(path) for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_module_keeps_to_what_the_engine_may_do(path: Path) -> None:
    nothing_but_the_standard_library_and_numpy(path)
    no_clock_no_chance_no_code_from_data(path)
    dependencies_go_one_way(path)
    no_package_reaches_into_anothers_private_parts(path)


def nothing_but_the_standard_library_and_numpy(path: Path) -> None:
    outside = {name for name in imports_of(path) if not name.startswith(f"{PACKAGE}.") and name != PACKAGE}
    assert {name.split(".")[0] for name in outside} <= ALLOWED


def no_clock_no_chance_no_code_from_data(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "compile", "__import__", "open", "input"}
        if isinstance(node, ast.Attribute):
            owner = (
                node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            )
            assert (owner, node.attr) not in CLOCKS
            # Random numbers come from a seeded generator that is handed in, or not at all.
            assert (owner, node.attr) not in {("np", "random"), ("numpy", "random")}


def dependencies_go_one_way(path: Path) -> None:
    part = path.relative_to(ENGINE).parts[0].removesuffix(".py")
    used = {part_of(name) for name in imports_of(path) if name.startswith(f"{PACKAGE}.")} - {part}
    if part == "__init__":
        assert used <= BINDING | set(MAY_USE)
    elif part in BINDING:
        assert "replay" not in used
        assert part == "replay" or "pipeline" not in used
    elif part not in MAY_USE:  # what reads the results knows none of those that make them
        assert not used & BINDING
    else:
        assert used <= MAY_USE[part], f"{part} may not use {sorted(used - MAY_USE[part])}"


def no_package_reaches_into_anothers_private_parts(path: Path) -> None:
    for name in imports_of(path):
        if name.startswith(f"{PACKAGE}."):
            assert not any(word.startswith("_") for word in name.removeprefix(PACKAGE).split("."))
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.level or str(node.module).startswith(PACKAGE)):
            assert not [alias.name for alias in node.names if alias.name.startswith("_")]
