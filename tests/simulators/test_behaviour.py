"""Inside the simulated devices: what they do with their command words, and how they say that they are not well."""

from collections.abc import Callable

import pytest

from devices.exchange import Read, Write
from devices.instruments import PROFILES
from devices.modbus import plan
from devices.profile import Access, Kind
from devices.quality import BAD_DEVICE_FAILURE, BAD_NOT_CONNECTED, BAD_OUT_OF_SERVICE, BAD_SENSOR_FAILURE, GOOD
from simulators.bank import Bank
from simulators.behaviour import BEHAVIOURS, Acs580, Behaviour, GammaX, GasDetector, Grundfos, Liquiline, Promass, Vegapuls, behaviour


class CommandedBank(Bank):
    """A bank whose command point is written over the wire."""

    def __init__(self, profile: str) -> None:
        super().__init__(PROFILES[profile])

    def command(self, *words: int) -> None:
        address = self.profile.point("run").address
        for word in words:
            assert self.answer(Write(self.unit_id, 6, address, (word,)), now=0).ok


def quality(bank: Bank, name: str) -> int:
    """How a gateway judges one point of the bank now."""
    profile = bank.profile
    found: list[int] = []
    for block in plan(profile, [profile.point(name)]):
        reply = bank.answer(Read(bank.unit_id, block.function, block.address, block.count), now=0)
        found += block.compile().decode(reply.payload)[1]
    return found[0]


def drive(*words: int) -> tuple[Acs580, CommandedBank, dict[str, float]]:
    bank, inside = CommandedBank("abb_acs580"), Acs580(full_rpm=400)
    bank.set("speed_sp", 62.5)
    bank.command(*words)
    return inside, bank, inside.step(bank, {}, 0.5)


def test_a_drive_starts_on_the_whole_sequence_and_shows_its_speed():
    inside, bank, demand = drive(0x0476, 0x0477, 0x047F)
    assert demand == {"enable": 1.0, "speed_pct": pytest.approx(62.5), "speed_rpm": pytest.approx(250.0)}
    inside.step(bank, {"rpm": 250.0, "kw": 0.31}, 0.5)
    assert (bank.get("running"), bank.get("at_setpoint")) == (1.0, 1.0)
    assert bank.get("speed") == pytest.approx(62.5)
    assert bank.get("power") == pytest.approx(0.31)


@pytest.mark.parametrize("words", [(0x047F,), (0x0477, 0x047F), (0x0476, 0x047F), (0x0476, 0x0477)])
def test_a_drive_does_not_start_on_half_a_sequence(words: tuple[int, ...]):
    _, bank, demand = drive(*words)
    assert demand["enable"] == 0.0
    assert bank.get("running") == 0.0


def test_a_drive_stops_on_0x047e_and_starts_again():
    inside, bank, _ = drive(0x0476, 0x0477, 0x047F)
    bank.command(0x047E)
    assert inside.step(bank, {}, 0.5)["enable"] == 0.0
    bank.command(0x0476, 0x0477, 0x047F)
    assert inside.step(bank, {}, 0.5)["enable"] == 1.0


def test_an_emergency_stop_by_the_control_word_inhibits_the_next_start():
    inside, bank, _ = drive(0x0476, 0x0477, 0x047F)
    bank.command(0x047B, 0x047F)
    assert inside.step(bank, {}, 0.5)["enable"] == 0.0
    assert bank.get("inhibited") == 1.0


def test_a_tripped_drive_needs_its_cause_gone_and_a_reset():
    inside, bank, _ = drive(0x0476, 0x0477, 0x047F)
    assert inside.step(bank, {"trip": 1.0}, 0.5)["enable"] == 0.0
    assert bank.get("tripped") == 1.0
    bank.command(0x04FE, 0x047E)
    inside.step(bank, {"trip": 1.0}, 0.5)
    assert bank.get("tripped") == 1.0
    bank.command(0x0476, 0x0477, 0x047F)
    assert inside.step(bank, {}, 0.5)["enable"] == 0.0
    bank.command(0x04FE, 0x047E, 0x0476, 0x0477, 0x047F)
    assert inside.step(bank, {}, 0.5)["enable"] == 1.0


