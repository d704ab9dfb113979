#!/usr/bin/python3
"""What of studentfs is left on this machine: one line each, of mounts, control groups,
processes of this tree's builds, private directories.

What belongs to a studentfs from elsewhere that is alive is not counted.
"""

import glob
import os
import pathlib

TREE = str(pathlib.Path(__file__).resolve().parents[1]) + "/"


def programs():
    """Process id to its program's path."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                found[int(entry)] = os.readlink(f"/proc/{entry}/exe").removesuffix(" (deleted)")
            except OSError:
                pass
    return found


def words(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


running = programs()
elsewhere = {pid for pid, path in running.items() if not path.startswith(TREE)}
their_words = {word for pid in elsewhere if "studentfs" in running[pid] for word in words(pid)}

for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
    left, right = line.split(" - ")
    point = left.split()[4]
    if right.split()[0] == "fuse.studentfs" and point not in their_words:
        print("mount", point)
for top, names, _ in os.walk("/sys/fs/cgroup"):
    for name in names:
        pid = name.removeprefix("studentfs-").split("-")[0]
        if name.startswith("studentfs-") and not (pid.isdigit() and int(pid) in elsewhere):
            print("control group", os.path.join(top, name))
for pid, path in sorted(running.items()):
    if path.startswith(TREE):
        print("process", pid, " ".join(words(pid)))
for pattern in ("/run/studentfs-*", "/dev/shm/studentfs-*", "/tmp/studentfs-*"):
    for path in sorted(glob.glob(pattern)):
        if not any(word.startswith(path) for word in their_words):
            print("file", path)
