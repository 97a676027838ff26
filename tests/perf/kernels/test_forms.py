"""Which form of the kernels runs: the best there is, or the one asked for."""

import subprocess
import sys

import pytest

from tinytorch.errors import RangeError, StateError
from tinytorch.perf.kernels import VARIABLE, form, forms
from tinytorch.perf.kernels.forms import VNNI


def test_the_best_form_runs_unless_another_is_asked_for(monkeypatch):
    """`auto`, nothing and an empty value are the same."""
    best = forms.possible_forms()[0]
    monkeypatch.delenv(VARIABLE, raising=False)
    assert form() == best
    for value in ("", "auto"):
        monkeypatch.setenv(VARIABLE, value)
        assert form() == best
    for each in forms.possible_forms():
        monkeypatch.setenv(VARIABLE, each)
        assert form() == each


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((), ("plain", "numpy")),
        (("avx2", "fma"), ("avx2", "plain", "numpy")),
        (("avx2", "fma", "avx512f", "avx512bw", "avx512vl"), ("avx2", "plain", "numpy")),
        ((*VNNI, "avx2", "fma"), ("vnni", "avx2", "plain", "numpy")),
        ((*VNNI, "avx2", "fma", "amx-tile", "amx-int8"), ("amx", "vnni", "avx2", "plain", "numpy")),
    ],
)
def test_the_machine_decides_what_is_possible(monkeypatch, flags, expected):
    """AVX-512 without VNNI is not enough for the bytes."""
    monkeypatch.setattr(forms, "_may_use_amx", lambda: True)
    monkeypatch.setattr(forms, "_cpu_flags", lambda: frozenset(flags))
    monkeypatch.setattr(forms, "has_numba", lambda: True)
    assert forms.possible_forms() == expected


def test_amx_needs_the_permission_of_the_system(monkeypatch):
    """Without it, the next best form runs."""
    monkeypatch.setattr(forms, "_cpu_flags", lambda: frozenset((*VNNI, "amx-tile", "amx-int8")))
    monkeypatch.setattr(forms, "has_numba", lambda: True)
    monkeypatch.setattr(forms, "_may_use_amx", lambda: False)
    assert forms.possible_forms() == ("vnni", "plain", "numpy")
    monkeypatch.undo()
    monkeypatch.setattr(forms.sys, "platform", "darwin")
    assert not forms._may_use_amx.__wrapped__()


def test_without_numba_there_are_the_twins(monkeypatch):
    """And asking for more is refused."""
    monkeypatch.setattr(forms, "has_numba", lambda: False)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert (form(), forms.lanes()) == ("numpy", 8)
    monkeypatch.setenv(VARIABLE, "plain")
    with pytest.raises(StateError, match=r"TINYTORCH_KERNELS must be one of numpy here; got plain\. Install tinytorch"):
        form()


def test_an_unknown_form_is_refused(monkeypatch):
    """The list is given."""
    monkeypatch.setenv(VARIABLE, "fast")
    with pytest.raises(RangeError, match="auto or one of amx, vnni, avx2, plain, numpy; got fast"):
        form()


def test_numba_is_imported_only_when_a_kernel_is_compiled():
    """It takes half a second."""
    code = "import sys, tinytorch.perf.compilation, tinytorch.perf.kernels.int8; print('numba' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
