"""The systemd unit, under a systemd."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import studentfs

MANAGER = pathlib.Path("/lib/systemd/systemd")


class Unit(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not MANAGER.exists() or not shutil.which("systemctl"):
            self.skipTest("no systemd here, or not root")
        tops = [line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
                if line.split()[2] == "cgroup2"]
        if not tops:
            self.skipTest("no control groups v2 here")
        self.group = pathlib.Path(tops[0]) / f"studentfs-test-{os.getpid()}"
        self.group.mkdir()
        self.addCleanup(lambda: studentfs.eventually(self.is_removed, what="the group's end"))
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, self.base)

    def is_removed(self):
        for top, _, _ in os.walk(self.group, topdown=False):
            try:
                os.rmdir(top)
            except OSError:
                return False
        return not self.group.exists()

    def test_it_starts_again_and_stops(self):
        (self.base / "task/student").mkdir(parents=True)
        (self.base / "mnt").mkdir()
        units = self.base / "home/.config/systemd/user"
        units.mkdir(parents=True)
        text = (studentfs.TOP / "fs/packaging/studentfs@.service").read_text()
        self.assertIn("=/usr/bin/studentfs ", text)
        (units / "studentfs@.service").write_text(
            text.replace("/usr/bin/studentfs", str(studentfs.BIN / "studentfs")).replace("/etc/studentfs", str(self.base)))
        name = str(self.base / "mnt").strip("/").replace("-", "\\x2d").replace("/", "-")
        (self.base / f"{name}.conf").write_text(f"OPTIONS=--task {self.base}/task -o allow_other\n")
        script = f"echo $$ > {self.group}/cgroup.procs && exec unshare -C --pid --mount --fork --kill-child --mount-proc " \
                 f"{pathlib.Path(__file__).with_name('systemd.sh')} {self.base}"
        result = subprocess.run([*studentfs.OWN_MOUNTS, "sh", "-c", script], capture_output=True, text=True, timeout=150,
                                check=False)
        if result.returncode == 2:
            self.skipTest(f"no systemd comes up here: {result.stdout.strip()} {result.stderr.strip()}")
        self.assertEqual(result.stdout.splitlines(),
                         ["started", "answers", "started again", "answers again", "stopped", "gone"], result.stderr)


if __name__ == "__main__":
    studentfs.main()
