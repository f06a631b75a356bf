"""What a thing is called says how much harm it could do; the night's use of it is in test_suggester.py."""

from __future__ import annotations

import pytest

from custom_components.occupancy_ml.engine.routines.patterns import Act
from custom_components.occupancy_ml.engine.routines.suggestions.proposal import AtTime, Proposal
from custom_components.occupancy_ml.engine.routines.suggestions.safety import assess


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("heat_lamp", "heating"),
        ("spaceheater", "heating"),
        ("underfloorheating", "heating"),
        ("gas", "heating"),
        ("front_door", "opening"),
        ("door_opener", "opening"),
        ("frontgarage", "garage"),
        ("doorlock", "lock"),
        ("ups", "essential"),
        ("sump_pump", "essential"),
        ("water_pump", "essential"),
        ("heatpump", "essential"),
        ("pool", "water"),
        # What only sounds like them, and what shines there.
        ("upstairs", "switch"),
        ("outdoor", "switch"),
        ("whirlpool", "switch"),
        ("environment", "switch"),
        ("home_theater", "switch"),
        ("alarmclock", "alarm"),
        ("clock", "switch"),
        ("front_door_light", "switch"),
        ("lock_light", "switch"),
        ("garage_light", "switch"),
        ("pump_lamp", "switch"),
    ],
)
def test_what_a_switch_is_called_says_what_hangs_on_it(name: str, category: str) -> None:
    scores = {
        state: assess(Proposal(AtTime(19 * 60), Act(f"switch.{name}", state), 60), None)
        for state in ("on", "off")
    }
    assert {safety.safety_class.value for safety in scores.values()} == {category}
    # A heater or water may go off unasked; what must stay on, or stay shut, may neither.
    safe = {state for state, safety in scores.items() if safety.allows(frozenset())}
    assert safe == {"switch": {"on", "off"}, "heating": {"off"}, "water": {"off"}}.get(category, set())


@pytest.mark.parametrize(
    ("entity_id", "names", "category"),
    [
        ("switch.plug_3", ("Space heater",), "heating"),
        ("switch.plug_3", ("Plug 3", "Aquarium"), "essential"),
        ("switch.plug_3", ("Reading corner", "Plug 3"), "switch"),
        ("fan.thing", ("SaunaVentilation",), "heating"),
        # A plug that was a lamp's once, and one whose names do not agree.
        ("switch.lamp_2", ("Fridge",), "essential"),
        ("switch.plug_3", ("Sump pump", "Front door lock"), "lock"),
        ("light.ceiling", ("Garage",), "light"),
    ],
)
def test_the_names_people_gave_count_beside_the_id(
    entity_id: str, names: tuple[str, ...], category: str
) -> None:
    found = assess(Proposal(AtTime(19 * 60), Act(entity_id, "on"), 60), None, names)
    assert found.safety_class.value == category
