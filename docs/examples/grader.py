#!/usr/bin/env python3
"""The same grader in Python: grader.py MOUNTPOINT"""
import pathlib
import shutil
import sys

mount = pathlib.Path(sys.argv[1])
run = mount / "t1"
run.mkdir()
try:
    (run / "time_limit").write_text("5\n")
    (run / "cmd").write_text("python3 student/sort.py\n")
    (run / "stdin").write_bytes((mount / "task/input.txt").read_bytes())
    output = (run / "stdout").read_text()
    retval = int((run / "retval").read_text())
    expected = (mount / "task/expected.txt").read_text()
    print("passed" if retval == 0 and output == expected else "failed")
finally:
    shutil.rmtree(run)
