"""`tinytorch compare`: two or more subjects side by side, and a verdict with its price; or two submissions' files."""

from __future__ import annotations

import hashlib
import json
from argparse import Namespace
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tinytorch.cli import output
from tinytorch.cli.contrast import are_submissions, contrasted
from tinytorch.cli.gating import Gated, gated
from tinytorch.cli.progress import shown

if TYPE_CHECKING:
    from rich.table import Table

    from tinytorch.benchmarking import Certificate, Comparison
    from tinytorch.benchmarking.statistics import Verdict
    from tinytorch.capstone.provenance import Attempt

__all__ = ["execute", "print_certificate"]

INTERRUPTED = 130


def execute(options: Namespace) -> int:
    """Compare and print; return 1 if a candidate failed, or is slower than allowed."""
    sources = [options.baseline, *options.candidates]
    if are_submissions(sources):
        return contrasted(sources, as_json=options.json)
    if options.ledger and not options.campaign:
        return output.misused("--ledger must come with --campaign; got none.")
    with _attempt(options) as attempt:
        found = _measured(options, options.seed)
        gates = _gates(found, options)
        sha256 = _keep(found, options.output)
        tries = [] if attempt is None else _entered(attempt, found, sha256)
    if options.json:
        output.print_json(_document(found, gates) | {"attempts": tries})
    else:
        _print(found, gates, options.output)
        _print_tries(tries)
    if not (found.complete and gates.complete):
        return INTERRUPTED
    return int(bool(found.lost) or not gates.is_passed)


def _attempt(options: Namespace) -> AbstractContextManager[Attempt | None]:
    """Enter that an attempt starts, where there is a campaign."""
    if options.campaign is None:
        return nullcontext()
    from tinytorch.capstone.provenance import Ledger

    about = {"command": "compare", "subjects": [options.baseline, *options.candidates]}
    return Ledger(options.ledger).start(options.campaign, about)


def _entered(attempt: Attempt, found: Comparison, sha256: str | None) -> list[dict[str, Any]]:
    """Enter how the attempt ended; say for each candidate what choosing the best try would add."""
    from tinytorch.capstone.provenance import attempts_section

    judged = [number for number in range(1, len(found.subjects)) if found.log_ratios(number)]
    if found.complete:
        said = (f"{found.names[number]}: {found.verdict_of(number).sentence()}" for number in judged)
        attempt.finish(sha256, " ".join(said))
    else:
        attempt.abort("interrupted")
    sections = [attempts_section(attempt, found.log_ratios(number)) for number in judged]
    return [{"candidate": found.names[number]} | one for number, one in zip(judged, sections, strict=True)]


def _keep(found: Comparison, path: str | None) -> str | None:
    """Write the record, where it is wanted, and give its hash."""
    if path is None:
        return None
    from tinytorch.files import write_atomically

    content = json.dumps(found.to_dict(), indent=1, allow_nan=False).encode() + b"\n"
    write_atomically(path, content)
    return hashlib.sha256(content).hexdigest()


def _print_tries(tries: list[dict[str, Any]]) -> None:
    from tinytorch.capstone.provenance import attempts_sentence

    for section in tries:
        who = f"{section['candidate']}: " if len(tries) > 1 else ""
        output.console().print(f"{who}{attempts_sentence(section)}", markup=False, soft_wrap=True)


def _measured(options: Namespace, seed: int | None) -> Comparison:
    from tinytorch.benchmarking import PRESETS, Hooks, compare, subject_of

    sources = [("baseline", options.baseline), *(("candidate", given) for given in options.candidates)]
    subjects = [_subject(subject_of, options, who, given) for who, given in sources]
    with shown() as on_progress:
        return compare(
            *subjects,
            preset=options.preset
            if options.threads == 1
            else replace(PRESETS[options.preset], threads=options.threads),
            margin=options.margin / 100,
            seed=seed,
            stop=options.stop,
            certified=not options.no_certificate,
            hooks=Hooks(on_progress=on_progress),
        )


