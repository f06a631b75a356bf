"""Ready simulated homes. All of them are invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from custom_components.occupancy_ml.engine.home import RoomKind
from tests.simulator.clock import clock
from tests.simulator.config import (
    AWAY,
    DayShape,
    Device,
    DeviceKind,
    Person,
    Pet,
    RoomSpec,
    Routine,
    SimulatedHomeConfig,
    Trip,
)

_ZONE = "Europe/Berlin"


def _pir(room_id: str, *, dropouts: float = 0.0, chatter: float = 0.0, hold_s: float = 45.0) -> Device:
    return Device(
        f"binary_sensor.{room_id}_motion",
        DeviceKind.PIR,
        room_id,
        hold_s=hold_s,
        dropouts_per_week=dropouts,
        chatter_per_day=chatter,
    )


def _lamp(room_id: str, *, automated: bool = False, windowless: bool = False) -> Device:
    return Device(f"light.{room_id}", DeviceKind.LIGHT, room_id, automated=automated, windowless=windowless)


def _air(room_id: str, kind: DeviceKind) -> Device:
    return Device(f"sensor.{room_id}_{kind.value}", kind, room_id, dropouts_per_week=0.2)


def _front_door(room_id: str) -> Device:
    return Device("binary_sensor.front_door", DeviceKind.DOOR, room_id, leads_to=AWAY)


def _bed(name: str, room_id: str) -> Device:
    return Device(f"binary_sensor.{name}_bed", DeviceKind.BED, room_id, person=name)


def _phones(people: Iterable[Person]) -> tuple[Device, ...]:
    return tuple(Device(f"person.{p.name}", DeviceKind.PHONE, person=p.name) for p in people)


def _office_worker(leave: str = "08:10", back: str = "17:20") -> Routine:
    work = DayShape(clock("06:50"), clock("22:50"), clock(leave), clock(back))
    return Routine(work, DayShape(clock("08:30"), clock("23:40")))


def _desk_worker(desk: str) -> Routine:
    work = DayShape(clock("07:20"), clock("23:10"), clock("08:40"), clock("17:10"), desk)
    return Routine(work, DayShape(clock("08:50"), clock("23:50")))


def _shift_worker() -> Routine:
    night = DayShape(clock("13:30"), clock("31:20"), clock("21:10"), clock("30:20"))
    return Routine(night, DayShape(clock("11:00"), clock("26:30")), frozenset({1, 2, 3}))


def _flat(*, office: bool) -> tuple[RoomSpec, ...]:
    rooms = (
        RoomSpec("hallway", RoomKind.PASSAGE, ("living_room", "bathroom", "bedroom"), outer=True),
        RoomSpec("living_room", RoomKind.LIVING, ("kitchen",)),
        RoomSpec("kitchen", RoomKind.KITCHEN),
        RoomSpec("bedroom", RoomKind.BEDROOM),
        RoomSpec("bathroom", RoomKind.BATHROOM),
    )
    return (*rooms, RoomSpec("office", RoomKind.OFFICE, ("hallway",))) if office else rooms


def _flat_devices(people: Iterable[Person], *, beds: bool, office: bool) -> tuple[Device, ...]:
    people = tuple(people)
    devices = [
        _pir("hallway", dropouts=0.3),
        _pir("living_room", chatter=2.0),
        _pir("kitchen", dropouts=0.5),
        _pir("bedroom"),
        _pir("bathroom"),
        _front_door("hallway"),
        Device("binary_sensor.bathroom_door", DeviceKind.DOOR, "bathroom", leads_to="hallway"),
        _lamp("hallway", automated=True),
        _lamp("living_room"),
        _lamp("kitchen"),
        _lamp("bedroom"),
        _lamp("bathroom", windowless=True),
        Device("media_player.living_room_tv", DeviceKind.MEDIA, "living_room", activities=frozenset({"tv"})),
        Device(
            "binary_sensor.kitchen_kettle_running",
            DeviceKind.APPLIANCE,
            "kitchen",
            activities=frozenset({"eat", "cook", "snack"}),
        ),
        _air("living_room", DeviceKind.TEMPERATURE),
        _air("bedroom", DeviceKind.CARBON_DIOXIDE),
        *_phones(people),
    ]
    if beds:
        devices += [_bed(person.name, person.bedroom) for person in people]
    if office:
        presence = "binary_sensor.office_presence"
        devices += [
            _pir("office"),
            Device(presence, DeviceKind.MMWAVE, "office", hold_s=20, dropouts_per_week=0.3),
            _lamp("office"),
            _air("office", DeviceKind.CARBON_DIOXIDE),
        ]
    return tuple(devices)


def demo_home(*, routine_change_day: date | None = None) -> SimulatedHomeConfig:
    """Six rooms, two adults (one works outside, one at a desk at home), a cat, guests, a party now and then.

    Args:
        routine_change_day: from this day on Alex works late and Robin leaves the house to work.
    """
    late, out = _office_worker("11:30", "20:10"), _office_worker("07:40", "16:30")
    alex = Person("alex", "bedroom", _office_worker())
    robin = Person("robin", "bedroom", _desk_worker("office"), spread=30)
    if routine_change_day is not None:
        alex = replace(alex, changes=((routine_change_day, late),))
        robin = replace(robin, changes=((routine_change_day, out),))
    return SimulatedHomeConfig(
        name="simulated_demo",
        time_zone=_ZONE,
        rooms=_flat(office=True),
        devices=_flat_devices((alex, robin), beds=True, office=True),
        people=(alex, robin),
        pets=(Pet("cat", ("hallway", "living_room", "kitchen", "bedroom", "office")),),
        visits_per_week=1.2,
        party_every=42,
        trips=(Trip(45, 4), Trip(16, 1)),
        duplicates=0.002,
    )


def one_person(*, routine_change_day: date | None = None) -> SimulatedHomeConfig:
    """Five rooms with motion sensors, one person with a job outside, hardly any fault.

    Args:
        routine_change_day: from this day on the person works at night (Tuesday to Thursday).
    """
    kim = Person("kim", "bedroom", _office_worker())
    if routine_change_day is not None:
        kim = replace(kim, changes=((routine_change_day, _shift_worker()),))
    return SimulatedHomeConfig(
        name="simulated_one_person",
        time_zone=_ZONE,
        rooms=_flat(office=False),
        devices=_flat_devices((kim,), beds=False, office=False),
        people=(kim,),
        visits_per_week=0.4,
        trips=(Trip(40, 3),),
    )


def two_people_and_a_cat(*, routine_change_day: date | None = None) -> SimulatedHomeConfig:
    """Two people, one of them on night shifts, and a cat, on motion sensors alone: no bed mats, no office.

    Args:
        routine_change_day: from this day on both work by day.
    """
    noor = Person("noor", "bedroom", _office_worker("07:30", "16:40"))
    sam = Person("sam", "bedroom", _shift_worker())
    if routine_change_day is not None:
        sam = replace(sam, changes=((routine_change_day, _office_worker("09:00", "18:30")),))
    return SimulatedHomeConfig(
        name="simulated_two_people_and_a_cat",
        time_zone=_ZONE,
        rooms=_flat(office=False),
        devices=_flat_devices((noor, sam), beds=False, office=False),
        people=(noor, sam),
        pets=(Pet("cat", ("hallway", "living_room", "kitchen", "bedroom")),),
        visits_per_week=1.0,
        party_every=28,
        trips=(Trip(42, 4), Trip(14, 1)),
        duplicates=0.002,
    )


def alarm_clock_home(*, routine_change_day: date | None = None) -> SimulatedHomeConfig:
    """One person by the clock: every time of the day within ten minutes, at weekends too.

    Args:
        routine_change_day: from this day on everything is two hours later.
    """
    work = DayShape(clock("06:30"), clock("22:30"), clock("08:00"), clock("17:00"))
    free = DayShape(clock("08:00"), clock("23:00"), clock("10:30"), clock("15:30"))
    later = (clock("08:30"), clock("24:30"), clock("10:00"), clock("19:00"))
    ada = Person("ada", "bedroom", Routine(work, free), spread=10, outings=0, roaming=0)
    if routine_change_day is not None:
        ada = replace(ada, changes=((routine_change_day, Routine(DayShape(*later), free)),))
    return SimulatedHomeConfig(
        name="simulated_alarm_clock",
        time_zone=_ZONE,
        rooms=_flat(office=False),
        devices=_flat_devices((ada,), beds=True, office=False),
        people=(ada,),
    )


def large_home(rooms: int = 20, *, events_per_day: int | None = None) -> SimulatedHomeConfig:
    """A house of `rooms` rooms around halls, four people, two pets, for benches.

    Args:
        rooms: at least 6.
        events_per_day: chatty motion sensors raise the number of events to about this.

    Raises:
        ValueError: fewer than six rooms.
    """
    if rooms < 6:
        raise ValueError("a large home has at least six rooms")
    cycle = (
        RoomKind.BEDROOM,
        RoomKind.BATHROOM,
        RoomKind.OFFICE,
        RoomKind.BEDROOM,
        RoomKind.OTHER,
        RoomKind.PASSAGE,
    )
    specs = [
        RoomSpec("hallway", RoomKind.PASSAGE, ("living_room", "kitchen"), outer=True),
        RoomSpec("living_room", RoomKind.LIVING, ("kitchen",)),
        RoomSpec("kitchen", RoomKind.KITCHEN),
    ]
    hall = "hallway"
    for number in range(rooms - 3):
        kind = cycle[number % len(cycle)]
        room_id = f"{'corridor' if kind is RoomKind.PASSAGE else kind.value}_{number // len(cycle) + 1}"
        if any(spec.room_id == room_id for spec in specs):
            room_id += "b"
        specs.append(RoomSpec(room_id, kind, (hall,)))
        if kind is RoomKind.PASSAGE:
            hall = room_id
    bedrooms = [spec.room_id for spec in specs if spec.kind is RoomKind.BEDROOM]
    offices = [spec.room_id for spec in specs if spec.kind is RoomKind.OFFICE]
    routines = (_office_worker(), _desk_worker(offices[0]), _shift_worker(), _office_worker("07:20", "14:10"))
    people = tuple(
        Person(f"person_{n + 1}", bedrooms[n % len(bedrooms)], routine) for n, routine in enumerate(routines)
    )
    chatter = max(0.0, ((events_per_day or 0) - 250.0 * rooms) / rooms)
    devices: list[Device] = [_front_door("hallway"), *_phones(people)]
    for spec in specs:
        devices += [_pir(spec.room_id, chatter=chatter, dropouts=0.2), _lamp(spec.room_id)]
        devices += [_air(spec.room_id, DeviceKind.TEMPERATURE), _air(spec.room_id, DeviceKind.CARBON_DIOXIDE)]
    everywhere = tuple(spec.room_id for spec in specs if spec.kind is not RoomKind.BATHROOM)
    return SimulatedHomeConfig(
        name=f"simulated_{rooms}_rooms",
        time_zone=_ZONE,
        rooms=tuple(specs),
        devices=tuple(devices),
        people=people,
        pets=(Pet("cat", everywhere), Pet("dog", everywhere)),
        visits_per_week=1.5,
        trips=(Trip(50, 5),),
        duplicates=0.002,
    )


PRESETS: dict[str, Callable[..., SimulatedHomeConfig]] = {
    "demo": demo_home,
    "one_person": one_person,
    "two_people_and_a_cat": two_people_and_a_cat,
    "alarm_clock": alarm_clock_home,
    "large": large_home,
}
