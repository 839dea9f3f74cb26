"""Trees of files laid out as boards show them, on the host and inside a container."""

import pytest

# What L4T r32 and JetPack 5 put there; links of sysfs are links here too.
RELEASE = "# R{} (release), REVISION: {}, GCID: 27863751, BOARD: t186ref, EABI: aarch64, DATE: Mon Jan 24 2022\n"


class Machine:
    """A root folder that is filled piece by piece."""

    def __init__(self, root):
        self.root = root

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def tree(self, model=None, folder="proc/device-tree", **entries):
        """The device tree: every string ends with a zero byte."""
        if model:
            self.write(f"{folder}/model", model + "\0")
        for name, strings in entries.items():
            self.write(f"{folder}/{name}", "".join(string + "\0" for string in strings))

    def release(self, major, revision):
        self.write("etc/nv_tegra_release", RELEASE.format(major, revision))

    def gpu(self, node, folder="sys/devices"):
        self.write(f"{folder}/{node}/load", "0\n")

    def iio(self, address, rails, device="iio_device"):
        """A sensor of L4T r32: the driver's folder holds a link to the device."""
        self._sensor("ina3221x", address, {f"{device}/rail_name_{i}": name for i, name in enumerate(rails)})

    def hwmon(self, address, rails, driver="ina3221"):
        """A sensor of JetPack 5 and later."""
        self._sensor(driver, address, {f"hwmon/hwmon3/in{i}_label": name for i, name in enumerate(rails, 1)})

    def _sensor(self, driver, address, files):
        bus = f"sys/devices/3160000.i2c/i2c-{address[0]}/{address}"
        for name, text in files.items():
            self.write(f"{bus}/{name}", text + "\n")
        folder = self.root / "sys/bus/i2c/drivers" / driver
        folder.mkdir(parents=True, exist_ok=True)
        (folder / address).symlink_to(self.root / bus)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path / "root")
