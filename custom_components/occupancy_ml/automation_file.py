"""The file `automations.yaml`: one automation put in, changed or taken out, all else left as it is, byte by byte.

Home Assistant's own editor reads the file and writes it anew, which loses comments and writes secrets out. Here the
text is edited: YAML's parser tells where an automation begins and ends, and nothing else is touched. All of this
reads and writes files: for the executor.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
import os
from pathlib import Path
import tempfile

import yaml

# As `homeassistant.config` names them; it would load half of Home Assistant for two words.
AUTOMATION_CONFIG_PATH = "automations.yaml"
YAML_CONFIG_FILE = "configuration.yaml"
CONF_ID = "id"

# Somebody else writes at the same moment; more often than this is no coincidence.
_TRIES = 5
_NEW_FILE_MODE = 0o644

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without its C part
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


class AutomationFileError(Exception):
    """The file cannot be read or edited safely; nothing was changed."""


class CannotEditError(AutomationFileError):
    """The file can be read, but not written, or not edited safely: what belongs into it is for the user to put there."""


def is_included(config_dir: Path) -> bool:
    """Whether the configuration takes its automations from the file, as Home Assistant's own editor needs it.

    A line `automation: !include automations.yaml`, also under a labelled key such as `automation ui:`.
    """
    try:
        text = (config_dir / YAML_CONFIG_FILE).read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_Loader)
    except OSError, ValueError, yaml.YAMLError:
        return False
    if not isinstance(root, yaml.MappingNode):
        return False
    return any(
        str(key.value).split(" ")[0] == "automation"
        and value.tag == "!include"
        and str(value.value).strip().removeprefix("./") == AUTOMATION_CONFIG_PATH
        for key, value in root.value
    )


def read_automations(path: Path, automation_ids: Iterable[str]) -> dict[str, str]:
    """The YAML of some automations as mappings, without the dash of the list; those that are not there are left out.

    Raises:
        AutomationFileError: the file cannot be read, or is no list of automations.
    """
    text = _decoded(_read(path))
    items = _items(text)
    found = {each: item for each in automation_ids if (item := _find(items, each)) is not None}
    return {automation_id: _mapping(text, item) for automation_id, item in found.items()}


def _mapping(text: str, item: yaml.Node) -> str:
    begin, end, column = _extent(text, item)
    lines = text.splitlines(keepends=True)[begin:end]
    lines[0] = f"{lines[0][:column]} {lines[0][column + 1 :]}"
    indent = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return "".join(line[indent:] if line.strip() else "\n" for line in lines)


def write_automation(path: Path, automation_id: str, mapping: str | None) -> None:
    """Put the YAML mapping of an automation in the place of the one with its id, or at the end; None takes it out.

    Written to a file beside it, synced and renamed: a reader sees the file before or after, also after a crash.
    What somebody else wrote in between is read again first.

    Raises:
        AutomationFileError: the file cannot be read.
        CannotEditError: it cannot be edited safely, or written.
    """
    target = path.resolve()
    for _ in range(_TRIES):
        before = _read(target)
        after = _edited(_decoded(before), automation_id, mapping).encode()
        if after == (before or b""):
            return
        if _replaced(target, before, after):
            return
    raise CannotEditError("somebody else keeps writing the file")


def is_same(one: str, other: str) -> bool:
    """Whether two mappings say the same, however they are written."""
    try:
        return _plain(yaml.compose(one, Loader=_Loader)) == _plain(yaml.compose(other, Loader=_Loader))
    except yaml.YAMLError:
        return False


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AutomationFileError(str(error)) from error


def _decoded(content: bytes | None) -> str:
    try:
        return (content or b"").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AutomationFileError("the file is not in UTF-8") from error


def _replaced(target: Path, before: bytes | None, after: bytes) -> bool:
    """Write the file unless it is no longer what was read; whether it was written."""
    temporary: Path | None = None
    try:
        mode = target.stat().st_mode & 0o777 if before is not None else _NEW_FILE_MODE
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(after)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        if _read(target) != before:
            return False
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise CannotEditError(str(error)) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
    return True


def _edited(text: str, automation_id: str, mapping: str | None) -> str:
    """The text with the automation put in, changed or taken out, proven to differ in nothing else."""
    items = _items(text)
    item = _find(items, automation_id)
    if item is None and mapping is None:
        return text
    if item is not None:
        begin, end, column = _extent(text, item)
        lines = text.splitlines(keepends=True)
        while not lines[end - 1].strip():  # blank lines stand between two automations and belong to neither
            end -= 1
        empty = ["[]\n"] if len(items) == 1 else []
        new = empty if mapping is None else _listed(mapping, column).splitlines(keepends=True)
        edited = "".join(lines[:begin] + new + lines[end:])
    else:
        assert mapping is not None
        edited = _appended(text, items, mapping)
    others = [_plain(each) for each in items if each is not item]
    try:
        found = _items(edited)
    except AutomationFileError as error:
        raise CannotEditError(str(error)) from error
    ours = _find(found, automation_id)
    if (ours is None) != (mapping is None) or [_plain(e) for e in found if e is not ours] != others:
        raise CannotEditError("the file has a form that cannot be edited safely")
    return edited


def _appended(text: str, items: list[yaml.Node], mapping: str) -> str:
    begin, column = (_extent(text, items[-1])[1], _extent(text, items[0])[2]) if items else (0, 0)
    lines = (text if items else _without_empty_list(text)).splitlines(keepends=True)
    # The end of the document may be marked; comments may follow the list before that.
    ends = (number for number, line in enumerate(lines) if number >= begin and line.startswith("..."))
    end = next(ends, len(lines))
    if end and not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    return "".join([*lines[:end], _listed(mapping, column), *lines[end:]])


def _without_empty_list(text: str) -> str:
    """The text without the `[]` that nothing can be added to; comments stay."""
    root = yaml.compose(text, Loader=_Loader)
    if not isinstance(root, yaml.SequenceNode):
        return text
    before, after = text[: root.start_mark.index], text[root.end_mark.index :].lstrip(" ")
    if not before or before.endswith("\n"):
        after = after.removeprefix("\n")
    return before + after


def _listed(mapping: str, column: int) -> str:
    """A mapping as an item of a list whose dashes stand in a column."""
    lines = mapping.rstrip("\n").split("\n")
    first = f"{' ' * column}- {lines[0]}\n"
    return first + "".join(f"{' ' * (column + 2)}{line}\n" if line.strip() else "\n" for line in lines[1:])


def _items(text: str) -> list[yaml.Node]:
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise AutomationFileError(str(error)) from error
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        return []
    if not isinstance(root, yaml.SequenceNode) or (root.flow_style and root.value):
        raise CannotEditError("the file is no list of automations")
    return list(root.value)


def _find(items: list[yaml.Node], automation_id: str) -> yaml.Node | None:
    for item in items:
        if isinstance(item, yaml.MappingNode):
            for key, value in item.value:
                if key.value == CONF_ID and value.value == automation_id:
                    return item
    return None


def _extent(text: str, item: yaml.Node) -> tuple[int, int, int]:
    """The lines [begin, end) of an item of a list, and the column of its dash."""
    lines = text.splitlines(keepends=True)
    begin = item.start_mark.line
    if (column := lines[begin][: item.start_mark.column].rfind("-")) < 0:
        # The dash stands alone, on a line before.
        begin = next(n for n in range(begin - 1, -1, -1) if lines[n].lstrip().startswith("-"))
        column = lines[begin].index("-")
    # A mapping ends where the next begins, after comments that may belong to that; its last leaf ends exactly.
    return begin, max(_last_lines(item)), column


def _last_lines(node: yaml.Node) -> list[int]:
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        pairs = (
            node.value if isinstance(node, yaml.SequenceNode) else [n for pair in node.value for n in pair]
        )
        return [line for each in pairs for line in _last_lines(each)]
    return [node.end_mark.line + (node.end_mark.column > 0)]


def _plain(node: yaml.Node | None) -> object:
    """A node as plain data, tags such as `!secret` included."""
    if node is None:
        return None
    if isinstance(node, yaml.MappingNode):
        return (node.tag, tuple((_plain(key), _plain(value)) for key, value in node.value))
    if isinstance(node, yaml.SequenceNode):
        return (node.tag, tuple(_plain(each) for each in node.value))
    return (node.tag, node.value)
