"""The arguments of every command. Imports nothing but the parser: what they mean is for the commands to know."""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable

from tinytorch.cli.parsers import Add, add_command
from tinytorch.cli.provenance_arguments import PROVENANCE_ADDERS, add_campaign

__all__ = ["ADDERS"]

NUMBERS = [
    ("seed", 0, 0, "decides the data split and the weights"),
    ("epochs", 1, 40, "passes over the training data"),
    ("runs", 1, 1000, "timed runs of each model"),
]
THREADS = "threads of the matrix library"
GATE = "Exit codes: 0 ok, 1 a candidate failed or is slower than --max-slowdown allows, 2 wrong usage, 130 interrupted."
SUBJECT = "package.module:factory, with ?name=value for arguments, or the path of a saved model"
PRESETS = ("quick", "standard", "rigorous")
PROFILE_FILES = {
    "output": "the record with its raw samples, as JSON",
    "html": "a page with flame graphs, the roofline and all numbers, which works offline",
    "picture": "the same as a PNG; needs tinytorch[plots]",
    "trace": "the spans as a trace that Perfetto opens",
}
REPORT_TEXTS = {
    "markdown": "where to write a summary for a pull request",
    "model-card": "where to write the model-index of a model card on the Hugging Face Hub",
}
STOPS = ("fixed", "width", "decision")

GOALS = ("latency", "size")
SEARCHING = [
    ("budget", 1, 300, "seconds that the search may take, without the training of the baseline"),
    ("batch", 1, 1, "samples of a timed call"),
    ("finalists", 1, 3, "candidates that are measured in the end"),
    ("seed", 0, 0, "decides all that is random"),
]
KNOWN = "digits, mlp-mnist, lenet, gpt, or package.module:factory that gives (model, training data, test data)"
CHOICE = "Exit codes: 0 ok, 1 failed or nothing chosen, 2 wrong usage, 130 interrupted."
ANSWERS = "Exit codes: 0 reproduced, 1 not reproduced or refused, 2 wrong usage, 3 cannot tell, 130 interrupted."


def _add_run(add: Add) -> ArgumentParser:
    summary = "train, optimize and benchmark a classifier of handwritten digits; write a submission"
    command = add_command(add, "run", summary)
    for name, minimum, default, what in NUMBERS:
        text = f"{what} (default: {default})"
        command.add_argument(f"--{name}", type=_at_least(minimum), default=default, metavar="N", help=text)
    where = "where to write (default: submission.json)"
    command.add_argument("--output", type=_file, default="submission.json", metavar="FILE", help=where)
    command.add_argument("--student-name", metavar="NAME", help="a name to put into the submission (default: none)")
    preset = "how much is measured where both models are compared in fresh processes (default: standard)"
    command.add_argument("--preset", choices=PRESETS, default="standard", help=preset)
    add_campaign(command)
    return command


def _add_validate(add: Add) -> ArgumentParser:
    summary = "check submissions and list every problem in them"
    command = add_command(add, "validate", summary)
    command.add_argument("files", nargs="+", metavar="FILE", help="a submission, as `tinytorch run` writes it")
    where = "where the models' files are, all of them (default: beside each submission, those that are there)"
    command.add_argument("--artifacts", metavar="FOLDER", help=where)
    return command


def _add_report(add: Add) -> ArgumentParser:
    summary = "show a submission: a page that works offline, figures, a summary in Markdown, a model card's metadata"
    command = add_command(add, "report", summary)
    command.add_argument("file", metavar="FILE", help="a submission, as `tinytorch run` writes it")
    page = "where to write the page (default: report.html, if nothing else is asked for)"
    command.add_argument("-o", "--output", type=_file, metavar="FILE", help=page)
    command.add_argument("--figures", metavar="FOLDER", help="where to write each figure as SVG and PNG")
    for name, what in REPORT_TEXTS.items():
        command.add_argument(f"--{name}", type=_file_or_standard, metavar="FILE", help=f"{what}; - prints it")
    return command


def _file_or_standard(text: str) -> str:
    return text if text == "-" else _file(text)


def _add_convert(add: Add) -> ArgumentParser:
    summary = "write a submission as JSON or as Protocol Buffers, in its own version or the current one"
    command = add_command(add, "convert", summary)
    command.add_argument("input", metavar="IN", help="a submission in either form; its content tells which")
    command.add_argument("output", type=_file, metavar="OUT", help="where to write: Protocol Buffers to .pb, else JSON")
    upgrade = "migrate an older submission to version 2 (default: keep its version)"
    command.add_argument("--to-version", type=int, choices=(2,), help=upgrade)
    return command


def _add_info(add: Add) -> ArgumentParser:
    summary = "show the machine, the limits and the versions a measurement would record"
    return add_command(add, "info", summary)