def _subject(subject_of: Any, options: Namespace, who: str, given: str) -> Any:
    path = getattr(options, f"{who}_path")
    return subject_of(given, python=getattr(options, f"{who}_python"), paths=(path,) if path else ())


def _gates(found: Comparison, options: Namespace) -> Gated:
    """Judge each candidate's slow-down, where there is a limit and nothing was broken off."""
    if options.max_slowdown is None or not found.complete:
        return Gated()
    return gated(found, options.max_slowdown / 100, lambda: _measured(options, None))


def _document(found: Comparison, gates: Gated) -> dict[str, Any]:
    numbers = [number for number in range(1, len(found.subjects)) if found.log_ratios(number)]
    return {
        "verdicts": [{"index": n, "name": found.names[n]} | _verdict(found.verdict_of(n)) for n in numbers],
        "gates": gates.to_list(found.names),
        "certificate": None if found.certificate is None else found.certificate.findings(),
        "warnings": [*found.warnings(), *gates.notes],
        "comparison": found.to_dict(),
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(verdict) | {"is_within_null": verdict.is_within_null, "sentence": verdict.sentence()}


def _print(found: Comparison, gates: Gated, path: str | None) -> None:
    from rich.text import Text

    console = output.console()
    if found.sessions:
        console.print(_table(found))
    for number in range(1, len(found.subjects)):
        if found.log_ratios(number):
            verdict = found.verdict_of(number)
            console.print(
                Text.assemble(
                    (f"{verdict.outcome}: ".upper(), output.VERDICTS[verdict.outcome]), _sentence(found, number)
                )
            )
    for sentence, is_passed in gates.sentences(found.names):
        console.print(Text(sentence, style="bold" if is_passed else "bold red"))
    for text in (*found.notes, *found.warnings(), *gates.notes):
        console.print(Text(f"Note: {text}", style="yellow"))
    if found.certificate:
        print_certificate(console, found.certificate)
    console.print(Text(_spent(found), style="dim"))
    if path:
        console.print(Text.assemble("The record is in ", (path, "bold"), "."), soft_wrap=True)


def _sentence(found: Comparison, number: int) -> str:
    """Say a verdict in words; of several candidates, by name."""
    said, name = found.verdict_of(number).sentence(), found.names[number]
    if len(found.subjects) == 2:
        return said
    return said.replace("The candidate", name).replace("The two", f"{name} and the baseline")


def _spent(found: Comparison) -> str:
    """Say what it cost; a session that was broken off counts as one, with the rounds that it has."""
    rounds = sum(len(session.orders) for session in found.sessions)
    made = f"{len(found.sessions)} sessions of {found.design.rounds} rounds"
    if rounds < len(found.sessions) * found.design.rounds:
        made = f"{len(found.sessions)} sessions with {rounds} rounds in all"
    return f"{made} in {found.seconds:.1f} s, seed {found.seed}."


def _table(found: Comparison) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in (("", "left"), ("a call", "right"), ("speed-up", "right"), ("95 % interval", "right")):
        made.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for number, name in enumerate(found.names):
        made.add_row(name, _latency(found, number), *_speedup(found, number))
    return made


def _latency(found: Comparison, number: int) -> str:
    seconds = found.latency(number).value
    return output.MISSING if seconds is None else output.duration(1000 * seconds)


def _speedup(found: Comparison, number: int) -> tuple[str, str]:
    if number == 0:
        return "1", ""
    if not found.log_ratios(number):
        return output.MISSING, ""
    ratio = found.verdict_of(number).ratio
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.3f}×", "not bounded"
    return f"{ratio.value:.3f}×", f"{ratio.low:.3f} – {ratio.high:.3f}"


def print_certificate(console: Any, certificate: Certificate) -> None:
    """Print what the instrument is worth."""
    from rich.text import Text

    for sentence in certificate.sentences():
        console.print(Text(f"- {sentence}", style="dim"))
