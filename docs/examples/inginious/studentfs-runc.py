#!/usr/bin/python3
"""runc for Docker, that gives INGInious's grading containers what a mount of studentfs takes.

    "runtimes": {"studentfs": {"path": "/usr/local/sbin/studentfs-runc", "runtimeArgs": ["--device"]}}

    --device    /dev/fuse for every user, and the system calls that mount it in a user namespace
    --host      at /mnt/students a studentfs of the machine's, which joins the container's router

A container is a grading container if it has /sockets; all others are left as they are. See
docs/inginious.md.
"""

import json
import os
import pathlib
import subprocess
import sys

RUNC = os.environ.get("STUDENTFS_RUNC", "runc")
STUDENTFS = os.environ.get("STUDENTFS", "studentfs")
FUSE = {"type": "c", "major": 10, "minor": 229}
MOUNTS = pathlib.Path(os.environ.get("STUDENTFS_MOUNTS", "/run/inginious-students"))
INSIDE = "/mnt"  # the mount is students/ in it
# Whom INGInious has run the graders: the mount is his, and the machine's root has no part in it.
GRADER = 4242


def give_device(config):
    linux = config["linux"]
    linux["devices"] = [device for device in linux.get("devices", []) if device["path"] != "/dev/fuse"]
    linux["devices"].append({"path": "/dev/fuse", "fileMode": 0o666, "uid": 0, "gid": 0, **FUSE})
    linux["resources"]["devices"].append({"allow": True, "access": "rw", **FUSE})
    if "seccomp" in linux:
        linux["seccomp"]["syscalls"].append({"names": ["mount", "umount2", "unshare"], "action": "SCMP_ACT_ALLOW"})
    config["process"].pop("apparmorProfile", None)  # Docker's own forbids every mount


def give_mount(config, place, sockets):
    """runc shows the directory above the mount: root itself is not let into that."""
    point = place / "students"
    MOUNTS.mkdir(mode=0o711, exist_ok=True)
    point.mkdir(parents=True)
    os.chown(point, GRADER, GRADER)
    subprocess.run(["setpriv", f"--reuid={GRADER}", f"--regid={GRADER}", "--clear-groups",
                    STUDENTFS, "--sockets", sockets, "--task", "/", point], check=True)
    config["mounts"].append({"destination": INSIDE, "type": "bind", "source": str(place), "options": ["rbind"]})
    # The container's end is the mount's.
    config.setdefault("hooks", {}).setdefault("poststop", []).append(
        {"path": os.path.realpath(__file__), "args": ["studentfs-runc", "--end", str(place)],
         "env": [f"PATH={os.environ['PATH']}"]})


def end(place):
    """Harmless where it has ended, or never begun."""
    subprocess.run(["umount", "-l", "-c", f"{place}/students"], check=False, stderr=subprocess.DEVNULL)
    for directory in (f"{place}/students", place):
        if os.path.lexists(directory):
            os.rmdir(directory)


def create(way, words):
    """Its configuration is changed before runc reads it."""
    path = pathlib.Path(words[words.index("--bundle") + 1], "config.json")
    config = json.loads(path.read_text())
    sockets = [mount["source"] for mount in config["mounts"] if mount["destination"] == "/sockets"]
    place = MOUNTS / words[-1]
    status = 1
    try:
        if sockets and way == "--device":
            give_device(config)
        elif sockets:
            give_mount(config, place, sockets[0])
        path.write_text(json.dumps(config))
        status = subprocess.run([RUNC, *words], check=False).returncode
    finally:
        if status != 0:
            end(place)
    return status


def main():
    way, words = sys.argv[1], sys.argv[2:]
    if way == "--end":
        return end(words[0])
    if way not in ("--device", "--host"):
        sys.exit("studentfs-runc: --device or --host comes before runc's own words")
    if "create" in words or "run" in words:
        return create(way, words)
    os.execvp(RUNC, [RUNC, *words])


if __name__ == "__main__":
    sys.exit(main())