def _add_milestone(add: Add) -> ArgumentParser:
    summary = "do again what the field once could not, from the perceptron to transformers, and measure how well"
    command = add_command(add, "milestone", summary)
    command.add_argument("name", nargs="?", metavar="NAME", help="which one (default: list them)")
    command.add_argument("--list", action="store_true", help="list the milestones and their goals")
    command.add_argument("--smoke", action="store_true", help="go through the same code in seconds, on little data")
    for name, minimum, default, what in (("seed", 0, 0, "decides all that is random"), ("threads", 1, None, THREADS)):
        text = f"{what} (default: {'all' if default is None else default})"
        command.add_argument(f"--{name}", type=_at_least(minimum), default=default, metavar="N", help=text)
    command.add_argument("--data", metavar="PATH", help="the data set's archive or folder (default: fetched once)")
    return command


def _at_least(minimum: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        rule = f"must be a whole number of at least {minimum}; got {text!r}"
        try:
            number = int(text)
        except ValueError as error:
            raise ArgumentTypeError(rule) from error
        if number < minimum:
            raise ArgumentTypeError(rule)
        return number

    return whole_number


def _file(text: str) -> str:
    folder = os.path.dirname(text) or "."  # noqa: PTH120  pathlib would double the start-up
    if not text or os.path.isdir(text):  # noqa: PTH112
        raise ArgumentTypeError(f"must be a file to write; got {text!r}")
    if not os.path.isdir(folder):  # noqa: PTH112
        raise ArgumentTypeError(f"must be in a folder that exists; got {text!r}")
    return text


def _add_bench(add: Add) -> ArgumentParser:
    summary = "measure one subject alone: latency with its tails, memory, cold start, and what else can be had"
    command = add_command(add, "bench", summary)
    command.add_argument("subject", metavar="SUBJECT", help=SUBJECT)
    command.add_argument("--calls", type=_at_least(6), default=2000, metavar="N", help="timed calls (default: 2000)")
    command.add_argument("--sessions", type=_at_least(5), default=5, metavar="N", help="fresh processes (default: 5)")
    command.add_argument("--latency-only", action="store_true", help="leave out memory, cold start and the others")
    _add_record(command)
    return command


def _add_profile(add: Add) -> ArgumentParser:
    summary = "look into a model: parameters, arithmetic, time and memory of each op, beside what the machine can do"
    command = add_command(add, "profile", summary)
    command.add_argument("subject", metavar="SUBJECT", help=SUBJECT)
    rounds = "how often everything has its turn (default: 30)"
    command.add_argument("--rounds", type=_at_least(6), default=30, metavar="N", help=rounds)
    command.add_argument("--threads", type=_at_least(1), default=1, metavar="N", help=f"{THREADS} (default: 1)")
    command.add_argument("--by", choices=("op", "layer"), default="op", help="what a row of the table is (default: op)")
    for name, what in PROFILE_FILES.items():
        command.add_argument(f"--{name}", type=_file, metavar="FILE", help=f"where to write {what}")
    return command


def _add_export(add: Add) -> ArgumentParser:
    summary = "write a model as ONNX, so that other runtimes run it"
    command = add_command(add, "export", summary)
    command.add_argument("subject", metavar="SUBJECT", help=SUBJECT)
    command.add_argument("output", type=_file, metavar="FILE", help="where to write, such as model.onnx")
    command.add_argument("--fixed-batch", action="store_true", help="for as many samples as the subject's inputs have")
    return command


def _add_compare(add: Add) -> ArgumentParser:
    summary = "measure two or more subjects side by side, and say which is faster or what it would take to tell"
    more = "Two files of submissions are compared as they are, without measuring."
    command = add_command(add, "compare", summary, GATE, more)
    command.add_argument("baseline", metavar="BASELINE", help=SUBJECT)
    command.add_argument("candidates", nargs="+", metavar="CANDIDATE", help="the same, one or more")
    _add_design(command)
    command.add_argument(
        "--margin", type=_percentage, default=2.0, metavar="PERCENT", help="what counts as equal (default: 2)"
    )
    command.add_argument(
        "--stop", choices=STOPS, default="fixed", help="when to stop (default: after the planned sessions)"
    )
    command.add_argument("--no-certificate", action="store_true", help="leave out the null run of two seconds")
    for who in ("baseline", "candidate"):
        command.add_argument(f"--{who}-python", metavar="PATH", help=f"the interpreter that runs the {who}")
        command.add_argument(f"--{who}-path", metavar="FOLDER", help=f"where the {who}'s modules are looked for first")
    gate = "exit with 1 if a candidate is slower by more than this, confirmed once"
    command.add_argument("--max-slowdown", type=_percentage, metavar="PERCENT", help=gate)
    add_campaign(command)
    return command


def _add_doctor(add: Add) -> ArgumentParser:
    summary = "say what this machine can and cannot tell apart, and what to do about it"
    command = add_command(add, "doctor", summary)
    command.add_argument("subject", nargs="?", metavar="SUBJECT", help=f"{SUBJECT} (default: a small matrix product)")
    command.add_argument(
        "--seconds", type=_at_least(1), default=2, metavar="N", help="length of the null run (default: 2)"
    )
    command.add_argument("--seed", type=_at_least(0), metavar="N", help="decides all orders (default: drawn)")
    return command


def _add_optimize(add: Add) -> ArgumentParser:
    summary = "make a model smaller and faster in several ways, measure each, and keep what nothing else beats"
    command = add_command(add, "optimize", summary, CHOICE)
    command.add_argument("model", metavar="MODEL", help=KNOWN)
    allowed = "the loss of accuracy that is allowed, as a ratio (default: 0.01, a point)"
    command.add_argument("--max-accuracy-drop", type=_ratio, default=0.01, metavar="RATIO", help=allowed)
    smaller = "how many times smaller a candidate must be than the baseline (default: 0, any)"
    command.add_argument("--min-compression", type=_factor, default=0.0, metavar="FACTOR", help=smaller)
    command.add_argument("--goal", choices=GOALS, default="latency", help="what comes first (default: latency)")
    for name, least, default, what in SEARCHING:
        text = f"{what} (default: {default})"
        command.add_argument(f"--{name}", type=_at_least(least), default=default, metavar="N", help=text)
    amount = "how much is measured in the end, as far as the budget reaches (default: standard)"
    command.add_argument("--preset", choices=PRESETS, default="standard", help=amount)
    command.add_argument("--output", metavar="FOLDER", help="where to keep the files (default: optimized-MODEL)")
    command.add_argument("--data", metavar="PATH", help="the data set's archive or folder (default: fetched once)")
    command.add_argument("--smoke", action="store_true", help="go through the same code in seconds, on little data")
    return command


def _ratio(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise ArgumentTypeError(f"must be a ratio between 0 and 1; got {text!r}")
    return value


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < float("inf"):
        raise ArgumentTypeError(f"must be a number of at least 0; got {text!r}")
    return value


def _add_design(command: ArgumentParser) -> None:
    amount = "how much is measured (default: standard)"
    command.add_argument("--preset", choices=PRESETS, default="standard", help=amount)
    _add_record(command)


def _add_record(command: ArgumentParser) -> None:
    command.add_argument("--seed", type=_at_least(0), metavar="N", help="decides all orders (default: drawn, and kept)")
    command.add_argument("--threads", type=_at_least(1), default=1, metavar="N", help=f"{THREADS} (default: 1)")
    command.add_argument("--output", type=_file, metavar="FILE", help="where to keep the record with its raw samples")


def _percentage(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < 1000:
        raise ArgumentTypeError(f"must be a percentage of at least 0; got {text!r}")
    return value


def _add_pack(add: Add) -> ArgumentParser:
    summary = "put a submission and its models into one file that others can check"
    command = add_command(add, "pack", summary)
    command.add_argument("submission", metavar="SUBMISSION", help="a submission, as `tinytorch run` writes it")
    where = "where to write (default: beside the submission, with .zip for its ending)"
    command.add_argument("-o", "--output", type=_file, metavar="BUNDLE", help=where)
    files = "the file of a model, where it is not where the submission says; may be given again"
    command.add_argument("--artifact", action="append", default=[], metavar="FILE", help=files)
    licence = "the URL of the licence that all of it is under"
    command.add_argument("--licence", metavar="URL", help=licence)
    return command


def _add_verify(add: Add) -> ArgumentParser:
    summary = "check a bundle: its hashes, its models, their accuracy, and the speed-up, measured again on this machine"
    command = add_command(add, "verify", summary, ANSWERS)
    command.add_argument("bundle", metavar="BUNDLE", help="a bundle, as `tinytorch pack` writes it")
    amount = "how much is measured (default: standard)"
    command.add_argument("--preset", choices=PRESETS, default="standard", help=amount)
    command.add_argument("--no-speed", action="store_true", help="check everything but the speed-up")
    margin = "how much another machine may change the speed-up (default: 5 on the same processor, 25 on another)"
    command.add_argument("--margin", type=_percentage, metavar="PERCENT", help=margin)
    key = "a public key that must have signed the submission; may be given again, then one of them"
    command.add_argument("--public-key", action="append", default=[], metavar="FILE", help=key)
    trust = "import and run the code that the submission names, where its models need it"
    command.add_argument("--trust-code", action="store_true", help=trust)
    command.add_argument("--data", metavar="PATH", help="the data set's archive or folder (default: fetched once)")
    return command


ADDERS = (
    _add_run,
    _add_optimize,
    _add_bench,
    _add_profile,
    _add_export,
    _add_compare,
    _add_doctor,
    _add_validate,
    _add_convert,
    _add_report,
    _add_info,
    _add_milestone,
    *PROVENANCE_ADDERS,
    _add_pack,
    _add_verify,
)
