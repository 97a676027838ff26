"""What holds this process: hypervisor, container, memory, and the load of everyone else."""

from __future__ import annotations

import os
from pathlib import Path

from tinytorch.benchmarking.environment import processor

__all__ = [
    "container",
    "hypervisor",
    "is_virtual",
    "load_average",
    "memory_available",
    "memory_total",
    "steal_seconds",
]

# What a virtual machine's firmware or clocks call themselves, and whose they are.
SIGNATURES = {
    "amazon ec2": "KVM (Amazon EC2)",
    "bochs": "Bochs",
    "google": "KVM (Google)",
    "hyperv_clocksource": "Hyper-V",
    "innotek": "VirtualBox",
    "kvm": "KVM",
    "microsoft corporation": "Hyper-V",
    "openstack": "KVM (OpenStack)",
    "parallels": "Parallels",
    "qemu": "KVM or QEMU",
    "vmware": "VMware",
    "xen": "Xen",
}
TELLTALES = (
    "sys/hypervisor/type",
    "sys/class/dmi/id/sys_vendor",
    "sys/class/dmi/id/product_name",
    "sys/devices/system/clocksource/clocksource0/available_clocksource",
)
MARKERS = {".dockerenv": "docker", "run/.containerenv": "podman"}
GROUPS = {"kubepods": "kubernetes", "docker": "docker", "libpod": "podman", "containerd": "containerd", "lxc": "lxc"}


def is_virtual(root: Path) -> bool:
    """Say whether a hypervisor is under this system.

    Raises:
        OSError, LookupError: If the processor does not tell.
    """
    return "hypervisor" in processor.flags(root)


def hypervisor(root: Path) -> str:
    """Name the hypervisor under this system.

    Raises:
        LookupError: If there is none, or it does not show its name.
    """
    if not is_virtual(root):  # the makers of firmware for virtual machines also make bare ones
        raise LookupError("no hypervisor: the processor's flags name none")
    for place in TELLTALES:
        text = _text(root / place).lower()
        for sign, name in SIGNATURES.items():
            if sign in text:
                return name
    raise LookupError("there is a hypervisor, but neither firmware nor clocks name it")


def container(root: Path) -> str:
    """Name the kind of container this process runs in.

    Raises:
        LookupError: If nothing looks like one.
    """
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    for marker, kind in MARKERS.items():
        if (root / marker).exists():
            return kind
    groups = _text(root / "proc/self/cgroup")
    for word, kind in GROUPS.items():
        if word in groups:
            return kind
    raise LookupError("nothing here looks like a container")


def memory_total(_: Path) -> int:
    """Say how many bytes of memory the machine has."""
    import psutil

    return int(psutil.virtual_memory().total)


def memory_available(_: Path) -> int:
    """Say how many bytes could be had without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)


def load_average(_: Path) -> list[float]:
    """Give the mean number of processes that wanted to run, over 1, 5 and 15 minutes."""
    return [round(load, 2) for load in os.getloadavg()]


def steal_seconds(root: Path) -> float:
    """Add up the time, since the start of the system, that a hypervisor gave to others, over all cores.

    Raises:
        OSError: If the system does not tell.
        LookupError: If it does not count steal.
    """
    fields = (root / "proc/stat").read_text().split("\n", 1)[0].split()  # cpu user nice system idle iowait irq softirq
    if len(fields) < 9:
        raise LookupError("this system does not count steal")
    return int(fields[8]) / os.sysconf("SC_CLK_TCK")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # a sign that is not there is no sign
        return ""
