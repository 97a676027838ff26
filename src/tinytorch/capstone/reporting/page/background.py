"""The sections without a figure: techniques, attempts, environment, notes, and how to check all of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from tinytorch.capstone.provenance import attempts_sentence
from tinytorch.capstone.reporting.markup import Markup, element, joined, shown
from tinytorch.capstone.reporting.page.part import Part
from tinytorch.capstone.reporting.page.tables import facts, table
from tinytorch.capstone.reporting.reading import Reading
from tinytorch.capstone.reporting.texts import bytes_text, prose

__all__ = ["attempts", "checks", "environment", "notes", "techniques"]

LONGEST = 300  # of what a record may say at any length
UNKNOWN_ATTEMPTS = (
    "How many attempts came before this one is not recorded: it may be the best of several, and the best of several "
    "looks better than it is."
)
SHARED = "It is a virtual machine: trust ratios of what ran side by side; a latency is worth a quarter either way."


def techniques(part: Part) -> Markup | None:
    """List what the model was made by, and what is then claimed of it."""
    optimized = part.reading.optimized
    if optimized is None:
        return None
    applied = optimized.content.get("techniques") or ()
    if not applied:
        return element("p", "No technique is named.")
    rows: list[tuple[str, ...]] = [(one["name"], _claim(one), _json(one.get("options"))) for one in applied]
    columns: tuple[str, ...] = ("Technique", "Claim", "Options")
    if not any(options for *_, options in rows):
        rows, columns = [row[:2] for row in rows], columns[:2]
    intro = "In the order in which they were applied. A claim is what must be true of the model afterwards."
    return joined(element("p", intro), table("Techniques and their claims", columns, rows, 3))


def _claim(technique: Mapping[str, Any]) -> str:
    """Give the recorded claim; where none is, the one that this package makes for the technique."""
    if technique.get("claim"):
        return shown(technique["claim"], LONGEST)
    from tinytorch.perf import TECHNIQUES

    known = TECHNIQUES.get(technique["name"])
    return "none that is known" if known is None else f"{known.claim} (not recorded; as TinyTorch defines it)"


def _json(value: object) -> str:
    return shown(json.dumps(value, ensure_ascii=False), LONGEST) if value else ""


def attempts(part: Part) -> Markup:
    """Say how many attempts there were, and what that does to the best of them."""
    found = part.reading.part("attempts")
    if not found:
        return element("p", UNKNOWN_ATTEMPTS)
    known = {"campaign": shown(found["campaign"], 60), "best_of_inflation": found.get("best_of_inflation")}
    head = element("p", "The ledger that holds all of them ends with ", element("code", found["ledger_head"]), ".")
    return joined(element("p", prose(attempts_sentence({**found, **known}))), head)


def environment(part: Part) -> Markup:
    """List the machine, the software, the data and the protocol."""
    reading = part.reading
    warning = element("p", prose(SHARED)) if _system(reading).get("is_virtual") else None
    blocks = [facts(name, rows) for name, rows in _blocks(reading) if rows]
    return joined(warning, element("div", *blocks, class_="pairs"))


def _system(reading: Reading) -> Mapping[str, Any]:
    found: Mapping[str, Any] = reading.document["environment"]["system_info"]
    return found


def _blocks(reading: Reading) -> list[tuple[str, list[tuple[str, object]]]]:
    return [
        ("Machine", list(_known(_machine(reading)))),
        ("Software", list(_known(_software(reading)))),
        ("Data", list(_known(_data(reading)))),
        ("Protocol", list(_known(_protocol(reading)))),
    ]


def _known(pairs: Iterator[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    for name, value in pairs:
        if value not in {None, ""}:
            yield name, shown(value, LONGEST)


def _machine(reading: Reading) -> Iterator[tuple[str, object]]:
    system, resource = _system(reading), reading.document["environment"].get("resource") or {}
    yield "Processor", resource.get("host.cpu.model.name") or system.get("cpu_model")
    yield "Architecture", resource.get("host.arch") or system.get("cpu_architecture")
    yield "Cores", _cores(system)
    memory = system.get("memory_total_bytes")
    yield "Memory", bytes_text(memory) if isinstance(memory, int) else None
    yield "Hypervisor", system.get("hypervisor")
    yield "Container", system.get("container")
    yield "Frequency governor", system.get("cpu_governor")
    load = system.get("load_average")
    yield "Load, last minute", load[0] if isinstance(load, list) and load else None


def _cores(system: Mapping[str, Any]) -> str | None:
    logical, physical = system.get("logical_cores"), system.get("physical_cores")
    if logical is None:
        return None
    return f"{logical}" if physical in {None, logical} else f"{logical}, on {physical} physical ones"


def _software(reading: Reading) -> Iterator[tuple[str, object]]:
    system = _system(reading)
    yield "System", system.get("platform")
    implementation = system.get("python_implementation") or "Python"
    yield "Python", f"{implementation} {system.get('python_version', '')}"
    yield "NumPy", system.get("numpy_version")
    libraries = system.get("blas")
    yield "Matrix library", _library(libraries[0]) if isinstance(libraries, list) and libraries else None
    yield "TinyTorch", reading.document["tinytorch_version"]
    git = reading.document["environment"].get("git") or {}
    yield "Commit", f"{git['commit']}{', with changes' if git.get('is_dirty') else ''}" if git else None


def _library(library: Any) -> str | None:
    if not isinstance(library, Mapping):
        return None
    return " ".join(str(library[name]) for name in ("internal_api", "version", "architecture") if library.get(name))


def _data(reading: Reading) -> Iterator[tuple[str, object]]:
    data = reading.part("dataset")
    yield "Name", data.get("name")
    yield "Version", data.get("version")
    yield "Split", data.get("split")
    yield "Seed of the split", data.get("split_seed")
    yield "Samples", data.get("sample_count") or reading.baseline.samples.get("test_count")
    yield "SHA-256", data.get("sha256")


def _protocol(reading: Reading) -> Iterator[tuple[str, object]]:
    protocol, comparison = reading.part("protocol"), reading.comparison or {}
    yield "Preset", protocol.get("preset") or comparison.get("preset")
    yield "Seed", protocol.get("seed", comparison.get("seed"))
    yield "Timing", protocol.get("timing_protocol")
    yield "Threads of the matrix library", protocol.get("blas_threads")
    yield "Calls before timing", protocol.get("warmup_count")
    yield "Samples in a batch", protocol.get("batch_size")
    yield "Calls in a timed epoch", comparison.get("calls_per_epoch")
    margin = comparison.get("margin")
    yield "Counts as equal in speed", f"within {100 * margin:g} %" if margin else None


def notes(part: Part) -> Markup | None:
    """List what the record's author wants to be known."""
    found = part.reading.notes()
    return element("ul", *(element("li", shown(note, 2000)) for note in found)) if found else None


