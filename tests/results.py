#!/usr/bin/python3
"""Counts test cases: results.py FILE..., each ctest's JUnit (.xml) or TAP (.tap).

The output of a program in JUnit is TAP as well: one line per case. A test of ctest that
printed none counts as one case; one that failed with no failed case (it crashed, or took
too long) counts as a failed one.
"""

import re
import sys
import xml.etree.ElementTree

LINE = re.compile(r"^(ok|not ok)\b\s*\d*\s*(?:-\s*)?(.*?)(?:\s*#\s*skip\b:?\s*(.*))?$", re.I)
NONE = re.compile(r"^1\.\.0\s*#\s*skip\S*\s*(.*)$", re.I)

passed, failed, skipped = 0, [], []


def count_tap(where, text):
    """Returns how many failed, and how many there are."""
    global passed
    bad = cases = 0
    for line in text.splitlines():
        found = LINE.match(line.strip())
        none = NONE.match(line.strip())
        if none:
            cases += 1
            skipped.append(f"{where}: {none[1]}")
        elif found:
            cases += 1
            if found[1].lower() == "not ok":
                bad += 1
                failed.append(f"{where}: {found[2]}")
            elif found[3] is not None:
                skipped.append(f"{where}: {found[2]}: {found[3]}")
            else:
                passed += 1
    return bad, cases


def count_junit(path):
    global passed
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        where = f"{path.rsplit('/', 1)[-1].removesuffix('.xml')} {case.get('name')}"
        bad, cases = count_tap(where, case.findtext("system-out") or "")
        if case.get("status") == "fail" or case.find("failure") is not None:
            if not bad:
                failed.append(f"{where}: crashed or took too long")
        elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            failed.append(f"{where}: could not be run")
        elif not cases:
            passed += 1


for name in sys.argv[1:]:
    if name.endswith(".xml"):
        count_junit(name)
    else:
        with open(name, encoding="utf-8") as file:
            count_tap(name.rsplit("/", 1)[-1].removesuffix(".tap"), file.read())

for text in skipped:
    print(f"skipped: {text}")
for text in failed:
    print(f"FAILED:  {text}")
print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
sys.exit(bool(failed))
