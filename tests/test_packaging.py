"""What Home Assistant's and HACS's validators ask of the files, checked without a network."""

from __future__ import annotations

import ast
from collections.abc import Iterator
import json
from pathlib import Path
import re
import shutil
import string
import struct
import subprocess
from typing import Any
import zipfile

from awesomeversion import AwesomeVersion
import homeassistant.components
from homeassistant.core import HomeAssistant
from homeassistant.helpers import condition as condition_helper, selector, trigger as trigger_helper
from homeassistant.helpers.translation import async_get_translations
from homeassistant.loader import async_get_integration
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import load_yaml_dict
from packaging.requirements import Requirement
import pytest

from custom_components.occupancy_ml import condition, trigger
from custom_components.occupancy_ml.const import DOMAIN, NAME

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "custom_components" / DOMAIN
CORE = Path(str(homeassistant.components.__file__)).parent

MANIFEST_KEYS = {
    "after_dependencies",
    "codeowners",
    "config_flow",
    "dependencies",
    "documentation",
    "domain",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "loggers",
    "name",
    "requirements",
    "single_config_entry",
    "version",
}
HACS_KEYS = {"filename", "hacs", "homeassistant", "name", "zip_release"}

# The rules of Home Assistant's integration quality scale.
RULES = set(
    """
    action-exceptions action-setup appropriate-polling async-dependency brands common-modules config-entry-unloading
    config-flow config-flow-test-coverage dependency-transparency devices diagnostics discovery discovery-update-info
    docs-actions docs-conditions docs-configuration-parameters docs-data-update docs-examples
    docs-high-level-description docs-installation-instructions docs-installation-parameters docs-known-limitations
    docs-removal-instructions docs-supported-devices docs-supported-functions docs-triggers docs-troubleshooting
    docs-use-cases dynamic-devices entity-category entity-device-class entity-disabled-by-default entity-event-setup
    entity-translations entity-unavailable entity-unique-id exception-translations has-entity-name icon-translations
    inject-websession integration-owner log-when-unavailable parallel-updates reauthentication-flow
    reconfiguration-flow repair-issues runtime-data stale-devices strict-typing test-before-configure
    test-before-setup test-coverage unique-config-entry
    """.split()
)


def read_json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture(name="manifest")
def manifest_fixture() -> dict[str, Any]:
    return read_json(PACKAGE / "manifest.json")


@pytest.fixture(name="texts")
def texts_fixture() -> dict[str, Any]:
    return read_json(PACKAGE / "translations" / "en.json")


@pytest.fixture(name="icons")
def icons_fixture() -> dict[str, Any]:
    return read_json(PACKAGE / "icons.json")


