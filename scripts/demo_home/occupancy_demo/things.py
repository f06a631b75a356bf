"""The simulated devices as Home Assistant shows them."""

from __future__ import annotations

from tests.simulator.config import Device, DeviceKind

# Unit, precision and device class of what measures.
MEASURES = {
    DeviceKind.TEMPERATURE: ("°C", "temperature"),
    DeviceKind.CARBON_DIOXIDE: ("ppm", "carbon_dioxide"),
}


def name_of(device: Device) -> str:
    """What a person reads."""
    words = device.entity_id.partition(".")[2].replace("_", " ")
    return (
        words.capitalize().replace("dioxide", "dioxide (CO₂)") if "dioxide" in words else words.capitalize()
    )


def area_name(room_id: str) -> str:
    """The name of the area that gets the id `room_id`."""
    return room_id.replace("_", " ").capitalize()


def attributes_of(device: Device) -> dict[str, str]:
    """The attributes that the recorder keeps with a device's states."""
    shown = {"friendly_name": name_of(device)}
    sensor = device.sensor
    if sensor.device_class:
        shown["device_class"] = sensor.device_class
    if measure := MEASURES.get(device.kind):
        shown |= {"unit_of_measurement": measure[0], "state_class": "measurement"}
    return shown
