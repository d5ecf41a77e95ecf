"""From the tanks through the press to the buffers: transfer pumps, press, wash water, filtrate and the pumps behind the buffers."""

from collections.abc import Sequence

from simulators.physics import variables as var
from simulators.physics.batch_account import BatchAccount
from simulators.physics.buffer import Buffer
from simulators.physics.ledger import Ledger, add
from simulators.physics.mechanics import flow_against, suspension
from simulators.physics.parameters import WorldParameters
from simulators.physics.press import FilterPress
from simulators.physics.reagents import WATER_STOCK
from simulators.physics.site import Site
from simulators.physics.tank import LeachTank


class Filtration:
    """Press FP-201 and the buffers TK-210 and TK-211 behind the tanks. ``accounts``: one a tank, in their order."""

    __slots__ = ("_accounts", "_ledger", "_p", "_site", "_tanks", "buffers", "press")

    def __init__(
        self, p: WorldParameters, site: Site, tanks: Sequence[LeachTank], accounts: Sequence[BatchAccount], ledger: Ledger
    ) -> None:
        self._p, self._site, self._tanks, self._accounts, self._ledger = p, site, tanks, accounts, ledger
        self.press = FilterPress(p.press)
        self.buffers = (Buffer(p.buffer_l), Buffer(p.buffer_l))

    def step(self, v: list[float], press_at: int, wash_at: int, pumps_at: int, dt_s: float) -> None:
        """Move slurry, filtrate and wash water; ``..._at``: where the commands of press, wash pump and buffer pumps stand in `v`."""
        site, press = self._site, self.press
        press.move(v[press_at : press_at + 5], dt_s, site.air_ok, site.power)
        press.begin()
        runs = site.power and not site.estop
        for k, tank in enumerate(self._tanks):
            speed = min(max(v[tank.base + var.TRANSFER_SP] * 0.01, 0.0), 1.0) if runs else 0.0
            tank.pump_rpm = 2900.0 * speed
            tank.transfer_m3_h = 0.0
            if speed > 0.0 and tank.valves[var.DISCHARGE] > 0.5:
                if press.feed_valve > 0.5:
                    self._transfer(k, tank, speed, dt_s)
                else:  # dead-headed: the press sees nothing, the pump its full pressure
                    press.feed_bar = 0.0
        press.step(v[wash_at], dt_s, site.power)
        if press.washed_l > 0.0:
            for i, n in WATER_STOCK.mol:
                self._ledger.entered_liquor[i] += n * press.washed_l
        if press.filtrate_m3_h > 0.0:
            self.buffers[0].add(press.filtrate)
            if press.source is not None:
                self._accounts[press.source].add_filtrate(press.filtrate)
        self._empty_buffers(v[pumps_at : pumps_at + 2], dt_s)

    def _transfer(self, k: int, tank: LeachTank, speed: float, dt_s: float) -> None:
        p, press = tank.p, self.press
        slurry = tank.slurry_l
        have = slurry - p.transfer_heel_l
        if have <= 0.0:
            return
        resistance = press.resistance if press.closed else 0.05
        flow = min(flow_against(p.transfer_head_bar, speed, resistance), p.transfer_max_m3_h * speed)
        part = min(flow * dt_s / 3.6, have) / slurry
        flow = part * slurry / dt_s * 3.6
        bar = min(flow * resistance, p.transfer_head_bar * speed * speed)
        liquor, solid = tank.take(part, part * suspension(tank.rpm, tank.njs_rpm))
        tank.transfer_m3_h = flow
        if press.closed:
            press.feed(liquor, solid, k, bar)
            self._accounts[k].add_pressed(liquor, solid)
        else:
            self._ledger.spill(self._accounts[k], liquor, solid)

    def _empty_buffers(self, setpoints: list[float], dt_s: float) -> None:
        first, second = self.buffers
        top = self._p.buffer_pump_m3_h
        runs = self._site.power and not self._site.estop
        for k, buffer in enumerate(self.buffers):
            sp = setpoints[k]
            moved = sp > 0.0 and runs and buffer.volume_l > 0.0
            if moved:
                add(self._ledger.left_liquor, buffer.draw(min(sp, 100.0) * 0.01 * top * dt_s / 3.6))
            if k == 0:
                moved = moved or self.press.filtrate_m3_h > 0.0
            buffer.settle(dt_s, moved)
        if first.volume_l > 0.95 * first.capacity_l:  # the overflow pipe between the two
            second.add(first.draw(first.volume_l - 0.95 * first.capacity_l))
            second.settle(dt_s, True)
            if second.volume_l > second.capacity_l:
                add(self._ledger.bund_liquor, second.draw(second.volume_l - second.capacity_l))