def checks(part: Part) -> Markup:
    """Say what anyone can do with the record."""
    command = part.reading.part("protocol").get("command")
    lines = [
        "# every derived number is computed again from the raw ones",
        "tinytorch validate submission.json",
        "# beside another submission",
        "tinytorch compare submission.json another.json",
        "# this page again, byte for byte",
        "tinytorch report submission.json -o report.html",
    ]
    if all(model.content.get("artifact") for model in part.reading.models):
        lines += ["# answers and speed-up measured again, elsewhere, from the files of the models"]
        lines += ["tinytorch pack submission.json", "tinytorch verify submission.zip"]
    if command:
        lines += ["# what made the record", shown(shlex.join(str(word) for word in command), 2000)]
    return joined(
        element("p", "Numbers follow from the raw samples in the record, and anyone can let them follow again:"),
        element("pre", element("code", Markup("\n".join(joined(line) for line in lines)))),
        element("p", "The record's canonical form (RFC 8785) has the SHA-256 ", element("code", part.sha256), "."),
        *_hashes(part.reading),
    )


def _hashes(reading: Reading) -> list[Markup]:
    found = [(model.name, model.content.get("artifact") or {}) for model in reading.models]
    rows = [(name, shown(file["path"], 100), file["sha256"]) for name, file in found if file]
    return [table("Files of the models", ("Model", "File", "SHA-256"), rows, 3)] if rows else []
