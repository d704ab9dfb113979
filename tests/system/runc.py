"""Containers as Docker makes them for INGInious, by runc: its capabilities, devices, mounts and filter
of system calls, but with the machine's programs in them, or a root file system that the test has made.
"""

import ctypes
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid

import studentfs

# Docker's default, in each of the sets but the ambient one.
CAPABILITIES = ["CAP_" + name for name in (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT "
    "KILL AUDIT_WRITE").split()]
# What Docker's profile withholds from a container without CAP_SYS_ADMIN, of what matters to a mount.
WITHHELD = {"mount", "umount", "umount2", "unshare", "setns", "pivot_root", "clone", "clone3", "fsopen", "fsconfig",
            "fsmount", "move_mount", "open_tree", "mount_setattr", "bpf"}
CLONE_NAMESPACES = 0x7E020000
FUSE = {"type": "c", "major": 10, "minor": 229}
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def system_calls():
    """All that this machine's libseccomp knows by a number."""
    resolve = ctypes.CDLL("libseccomp.so.2").seccomp_syscall_resolve_num_arch
    resolve.restype = ctypes.c_void_p
    names = []
    for number in range(600):
        address = resolve(0, number)  # 0: SCMP_ARCH_NATIVE
        if address:
            names.append(ctypes.string_at(address).decode())
    return names


def seccomp(may_mount, allowed=()):
    """Names what is allowed, as Docker's does; clone without namespaces, clone3 as if it were not there."""
    rules = [{"names": [name for name in system_calls() if may_mount or name not in WITHHELD or name in allowed],
              "action": "SCMP_ACT_ALLOW"}]
    if not may_mount:
        rules += [{"names": ["clone"], "action": "SCMP_ACT_ALLOW",
                   "args": [{"index": 0, "value": CLONE_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
                  {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}]
    return {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}


def bind(source, destination, *options):
    return {"type": "bind", "source": str(source), "destination": destination, "options": ["rbind", "rprivate", *options]}


def own(kind, destination, *options):
    return {"type": kind, "source": kind, "destination": destination, "options": ["nosuid", *options]}


def configuration(root, words, mounts=(), fuse=None, sys_admin=False, no_new_privs=False, allowed=()):
    """fuse: the mode of /dev/fuse, which is not there otherwise. allowed: more system calls."""
    capabilities = CAPABILITIES + ["CAP_SYS_ADMIN"] * sys_admin
    devices = [{"allow": False, "access": "rwm"}] + [
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in ((1, 3), (1, 5), (1, 8), (1, 9), (5, 0), (5, 1))]
    nodes = []
    if fuse is not None:
        devices.append({"allow": True, "access": "rwm", **FUSE})
        nodes.append({"path": "/dev/fuse", "fileMode": fuse, "uid": 0, "gid": 0, **FUSE})
    return {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": [str(word) for word in words], "env": [PATH], "cwd": "/",
                    "noNewPrivileges": no_new_privs,
                    "capabilities": {name: capabilities for name in ("bounding", "effective", "permitted")}},
        "root": {"path": str(root)},
        "mounts": [own("proc", "/proc", "noexec", "nodev"), own("tmpfs", "/dev", "mode=755", "size=65536k"),
                   own("tmpfs", "/dev/shm", "noexec", "nodev", "mode=1777", "size=65536k"),
                   own("sysfs", "/sys", "noexec", "nodev", "ro"), *mounts],
        "linux": {"resources": {"devices": devices}, "devices": nodes,
                  "namespaces": [{"type": name} for name in ("mount", "network", "uts", "pid", "ipc")],
                  "seccomp": seccomp(sys_admin, allowed)},
    }


class Runtime:
    """Bundles and runc's state in a directory of the test's."""

    def __init__(self, base):
        self.base = base
        self.state = base / "runc"
        self.containers = []

    def machine(self, name="grading"):
        """A root file system of the machine's programs, and the mounts that it takes."""
        root = self.base / f"{name}-root"
        if not root.exists():
            for name in "usr tmp etc mnt task run".split():
                (root / name).mkdir(parents=True)
            for name in "bin sbin lib lib64".split():
                (root / name).symlink_to(f"usr/{name}")
            for name in ("tmp", "mnt"):
                (root / name).chmod(0o777)
            (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nworker:x:4242:4242::/task:/bin/sh\n")
            (root / "etc/mtab").symlink_to("/proc/mounts")
            (root / "etc/group").write_text("root:x:0:\nworker:x:4242:\n")
        return root, [bind("/usr", "/usr", "ro")]

    def start(self, config, runtime=("runc",), environment=None, **streams):
        """Its process, which ends with the container. runtime: the words before runc's own."""
        name = f"grading-{uuid.uuid4().hex[:12]}"
        bundle = self.base / name
        bundle.mkdir()
        # Below the test's own group, wherever that is.
        config["linux"]["cgroupsPath"] = name
        (bundle / "config.json").write_text(json.dumps(config))
        self.containers.append(name)
        return subprocess.Popen([*map(str, runtime), "--root", str(self.state), "run", "--bundle", str(bundle), name],
                                env=environment, **streams)

    def run(self, config, **more):
        """Exit status, standard output and error."""
        process = self.start(config, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, **more)
        out, err = process.communicate(timeout=50)
        return process.returncode, out, err

    def close(self):
        """By force; those that have ended are not there any more."""
        for name in self.containers:
            subprocess.run(["runc", "--root", self.state, "delete", "--force", name], check=False,
                           capture_output=True, timeout=50)
        shutil.rmtree(self.base, ignore_errors=True)

    def pid(self, name):
        """Of its first process; None: it does not run."""
        result = subprocess.run(["runc", "--root", self.state, "state", name], check=False, capture_output=True,
                                text=True, timeout=50)
        state = json.loads(result.stdout) if result.returncode == 0 else {}
        return state["pid"] if state.get("status") == "running" else None

    def left(self):
        """Groups of its containers, and mounts below its directory."""
        groups = [os.path.join(top, name) for top, names, _ in os.walk("/sys/fs/cgroup") for name in names
                  if name in self.containers]
        return groups + [point for point in studentfs.mounts() if point.startswith(f"{self.base}/")]


@functools.cache
def unusable():
    """Why there can be no containers here; None: there can."""
    if not shutil.which("runc"):
        return "runc is not installed"
    if not pathlib.Path("/dev/fuse").exists():
        return "there is no /dev/fuse"
    runtime = Runtime(pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-")))
    try:
        root, mounts = runtime.machine()
        status, _, err = runtime.run(configuration(root, ["true"], mounts, fuse=0o666, sys_admin=True))
        return None if status == 0 else f"runc makes no container: {err.strip()}".replace("\n", " ")
    finally:
        runtime.close()
