"""Customers of a lender who visit, type, move and ask for money: all nine families of events, visit by visit."""

from collections.abc import Iterator
from random import Random
from typing import Any

Event = dict[str, Any]
CITIES = ((31.23, 121.47), (39.90, 116.40), (22.54, 114.06), (30.57, 104.07))
STEPS = ("eligibility", "agreement", "limit_activation", "fund_transfer")
MINUTE_MS = 60_000


class Customer:
    """One subject with devices and a home, drawn from `chance`."""

    def __init__(self, number: int, run: str, chance: Random) -> None:
        self.subject_id = f"s-{run}-{number}"
        self._run, self._chance = run, chance
        self._devices = [f"d-{run}-{number}-{i}" for i in range(chance.choice((1, 1, 1, 2, 3)))]
        self._home = chance.choice(CITIES)
        self._address = f"203.0.{chance.randrange(256)}.{chance.randrange(1, 255)}"
        self._n_events = 0

    def visits(self, at_ms: int) -> Iterator[Event]:
        """Yield the events of visit after visit, without end; the clock runs on within each."""
        for number in range(1_000_000):
            at_ms += self._chance.randrange(1, 60) * MINUTE_MS
            envelope = {
                "session_id": f"v-{self.subject_id}-{number}",
                "product_id": "cash-loan-12m",
                "device_id": self._chance.choice(self._devices),
            }
            application = {"application_id": f"app-{self.subject_id}-{number // 3}"}
            for seq, (family, fields) in enumerate(self._visit(application)):
                at_ms += self._chance.randrange(200, 20_000)
                yield self._event(family, envelope | fields, seq, at_ms)

    def _event(self, family: str, fields: Event, seq: int, at_ms: int) -> Event:
        self._n_events += 1
        return {
            "type": family,
            "event_id": f"e-{self.subject_id}-{self._n_events}",
            "subject_id": self.subject_id,
            "seq": seq,
            "occurred_ms": at_ms,
            "received_ms": at_ms + self._chance.randrange(20, 900),
            "assurance": "claimed" if family == "login" else self._chance.choice(("authenticated", "person")),
        } | fields

    def _visit(self, application: Event) -> Iterator[tuple[str, Event]]:
        chance = self._chance
        if chance.random() < 0.2:
            yield "login", {"outcome": "failed", "method": "password", "ip": self._address}
        yield "login", {"outcome": "success", "method": chance.choice(("password", "otp")), "ip": self._address}
        yield "device", self._device()
        yield "location", self._location()
        yield "keystroke", application | self._typing()
        yield "pointer", application | self._swipes()
        yield "checkpoint", application | self._question(chance.choice(STEPS))
        if chance.random() < 0.4:
            outcome = chance.choice(("issued", "passed", "failed"))
            yield "challenge", application | {"outcome": outcome, "method": "face"}
        question = application | self._question("fund_transfer")
        yield "checkpoint", question
        if chance.random() < 0.3:
            yield "override", question | {"decision": "allow", "operators": ["op-7"], "note": "已核实"}
        if chance.random() < 0.3:
            about = {"about_event_id": f"e-{self.subject_id}-1", "truth": "honest", "source": "investigation"}
            yield "label", about

    def _device(self) -> Event:
        platform = self._chance.choice(("android", "ios", "web", "harmony"))
        return {"platform": platform, "model": "型号 8", "os_version": "16", "rooted": False, "emulator": False}

    def _location(self) -> Event:
        latitude, longitude = (degrees + self._chance.gauss(0, 0.02) for degrees in self._home)
        gps = {"latitude_deg": latitude, "longitude_deg": longitude, "accuracy_m": self._chance.uniform(3, 60)}
        bssids = [f"{self._chance.randrange(2**48):012x}" for _ in range(self._chance.randrange(4))]
        wifi = {"bssids": bssids, "rssi_dbm": [self._chance.randrange(-90, -30) for _ in bssids]}
        cell = {"mcc": 460, "mnc": 0, "area": 6144, "cell": self._chance.randrange(2**28)}
        return {"gps": gps, "ip": self._address, "wifi": wifi, "cell": cell}

    def _typing(self) -> Event:
        n_keys = self._chance.randrange(30)
        return {
            "field": self._chance.choice(("name", "phone", "address", "amount")),
            "hold_ms": [max(0, round(self._chance.gauss(95, 20))) for _ in range(n_keys)],
            "flight_ms": [round(self._chance.lognormvariate(5, 0.5)) for _ in range(n_keys - 1)],
            "classes": "".join(self._chance.choice("llldds") for _ in range(n_keys)),
            "input_method": "soft_keyboard",
        }

    def _swipes(self) -> Event:
        n_points = self._chance.randrange(2, 40)
        return {
            "kind": "touch",
            "starts": [0],
            "t_ms": [16 * i for i in range(n_points)],
            "x_px": [500 + round(self._chance.gauss(0, 12)) for _ in range(n_points)],
            "y_px": [1800 - 30 * i + round(self._chance.gauss(0, 4)) for i in range(n_points)],
        }

    def _question(self, step: str) -> Event:
        asked: Event = {"step": step, "attempt": self._chance.randrange(1, 4)}
        if step == "fund_transfer":
            draw, amount = self._chance.randrange(1000), f"{self._chance.randrange(100, 80_000)}.00"
            asked |= {"draw_id": f"draw-{draw}", "payee_ref": "p-1", "amount": amount, "currency": "CNY"}
        return asked


def asked_of(event: Event) -> Event | None:
    """Return what a verdict must be bound to, or None where the event asks for none."""
    if event["type"] == "login":
        return {"kind": "login", "session_id": event["session_id"], "device_id": event["device_id"]}
    if event["type"] != "checkpoint":
        return None
    names = ("session_id", "application_id", "step", "attempt", "draw_id", "payee_ref", "device_id", "currency")
    bound = {name: event[name] for name in names if name in event}
    return {"kind": "gate"} | bound | ({"amount_max": event["amount"]} if "amount" in event else {})