def leaves(tree: dict[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from leaves(value, here)
        else:
            yield here, value


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text(), str(path))


# --- the manifest and hacs.json


def test_manifest_is_in_order(manifest: dict[str, Any]) -> None:
    assert set(manifest) <= MANIFEST_KEYS
    assert list(manifest)[:2] == ["domain", "name"]
    assert list(manifest)[2:] == sorted(list(manifest)[2:])
    assert manifest["domain"] == DOMAIN == PACKAGE.name
    assert manifest["name"] == NAME
    assert AwesomeVersion(manifest["version"]).strategy.value == "SemVer"
    assert manifest["documentation"].startswith("https://")
    assert manifest["issue_tracker"].startswith("https://")
    assert manifest["codeowners"]
    assert all(owner.startswith("@") for owner in manifest["codeowners"])
    assert manifest["iot_class"] in {"calculated", "local_push"}
    assert manifest["integration_type"] in {"hub", "service", "helper"}
    assert manifest["single_config_entry"] is True
    assert manifest["config_flow"] is True


def test_dependencies_are_integrations(manifest: dict[str, Any]) -> None:
    named = [*manifest["dependencies"], *manifest.get("after_dependencies", [])]
    assert "recorder" in named
    assert all((CORE / domain / "manifest.json").is_file() for domain in named)


def test_numpy_is_all_that_is_required_and_pinned_within(manifest: dict[str, Any]) -> None:
    asked = [Requirement(text) for text in manifest["requirements"]]
    assert sorted(requirement.name for requirement in asked) == ["numpy"]
    for name in ("tests", "demo"):
        pinned = {pin.name: pin.specifier for pin in pins(name)}
        for requirement in asked:
            (version,) = (exact.version for exact in pinned[requirement.name])
            assert requirement.specifier.contains(version)
            assert any(bound.operator in {"<", "<=", "~="} for bound in requirement.specifier)


def pins(name: str) -> list[Requirement]:
    return [Requirement(line) for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()]


@pytest.mark.parametrize("name", ["tests", "demo"])
def test_pins_are_exact_and_name_no_address(name: str) -> None:
    found = pins(name)
    assert len(found) > 50
    assert all(pin.url is None and [exact.operator for exact in pin.specifier] == ["=="] for pin in found)
    assert {pin.name for pin in found} >= {"homeassistant", "numpy"}


async def test_home_assistant_finds_the_integration(hass: HomeAssistant, manifest: dict[str, Any]) -> None:
    integration = await async_get_integration(hass, DOMAIN)
    assert not integration.is_built_in
    assert str(integration.version) == manifest["version"]
    assert await integration.resolve_dependencies()


def test_hacs_json() -> None:
    hacs = read_json(ROOT / "hacs.json")
    assert set(hacs) == HACS_KEYS
    assert hacs["name"] == NAME
    assert hacs["zip_release"] is True
    assert hacs["filename"] == f"{DOMAIN}.zip"
    tested = next(pin for pin in pins("tests") if pin.name == "homeassistant")
    assert next(iter(tested.specifier)).version.startswith(hacs["homeassistant"].rpartition(".")[0])


def test_licence_is_open() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert licence.startswith("MIT License")
    assert "WITHOUT WARRANTY OF ANY KIND" in licence


@pytest.mark.parametrize(("name", "side"), [("icon.png", 256), ("icon@2x.png", 512)])
def test_brand_icon(name: str, side: int) -> None:
    data = (PACKAGE / "brand" / name).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (side, side)


def test_quality_scale_has_every_rule() -> None:
    rules = load_yaml_dict(str(PACKAGE / "quality_scale.yaml"))["rules"]
    assert set(rules) == RULES
    assert len(RULES) == 54
    for rule, state in rules.items():
        if isinstance(state, dict):
            assert state["status"] in {"exempt", "todo"}, rule
            assert state["comment"], rule
        else:
            assert state in {"done", "todo"}, rule


def test_config_schema_where_there_is_a_setup() -> None:
    module = ast.parse((PACKAGE / "__init__.py").read_text())
    functions = {node.name for node in module.body if isinstance(node, ast.AsyncFunctionDef)}
    names = {
        target.id
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    assert {"async_setup", "async_setup_entry", "async_unload_entry"} <= functions
    assert "CONFIG_SCHEMA" in names


def test_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


# --- the texts


def test_texts_are_plain(texts: dict[str, Any]) -> None:
    said = dict(leaves(texts))
    assert said
    for path, text in said.items():
        assert isinstance(text, str), path
        assert text, path
        assert text == text.strip(), path
        assert "[%" not in text, path  # references are resolved for core integrations only
        assert not re.search(r"<[a-zA-Z/][^>]*>", text), path
        assert not re.search(r"'\{\w+\}'", text), path
        assert not re.search(r"(https?://|www\.)", text), path
        for _, field, _, _ in string.Formatter().parse(text):
            assert field is None or field.isidentifier(), path


def test_texts_have_known_sections(texts: dict[str, Any]) -> None:
    sections = {
        "common",
        "conditions",
        "config",
        "config_subentries",
        "device",
        "entity",
        "entity_component",
        "exceptions",
        "issues",
        "options",
        "selector",
        "services",
        "system_health",
        "title",
        "triggers",
    }
    assert set(texts) <= sections
    for path in keys(texts):
        name = path.rpartition(".")[2]
        assert re.fullmatch(r"[a-z0-9_]+", name), path


def keys(tree: dict[str, Any], path: str = "") -> Iterator[str]:
    for key, value in tree.items():
        here = f"{path}.{key}" if path else key
        yield here
        if isinstance(value, dict):
            yield from keys(value, here)


def test_issues_can_be_read_or_fixed(texts: dict[str, Any]) -> None:
    assert texts["issues"]
    for name, issue in texts["issues"].items():
        assert issue["title"], name
        assert ("description" in issue) != ("fix_flow" in issue), name


def test_flow_fields_have_a_name_before_a_description(texts: dict[str, Any]) -> None:
    flows = [texts["config"], texts["options"], *texts["config_subentries"].values()]
    for flow in flows:
        for name, step in flow["step"].items():
            for part in (step, *step.get("sections", {}).values()):
                assert set(part.get("data_description", {})) <= set(part.get("data", {})), name


async def test_home_assistant_loads_every_section(hass: HomeAssistant, texts: dict[str, Any]) -> None:
    for section in set(texts) - {"title"}:
        loaded = await async_get_translations(hass, "en", section, {DOMAIN})
        expected = {f"component.{DOMAIN}.{section}.{path}" for path, _ in leaves(texts[section])}
        assert expected <= set(loaded), section


def constants() -> set[str]:
    return {
        node.value
        for _, module in sources()
        for node in ast.walk(module)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def keys_used(module: ast.Module) -> Iterator[str]:
    """The translation keys that a module names outright, as an argument or as an entity's attribute."""
    for node in ast.walk(module):
        named: ast.expr | None = None
        if isinstance(node, ast.keyword) and node.arg == "translation_key":
            named = node.value
        if isinstance(node, ast.Assign) and "_attr_translation_key" in map(ast.unparse, node.targets):
            named = node.value
        if isinstance(named, ast.Constant) and isinstance(named.value, str):
            yield named.value


def test_every_key_used_has_a_text(texts: dict[str, Any]) -> None:
    anywhere = {
        key for section in ("exceptions", "issues", "selector", "device") for key in texts.get(section, ())
    }
    used = [(path, key) for path, module in sources() for key in keys_used(module)]
    assert len(used) > 5
    for path, key in used:
        assert key in anywhere | set(texts["entity"].get(path.stem, ())), path


@pytest.mark.parametrize(
    "section", ["exceptions", "issues", "entity", "config", "options", "config_subentries"]
)
def test_no_text_is_left_over(texts: dict[str, Any], section: str) -> None:
    said = constants()
    if section == "entity":
        names = [key for platform in texts["entity"].values() for key in platform]
    elif section in {"exceptions", "issues"}:
        names = list(texts[section])
    else:
        flows = texts[section].values() if section == "config_subentries" else [texts[section]]
        names = [key for flow in flows for kind in ("error", "abort") for key in flow.get(kind, {})]
    assert [name for name in names if name not in said and name not in HOME_ASSISTANTS_OWN] == []


# Reasons that Home Assistant's own flows give.
HOME_ASSISTANTS_OWN = {"already_configured", "reconfigure_successful", "single_instance_allowed"}


# --- the icons


def test_icons_belong_to_something(icons: dict[str, Any], texts: dict[str, Any]) -> None:
    assert set(icons) <= {"entity", "services", "triggers", "conditions"}
    for path, icon in leaves({key: value for key, value in icons.items() if key != "services"}):
        assert re.fullmatch(r"mdi:[a-z0-9]+(-[a-z0-9]+)*", icon), path
    for platform, names in icons["entity"].items():
        assert set(names) <= set(texts["entity"][platform]), platform


def test_every_entity_has_a_name_or_a_device_class_and_an_icon(
    icons: dict[str, Any], texts: dict[str, Any]
) -> None:
    for platform, names in texts["entity"].items():
        for key, text in names.items():
            # A room's occupancy is the main entity of its device and bears its name.
            assert "name" in text or (platform, key) == ("binary_sensor", "occupancy"), key
            # Binary sensors are drawn by their device class.
            if platform != "binary_sensor":
                assert key in icons["entity"][platform], key


# --- the actions


async def test_actions_are_described_as_registered(
    hass: HomeAssistant, icons: dict[str, Any], texts: dict[str, Any]
) -> None:
    described = load_yaml_dict(str(PACKAGE / "services.yaml"))
    assert await async_setup_component(hass, DOMAIN, {})
    assert set(hass.services.async_services_for_domain(DOMAIN)) == set(described)
    assert set(texts["services"]) == set(described)
    assert set(icons["services"]) == set(described)
    for name, action in described.items():
        text = texts["services"][name]
        assert text["name"]
        assert text["description"]
        fields = (action or {}).get("fields", {})
        assert set(text.get("fields", {})) == set(fields), name
        for key, field in fields.items():
            assert text["fields"][key]["name"]
            assert text["fields"][key]["description"]
            selector.validate_selector(field["selector"])
            choice = field["selector"].get("select") or {}
            if "translation_key" in choice:
                options = texts["selector"][choice["translation_key"]]["options"]
                assert set(options) == set(choice["options"])


# --- triggers and conditions


@pytest.mark.parametrize("kind", ["trigger", "condition"])
async def test_triggers_and_conditions_are_described_for_the_editor(
    hass: HomeAssistant, icons: dict[str, Any], texts: dict[str, Any], kind: str
) -> None:
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    offered = await (
        trigger.async_get_triggers(hass) if kind == "trigger" else condition.async_get_conditions(hass)
    )
    descriptions = await (
        trigger_helper.async_get_all_descriptions(hass)
        if kind == "trigger"
        else condition_helper.async_get_all_descriptions(hass)
    )
    described = {
        key.removeprefix(f"{DOMAIN}."): each
        for key, each in descriptions.items()
        if key.startswith(f"{DOMAIN}.")
    }
    # Home Assistant itself has read and checked the files; what it refuses is None, or not there.
    assert set(described) == set(offered) == set(texts[f"{kind}s"]) == set(icons[f"{kind}s"])
    for name, described_as in described.items():
        assert described_as is not None, name
        text = texts[f"{kind}s"][name]
        assert text["name"]
        assert text["description"]
        assert icons[f"{kind}s"][name][kind].startswith("mdi:")
        assert set(text.get("fields", {})) == set(described_as["fields"]), name
        for key, field in described_as["fields"].items():
            assert text["fields"][key]["name"]
            choice = field["selector"].get("select") or {}
            if "translation_key" in choice:
                options = texts["selector"][choice["translation_key"]]["options"]
                assert set(options) == set(choice["options"])


@pytest.mark.parametrize("kind", ["trigger", "condition"])
async def test_what_the_editor_begins_with_is_valid(hass: HomeAssistant, kind: str) -> None:
    """A form that is opened and saved with its defaults, and a limit where there is no default."""
    assert await async_setup_component(hass, DOMAIN, {})
    await hass.async_block_till_done()
    for name, described in load_yaml_dict(str(PACKAGE / f"{kind}s.yaml")).items():
        if name.startswith("."):
            continue
        options = {
            key: field["default"] for key, field in described.get("fields", {}).items() if "default" in field
        }
        if "above" in described.get("fields", {}):
            options["above"] = 70
        config: dict[str, Any] = {"options": options} if options else {}
        if "target" in described:
            config["target"] = {"area_id": "kitchen"}
        key = f"{DOMAIN}.{name}"
        if kind == "trigger":
            assert await trigger_helper.async_validate_trigger_config(hass, [{"platform": key, **config}])
        else:
            assert await condition_helper.async_validate_condition_config(hass, {"condition": key, **config})


# --- the release


def git(folder: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=Test", "-c", "user.email=test@example.invalid", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def test_release_holds_the_integration_and_asks_for_its_version(
    tmp_path: Path, manifest: dict[str, Any]
) -> None:
    copied = tmp_path / PACKAGE.relative_to(ROOT)
    # Caches are in no commit.
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    (tmp_path / "scripts").mkdir()
    script = shutil.copy(ROOT / "scripts" / "package", tmp_path / "scripts" / "package")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "all")

    wrong = subprocess.run([script, "v99.0.0"], capture_output=True, text=True, check=False)
    assert wrong.returncode
    assert "v99.0.0" in wrong.stderr
    assert manifest["version"] in wrong.stderr
    assert not (tmp_path / "dist").exists()

    subprocess.run([script, f"v{manifest['version']}"], capture_output=True, check=True)
    with zipfile.ZipFile(tmp_path / "dist" / f"{DOMAIN}.zip") as packed:
        names = {name for name in packed.namelist() if not name.endswith("/")}
        assert json.loads(packed.read("manifest.json")) == manifest
    assert names == {path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()}
    assert {"__init__.py", "translations/en.json", "brand/icon.png", "py.typed"} <= names


def test_workflows_are_whole() -> None:
    workflows = {
        path.stem: load_yaml_dict(str(path)) for path in (ROOT / ".github" / "workflows").glob("*.yml")
    }
    assert {"check", "validate", "release"} <= set(workflows)
    steps = {
        name: [step for job in workflow["jobs"].values() for step in job["steps"]]
        for name, workflow in workflows.items()
    }
    for name, found in steps.items():
        for step in found:
            assert ("uses" in step) != ("run" in step), name
            if "uses" in step:
                assert re.fullmatch(r"[\w./-]+@(v\d+|master|main)", step["uses"]), step
    assert ".ci/run" in [step.get("run") for step in steps["check"]]
    assert 'scripts/package "$GITHUB_REF_NAME"' in [step.get("run") for step in steps["release"]]
    assert {step["uses"].partition("@")[0] for step in steps["validate"] if "uses" in step} >= {
        "home-assistant/actions/hassfest",
        "hacs/action",
    }


@pytest.mark.parametrize("name", ["setup", "test", "lint", "demo", "package"])
def test_scripts_can_be_run(name: str) -> None:
    path = ROOT / "scripts" / name
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/usr/bin/env ")
