#!/usr/bin/env python3
"""Grades student/total.c in Python: grade.py MOUNTPOINT"""
import contextlib
import pathlib
import sys
import tempfile

mount = pathlib.Path(sys.argv[1])
REASONS = {0: "wrong output", 252: "out of memory", 253: "out of time"}


@contextlib.contextmanager
def run(command, **settings):
    with tempfile.TemporaryDirectory(prefix="total.", dir=mount) as name:
        directory = pathlib.Path(name)
        for setting, value in settings.items():
            (directory / setting).write_text(f"{value}\n")
        (directory / "cmd").write_text(command)
        yield directory


def retval(directory):
    return int((directory / "retval").read_text())


def compare(directory, name):
    with contextlib.suppress(BrokenPipeError):
        (directory / "stdin").write_bytes((mount / f"task/tests/{name}.in").read_bytes())
    return (directory / "stdout").read_bytes() == (mount / f"task/tests/{name}.out").read_bytes()


def talk(directory, _name):
    """The next number is the last answer, so that it must come at once."""
    number, total = 1, 0
    with contextlib.suppress(BrokenPipeError, ValueError):
        with (directory / "stdout").open() as answers:
            with (directory / "stdin").open("wb", buffering=0) as questions:
                for _ in range(10):
                    questions.write(b"%d\n" % number)
                    total += number
                    number = int(answers.readline())
                    if number != total:
                        return False
            return answers.read() == ""
    return False


def test(name, check):
    with run("student/total", time_limit=1, hard_time_limit=3, memory_limit=64) as directory:
        good = check(directory, name)
        value = retval(directory)
    points = 4 if good and value == 0 else 0
    why = "" if points else f" ({REASONS.get(value, f'ended with {value}')})"
    print(f"{name}: {points}/4{why}")
    return points


def grade():
    with run("gcc -O1 -o student/total student/total.c") as compiler:
        if retval(compiler) != 0:
            print("it does not compile")
            sys.stderr.write((compiler / "stderr").read_text(errors="replace"))
            return 0
    points = sum(test(name, compare) for name in ("few", "negative", "none", "large"))
    return points + test("talk", talk)


print(f"total: {grade()}/20")
