#!/usr/bin/env python3
"""The same grader in Python: grader.py MOUNTPOINT"""
import contextlib
import pathlib
import shutil
import sys

mount = pathlib.Path(sys.argv[1])
run = mount / "t1"
run.mkdir()
try:
    (run / "time_limit").write_text("5\n")
    (run / "cmd").write_text("python3 student/sort.py\n")
    with contextlib.suppress(BrokenPipeError):  # it may end before it has read everything
        (run / "stdin").write_bytes((mount / "task/input.txt").read_bytes())
    retval = int((run / "retval").read_text())
    good = (run / "stdout").read_text() == (mount / "task/expected.txt").read_text()
    print("passed" if good and retval == 0 else "failed")
finally:
    shutil.rmtree(run)
