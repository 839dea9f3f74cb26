"""Power sensors as the kernels of Jetson boards show them in sysfs, with values that can be changed."""

import math
import os
import threading
import time

VOLTAGE_MV = 5000


class Sensors:
    """INA3221 sensors under a sysfs root."""

    def __init__(self, sysfs):
        self.sysfs = str(sysfs)
        self.root = sysfs
        self._writers = {}

    def iio(self, address, rails, device="iio_device", mode=0):
        """A sensor of L4T r32; `rails` are mW by name."""
        folder = self.root / "bus/i2c/drivers/ina3221x" / address / device
        folder.mkdir(parents=True)
        (folder / "running_mode").write_text(f"{mode}\n")
        for channel, (name, mw) in enumerate(rails.items()):
            (folder / f"rail_name_{channel}").write_text(name + "\n")
            self._writers[name] = lambda mw, file=folder / f"in_power{channel}_input": _replace(file, mw)
            self.set(**{name: mw})
        return folder

    def hwmon(self, address, rails, interval_ms=20, driver="ina3221", averages=None, shunt_uohm=None):
        """A sensor of JetPack 5 and later; `rails` are mW by name, multiples of 5."""
        folder = self.root / "bus/i2c/drivers" / driver / address / "hwmon" / "hwmon3"
        folder.mkdir(parents=True)
        (folder / "update_interval").write_text(f"{interval_ms}\n")
        if averages is not None:
            (folder / "samples").write_text(f"{averages}\n")
        for channel, (name, mw) in enumerate(rails.items(), 1):
            (folder / f"in{channel}_label").write_text(name + "\n")
            (folder / f"in{channel}_input").write_text(f"{VOLTAGE_MV}\n")
            if shunt_uohm is not None:
                (folder / f"shunt{channel}_resistor").write_text(f"{shunt_uohm}\n")
            self._writers[name] = lambda mw, file=folder / f"curr{channel}_input": _replace(
                file, mw * 1000 // VOLTAGE_MV if isinstance(mw, int) else mw
            )
            self.set(**{name: mw})
        (folder / "in7_label").write_text("sum of shunt voltages\n")
        (folder / "in7_input").write_text("12\n")
        return folder

    def set(self, **rails):
        for name, value in rails.items():
            self._writers[name](value)


def _replace(file, value):
    # By rename, so that no reader sees the file empty: sysfs makes the text whole for each read.
    new = file.parent / f".{file.name}"
    new.write_text(f"{value}\n")
    os.replace(new, file)


def tx1(sensors):
    sensors.iio("1-0040", {"VDD_IN": 5000, "VDD_GPU": 2000, "VDD_CPU": 900})
    sensors.iio("1-0042", {"VDD_MUX": 7000, "VDD_5V_IO_SYS": 800, "VDD_3V3_SYS": 700})
    sensors.iio("1-0043", {"VDD_3V3_IO": 300, "VDD_1V8_IO": 200, "VDD_M2_IN": 100})
    return ["VDD_IN"], "VDD_GPU"


def tx2(sensors, device="iio_device"):
    sensors.iio("0-0040", {"VDD_SYS_GPU": 2280, "VDD_SYS_SOC": 990, "VDD_4V0_WIFI": 38}, device)
    sensors.iio("0-0041", {"VDD_IN": 7358, "VDD_SYS_CPU": 1140, "VDD_SYS_DDR": 1000}, device)
    sensors.iio("0-0042", {"VDD_MUX": 9000, "VDD_5V0_IO_SYS": 800, "VDD_3V3_SYS": 700}, device)
    return ["VDD_IN"], "VDD_SYS_GPU"


def tx2_newer(sensors):
    return tx2(sensors, "iio:device1")


def nano(sensors):
    sensors.iio("6-0040", {"POM_5V_IN": 5800, "POM_5V_GPU": 2000, "POM_5V_CPU": 1100})
    return ["POM_5V_IN"], "POM_5V_GPU"


def agx_xavier(sensors):
    sensors.iio("1-0040", {"GPU": 3000, "CPU": 1500, "SOC": 2000})
    sensors.iio("1-0041", {"CV": 100, "VDDRQ": 900, "SYS5V": 2500}, "iio:device2")
    return ["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"], "GPU"


def orin_nano(sensors):
    sensors.hwmon("1-0040", {"VDD_IN": 6000, "VDD_CPU_GPU_CV": 2500, "VDD_SOC": 1500})
    return ["VDD_IN"], "VDD_CPU_GPU_CV"


def agx_orin(sensors):
    sensors.hwmon("1-0040", {"VDD_GPU_SOC": 4000, "VDD_CPU_CV": 1000, "VIN_SYS_5V0": 3000})
    sensors.hwmon("1-0041", {"NC": 0, "VDDQ_VDD2_1V8AO": 500})
    return ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"], "VDD_GPU_SOC"


def agx_thor(sensors):
    sensors.hwmon("2-0040", {"VDD_GPU": 20000, "VDD_CPU_SOC_MSS": 6500, "VIN_SYS_5V0": 6500})
    sensors.hwmon("2-0044", {"VIN": 60000}, driver="ina238")
    return ["VIN"], "VDD_GPU"


BOARDS = [tx1, tx2, tx2_newer, nano, agx_xavier, orin_nano, agx_orin, agx_thor]


class Wave:
    """A thread that lets a rail swing: mean + swing * sin(2 pi t / period_s), seen anew every `refresh_s`.

    On a loaded machine it comes late now and then: what it really showed, and when, is kept.
    """

    def __init__(self, sensors, rail, mean_mw, swing_mw, period_s, refresh_s=0.01):
        self.mean_mw, self.swing_mw, self.period_s = mean_mw, swing_mw, period_s
        self.shown = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(sensors, rail, refresh_s))

    def energy_mj(self, begin_s, end_s):
        """The integral of what was shown, exactly; times on the monotonic clock."""
        ends = [time_s for time_s, _ in self.shown[1:]] + [end_s]
        return sum(mw * max(0.0, min(b, end_s) - max(a, begin_s)) for (a, mw), b in zip(self.shown, ends, strict=True))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def _run(self, sensors, rail, refresh_s):
        while not self._over.wait(refresh_s):
            phase = 2 * math.pi * time.monotonic() / self.period_s
            power_mw = 5 * round((self.mean_mw + self.swing_mw * math.sin(phase)) / 5)
            sensors.set(**{rail: power_mw})
            self.shown.append((time.monotonic(), power_mw))


class Averaging:
    """A thread that is the sensor's own converter: a rail shows the mean of one period until the next one is over."""

    def __init__(self, sensors, rail, power_mw, period_s):
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(sensors, rail, power_mw, period_s))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._over.set()
        self._thread.join()

    def _run(self, sensors, rail, power_mw, period_s):
        due_s, seen_mw = time.monotonic() + period_s, []
        while not self._over.wait(0.002):
            seen_mw.append(power_mw())
            if time.monotonic() >= due_s:
                sensors.set(**{rail: 5 * round(sum(seen_mw) / len(seen_mw) / 5)})
                due_s, seen_mw = due_s + period_s, []
