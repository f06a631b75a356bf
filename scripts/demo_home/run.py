"""Runs Home Assistant on a prepared directory.

A process of its own, in which nothing has imported our `custom_components` yet: Home Assistant has to find those of
the directory, which hold the simulated devices too.
"""

from __future__ import annotations

from importlib.util import find_spec
import logging
import os
import sys
from types import ModuleType

from homeassistant import bootstrap
from homeassistant.__main__ import main as home_assistant
from homeassistant.const import RESTART_EXIT_CODE

# They ask the network, or serve voice, cameras and remote controls, and this home has none of it.
NOT_NEEDED = {
    "ai_task",
    "analytics",
    "assist_satellite",
    "camera",
    "conversation",
    "image_processing",
    "infrared",
    "marketplace",
    "radio_frequency",
    "stt",
    "tts",
    "wake_word",
}

# Voice needs these two, which many machines would have to compile. Home Assistant imports voice even where nobody
# speaks, to describe its actions; it never calls them here.
SILENT = {"pymicro_vad": "MicroVad", "pyspeex_noise": "AudioProcessor"}


def main(config_dir: str) -> int:
    """Runs until Ctrl-C, again where Home Assistant asks to be restarted; its exit code."""
    for name, used in SILENT.items():
        if find_spec(name) is None:
            sys.modules[name] = ModuleType(name)
            setattr(sys.modules[name], used, object)
    # What they warn of while starting is meant so here: custom integrations, and nothing installed by pip.
    for name in ("bootstrap", "loader"):
        logging.getLogger(f"homeassistant.{name}").setLevel(logging.ERROR)
    bootstrap.DEFAULT_INTEGRATIONS -= NOT_NEEDED
    sys.argv = ["hass", "--config", config_dir, "--skip-pip", "--log-no-color"]
    code = home_assistant()
    if code == RESTART_EXIT_CODE:
        os.execv(sys.executable, [sys.executable, "-m", "scripts.demo_home.run", config_dir])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