def test_every_cell_of_the_drives_table_leads_to_a_state_of_the_table():
    for row in Acs580.TABLE.values():
        assert set(row) == {"off1", "on", "run", "emergency"}
        assert set(row.values()) <= set(Acs580.TABLE)


def test_a_naked_run_word_starts_nothing_and_a_lost_master_stops_the_drive():
    bank, inside = CommandedBank("abb_acs580"), Acs580()
    bank.command(0x047F)
    assert inside.step(bank, {}, 0.5)["enable"] == 0.0
    bank.command(0x0476, 0x0477, 0x047F)
    assert inside.step(bank, {}, 0.5)["enable"] == 1.0
    bank.step(10_000_000_000)
    assert inside.step(bank, {}, 0.5)["enable"] == 0.0


def test_a_tripped_drive_can_be_reset_at_its_panel_and_waits_for_a_new_start():
    bank, inside = CommandedBank("abb_acs580"), Acs580()
    bank.command(0x0476, 0x0477, 0x047F)
    inside.step(bank, {"trip": 1.0}, 0.5)
    assert inside.step(bank, {"trip": 0.0, "panel_reset": 1.0}, 0.5)["enable"] == 0.0
    bank.command(0x0476, 0x0477, 0x047F)
    assert inside.step(bank, {}, 0.5)["enable"] == 1.0


def pump(run: int, capacity: float) -> tuple[GammaX, Bank]:
    bank = Bank(PROFILES["prominent_gamma_x"])
    bank.put_raw("run", run)
    bank.set("capacity", capacity)
    return GammaX(), bank


def test_an_acid_pump_doses_what_is_asked_and_counts_it():
    inside, bank = pump(0x0003, 42.0)
    assert inside.step(bank, {"l_min": 0.7}, 60.0) == {"enable": 1.0, "l_h": pytest.approx(42.0), "l_min": pytest.approx(0.7)}
    assert bank.get("total") == pytest.approx(0.7)
    assert bank.get("strokes") == 168
    assert bank.get("mode") == 1


@pytest.mark.parametrize("spoil", [lambda b: b.put_raw("run", 2), lambda b: b.set("target_mode", 0), lambda b: setattr(b, "expired", True)])
def test_an_acid_pump_stops_without_start_bit_in_halt_and_when_its_bus_times_out(spoil: Callable[[Bank], None]):
    inside, bank = pump(0x0003, 42.0)
    inside.step(bank, {}, 0.5)
    spoil(bank)
    assert inside.step(bank, {}, 0.5)["l_h"] == 0.0


def test_the_counters_of_a_pump_are_cleared_by_their_magic_word():
    inside, bank = pump(0x0003, 42.0)
    inside.step(bank, {"l_min": 0.7}, 60.0)
    bank.put_raw("clear_counters", 0x5555)
    inside.step(bank, {"l_min": 0.0}, 0.5)
    assert (bank.get("total"), bank.raw("clear_counters")) == (0.0, 0)


@pytest.mark.parametrize(("word", "runs"), [(0, 0.0), (1, 0.0), (2, 0.0), (3, 1.0)])
def test_a_transfer_pump_runs_only_when_remote_and_on(word: int, runs: float):
    bank = Bank(PROFILES["grundfos_cim"])
    bank.put_raw("run", word)
    bank.set("setpoint", 80)
    demand = Grundfos().step(bank, {"rpm": 2320.0, "kw": 0.8}, 0.5)
    assert demand == {"enable": runs, "speed_pct": 80.0 * runs}
    assert (bank.get("running"), bank.get("speed"), bank.get("power")) == (runs, 2320.0, pytest.approx(0.8))


def test_an_alarm_of_a_transfer_pump_stands_until_it_is_reset():
    bank, inside = Bank(PROFILES["grundfos_cim"]), Grundfos()
    bank.put_raw("run", 3)
    inside.step(bank, {"trip": 1.0}, 0.5)
    assert inside.step(bank, {}, 0.5)["enable"] == 0.0
    bank.put_raw("run", 7)
    assert inside.step(bank, {}, 0.5)["enable"] == 1.0


