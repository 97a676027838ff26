"""Hypervisor, container and steal, on systems laid out for the test."""

import os

import pytest

from tinytorch.benchmarking.environment import host

FLAGS = "proc/cpuinfo"
DMI = "sys/class/dmi/id/"
CLOCKS = "sys/devices/system/clocksource/clocksource0/available_clocksource"


@pytest.fixture
def virtual(tmp_path):
    """Give the root of a system whose processor shows a hypervisor."""
    return lay_out(tmp_path, {FLAGS: "flags\t: fpu hypervisor sse\n"})


def lay_out(root, files):
    """Write files below `root`."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_hypervisor_shows_in_the_flags(virtual, tmp_path):
    """Shared machines are told apart from bare ones."""
    assert host.is_virtual(virtual) is True
    assert host.is_virtual(lay_out(tmp_path, {FLAGS: "flags\t: fpu sse\n"})) is False


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("sys/hypervisor/type", "xen\n", "Xen"),
        (DMI + "sys_vendor", "QEMU\n", "KVM or QEMU"),
        (DMI + "sys_vendor", "Microsoft Corporation\n", "Hyper-V"),
        (DMI + "product_name", "VMware7,1\n", "VMware"),
        (CLOCKS, "tsc kvm-clock \n", "KVM"),
        (CLOCKS, "hyperv_clocksource_tsc_page acpi_pm\n", "Hyper-V"),
    ],
)
def test_a_hypervisor_is_named_by_its_firmware_or_its_clocks(virtual, file, text, expected):
    """No tool is started, and no privilege needed."""
    assert host.hypervisor(lay_out(virtual, {file: text})) == expected


def test_a_hypervisor_without_a_name_is_said_to_be_there(virtual):
    """Unknown is not none."""
    with pytest.raises(LookupError, match="there is a hypervisor"):
        host.hypervisor(virtual)


def test_a_bare_machine_of_a_maker_of_hypervisors_has_none(tmp_path):
    """Firmware alone proves nothing: laptops say Microsoft Corporation too."""
    root = lay_out(tmp_path, {FLAGS: "flags : fpu\n", DMI + "sys_vendor": "Microsoft Corporation"})
    with pytest.raises(LookupError, match="no hypervisor"):
        host.hypervisor(root)


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (".dockerenv", "", "docker"),
        ("run/.containerenv", "", "podman"),
        ("proc/self/cgroup", "0::/kubepods/burstable/pod1\n", "kubernetes"),
        ("proc/self/cgroup", "1:cpu:/docker/0123\n", "docker"),
        ("proc/self/cgroup", "0::/lxc/box\n", "lxc"),
    ],
)
def test_a_container_is_known_by_its_marks(monkeypatch, tmp_path, file, text, expected):
    """A file at the root, or the name of its group."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert host.container(lay_out(tmp_path, {file: text})) == expected


def test_kubernetes_shows_in_the_variables(monkeypatch, tmp_path):
    """Its groups may be hidden."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert host.container(tmp_path) == "kubernetes"


def test_no_mark_is_no_container(monkeypatch, tmp_path):
    """The reason says that only marks were looked for."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(LookupError, match="nothing here looks like a container"):
        host.container(lay_out(tmp_path, {"proc/self/cgroup": "0::/user.slice\n"}))


def test_steal_is_in_seconds(monkeypatch, tmp_path):
    """The system counts ticks."""
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    root = lay_out(tmp_path, {"proc/stat": "cpu  1 2 3 4 5 6 7 250 0 0\ncpu0 1 2 3 4 5 6 7 250 0 0\n"})
    assert host.steal_seconds(root) == 2.5


def test_a_system_that_does_not_count_steal_says_so(tmp_path):
    """Not 0: nobody counted."""
    with pytest.raises(LookupError, match="does not count steal"):
        host.steal_seconds(lay_out(tmp_path, {"proc/stat": "cpu 1 2 3 4\n"}))


def test_memory_is_more_than_nothing(tmp_path):
    """In bytes."""
    assert 0 < host.memory_available(tmp_path) <= host.memory_total(tmp_path)
