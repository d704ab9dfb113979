"""An ordinary user who was given control groups of his own: v1, a directory of each hierarchy; v2, a
subtree, in which the programs have to make room for themselves.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

import studentfs

USER = 65534
ROOT = pathlib.Path("/sys/fs/cgroup")
# As the user, in the groups whose cgroup.procs come first, with a /dev/fuse that he may open.
AS_USER = r"""
set -e
mknod -m 0666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
shift
while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done
shift
exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=+all env -i PATH="$PATH" "$@"
"""


def hierarchies():
    """Where groups are made: v2 where it has the controllers, else v1's."""
    with contextlib.suppress(OSError):
        if "memory" in (ROOT / "cgroup.controllers").read_text().split():
            return [ROOT]
    return [ROOT / name for name in ("memory", "pids", "cpuacct") if (ROOT / name / "tasks").exists()]


def is_v2(group):
    return (group / "cgroup.controllers").exists()


class Delegated(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, self.base, True)
        for name in ("mnt", "run", "task", "task/student", "bin"):
            (self.base / name).mkdir()
            os.chown(self.base / name, USER, USER)
        self.base.chmod(0o755)
        (self.base / "run").chmod(0o700)
        for program in [studentfs.BIN / name for name in os.listdir(studentfs.BIN) if name.startswith("student")]:
            shutil.copy(program, self.base / "bin")
        shutil.copy(studentfs.STUDENT, self.base / "task/student/student")
        self.groups = [self.delegate(hierarchy) for hierarchy in hierarchies()]
        if not self.groups:
            self.skipTest("no control groups here")

    def delegate(self, hierarchy):
        if is_v2(hierarchy):
            (hierarchy / "cgroup.subtree_control").write_text("+memory +pids")
        group = hierarchy / f"delegated-{os.getpid()}"
        group.mkdir()
        self.addCleanup(self.remove_group, group)
        os.chown(group, USER, USER)
        for name in ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks"):
            if (group / name).exists():
                os.chown(group / name, USER, USER)
        return group

    def remove_group(self, group):
        studentfs.eventually(lambda: self.is_removed(group), what=f"removal of {group}")

    def is_removed(self, group):
        with contextlib.suppress(OSError):
            group.rmdir()
        return not group.exists()

    def as_user(self, text, timeout=50):
        script = self.base / "script"
        script.write_text(f"cd {self.base}\nset -e\n" + text)
        result = subprocess.run(
            [*studentfs.OWN_MOUNTS, "sh", "-c", AS_USER, "sh", self.base, *self.groups, "--",
             f"XDG_RUNTIME_DIR={self.base}/run", "sh", script],
            capture_output=True, text=True, timeout=timeout, check=False)
        if "/dev/fuse" in result.stderr and "Operation not permitted" in result.stderr:
            self.skipTest(f"an ordinary user cannot mount here: {result.stderr.strip()}")
        return result

    def below(self):
        return [os.path.join(top, name) for group in self.groups for top, names, _ in os.walk(group) for name in names]

    def test_limits_of_the_whole_run(self):
        """Of all its processes together, which no rlimit bounds."""
        result = self.as_user("""
            trap 'fusermount3 -u mnt || fusermount3 -uz mnt' EXIT
            bin/studentfs --task task --process-limit 20 mnt
            mkdir mnt/t1 mnt/t2 mnt/t3
            echo 64 > mnt/t1/memory_limit
            echo "sh -c 'for i in 1 2 3 4; do (head -c 40M /dev/zero | tail -c 40M; :) & done; wait'" > mnt/t1/cmd
            cat mnt/t1/retval
            echo 1 > mnt/t2/time_limit
            echo 20 > mnt/t2/hard_time_limit
            echo "sh -c 'while :; do sh -c :; done'" > mnt/t2/cmd
            cat mnt/t2/retval
            echo "sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do sleep 9 & done; echo all'" > mnt/t3/cmd
            cat mnt/t3/stdout
            grep -hE '^termination' mnt/t1/status mnt/t2/status
            rm -r mnt/t1 mnt/t2 mnt/t3
        """)
        self.assertEqual((result.stdout, result.stderr), ("252\n253\ntermination: memory\ntermination: cpu_time\n", ""))
        studentfs.eventually(lambda: not self.below(), what="removal of its groups")

    def test_an_agent_that_was_killed(self):
        """Another takes its place, in the same groups, and at the end nothing is left."""
        result = self.as_user("""
            trap 'fusermount3 -u mnt || fusermount3 -uz mnt' EXIT
            bin/studentfs --task task mnt
            kill -9 $(pgrep -o -f "studentfs-agent.*$PWD/run")
            for n in 1 2 3; do
                mkdir mnt/t$n
                echo 64 > mnt/t$n/memory_limit
                echo "student/student hog" > mnt/t$n/cmd
                cat mnt/t$n/retval
                grep termination mnt/t$n/status
                rm -r mnt/t$n
            done
        """)
        lines = result.stdout.splitlines()
        self.assertEqual(lines[-2:], ["252", "termination: memory"], result)
        studentfs.eventually(lambda: not self.below(), what="removal of its groups")

    def test_others_in_the_group_are_left_alone(self):
        """v2: it makes no room for itself by moving whom it does not know."""
        if not is_v2(self.groups[0]):
            self.skipTest("only v2 wants room")
        other = subprocess.Popen(["sleep", "100"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        (self.groups[0] / "cgroup.procs").write_text(str(other.pid))
        result = self.as_user("""
            trap 'fusermount3 -u mnt || fusermount3 -uz mnt' EXIT
            bin/studentfs --task task mnt
            mkdir mnt/t1
            echo true > mnt/t1/cmd
            cat mnt/t1/retval
            grep reason mnt/t1/status || true
            rm -r mnt/t1
        """)
        self.assertEqual(result.stdout, "0\n")
        self.assertIn("holds other processes", result.stderr)
        self.assertIn(f"/{self.groups[0].name}\n", pathlib.Path(f"/proc/{other.pid}/cgroup").read_text())
        studentfs.eventually(lambda: not self.below(), what="removal of its groups")


if __name__ == "__main__":
    studentfs.main()