def detector(profile: str) -> tuple[Bank, Behaviour]:
    inside = behaviour(profile)
    assert inside is not None
    return Bank(PROFILES[profile]), inside


def test_an_inhibited_xnx_shows_no_gas_and_an_inhibited_xrl_its_last_value_and_neither_is_believed():
    for profile, shown in (("honeywell_xnx", 0.0), ("sensepoint_xrl", 12.0)):
        bank, inside = detector(profile)
        inside.step(bank, {"pv": 12.0}, 0.5)
        assert quality(bank, "pv") == GOOD
        inside.step(bank, {"pv": 40.0, "inhibit": 1.0}, 0.5)
        assert bank.get("pv") == pytest.approx(shown)
        assert quality(bank, "pv") == BAD_OUT_OF_SERVICE


def test_a_detector_that_warms_up_is_not_believed_until_it_is_warm():
    bank, inside = Bank(PROFILES["honeywell_xnx"]), GasDetector(5, holds=False, warm_up_s=60)
    inside.step(bank, {"pv": 1.0}, 60.0)
    assert quality(bank, "pv") == BAD_OUT_OF_SERVICE
    inside.step(bank, {"pv": 1.0}, 0.5)
    assert quality(bank, "pv") == GOOD
    assert bank.get("heartbeat") == 12


def test_a_faulty_detector_says_so():
    bank, inside = detector("sensepoint_xrl_ppm")
    inside.step(bank, {"pv": 1.0, "fault": 1203}, 0.5)
    assert quality(bank, "pv") == BAD_DEVICE_FAILURE


def test_a_broken_electrode_is_bad_and_an_input_without_sensor_is_not_connected():
    bank, inside = Bank(PROFILES["liquiline_cm44x"]), Liquiline(assigned=("ph",))
    inside.step(bank, {"ph": 1.5}, 0.5)
    assert (quality(bank, "ph"), quality(bank, "orp")) == (GOOD, BAD_NOT_CONNECTED)
    inside.step(bank, {"ph": 1.5, "ph_fault": 1.0}, 0.5)
    assert quality(bank, "ph") == BAD_SENSOR_FAILURE


def test_a_lost_echo_holds_the_level_and_makes_it_invalid():
    bank, inside = Bank(PROFILES["vegapuls_c21"]), Vegapuls()
    inside.step(bank, {"level": 0.9}, 0.5)
    assert quality(bank, "level") == GOOD
    inside.step(bank, {"level": 0.2, "echo_lost": 1.0}, 0.5)
    assert (bank.get("level"), quality(bank, "level")) == (pytest.approx(0.9), BAD_SENSOR_FAILURE)


def test_a_coriolis_meter_totals_what_flows_and_says_nothing_when_it_fails():
    bank, inside = Bank(PROFILES["promass_300"]), Promass()
    for _ in range(4):
        inside.step(bank, {"flow": 0.6}, 30.0)
    assert bank.get("total") == pytest.approx(1.2)
    inside.step(bank, {"flow": 0.6, "fault": 1.0}, 30.0)
    assert quality(bank, "flow") == BAD_DEVICE_FAILURE
    assert bank.get("total") == pytest.approx(1.2)


def test_a_broken_thermocouple_is_bad():
    bank, inside = detector("eurotherm_epc3016")
    inside.step(bank, {"pv": 61.5}, 0.5)
    assert quality(bank, "pv") == GOOD
    inside.step(bank, {"pv": 61.5, "break": 1.0}, 0.5)
    assert quality(bank, "pv") == BAD_SENSOR_FAILURE


@pytest.mark.parametrize("profile", sorted(BEHAVIOURS))
def test_a_healthy_device_is_good_in_everything_it_measures(profile: str):
    bank, inside = detector(profile)
    for _ in range(2):
        inside.step(bank, {}, 0.5)
    for point in PROFILES[profile].points:
        if point.access is Access.READ and point.kind is not Kind.ASCII:
            assert quality(bank, point.name) == GOOD, point.name


def test_remote_io_has_no_mind_of_its_own():
    assert behaviour("adam_5000_tcp") is None
