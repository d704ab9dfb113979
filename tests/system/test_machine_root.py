"""The root file system that is put together once: as bwrap makes it bind by bind, and as the machine is now."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import studentfs

# What there is: modes, owners, names; then what is mounted: where, and how it may be used.
LOOK = r"""sh -c 'cd /; stat -c "%A %u %g %N" .* * etc/* dev/* task/*; cat etc/passwd etc/group; echo mounts
while read -r _ _ _ _ at how _; do echo "$at $how"; done < /proc/self/mountinfo'"""
OF_SYSTEM_FILES = {"etc/hosts", "etc/resolv.conf", "task/systemfiles"}


@unittest.skipIf(os.geteuid() != 0, "an ordinary user's bwrap makes its own root")
class MachineRoot(studentfs.TestCase):
    mount_options = ("--pool", "0")

    def spawner(self):
        """The one that has put it together, of two."""
        for pid, _ in studentfs.descendants(self.mount.daemon[0]):
            with contextlib.suppress(OSError):  # they come and go
                is_spawner = studentfs.name_of(pid) == "agent-spawner"
                if is_spawner and " /sys/student-init " in pathlib.Path(f"/proc/{pid}/mounts").read_text():
                    return pid
        raise AssertionError("no spawner with such a root")

    def look(self):
        run = self.mount.run(LOOK)
        shown = run.text("stdout")
        self.assertEqual(run.retval(), 0, run.text("stderr"))
        files, mounts = shown.split("mounts\n")
        files = [line for line in files.splitlines() if not any(f"'{name}'" in line for name in OF_SYSTEM_FILES)]
        found = {}
        for line in mounts.splitlines():
            point, options = line.split()
            if point.lstrip("/") not in OF_SYSTEM_FILES:
                found[point] = set(options.split(",")) & {"ro", "nosuid", "nodev", "noexec"}
        return files, found

    def test_is_as_bwrap_makes_it(self):
        self.spawner()
        files, mounts = self.look()
        # With these it does not serve, and bwrap makes all of it.
        (self.mount.task / "systemfiles").mkdir()
        files_of_bwrap, mounts_of_bwrap = self.look()
        self.assertEqual(files, files_of_bwrap)
        # Here its own file, there a mount of one.
        for name in ("/etc/passwd", "/etc/group"):
            self.assertIn("ro", mounts_of_bwrap.pop(name))
        self.assertEqual(set(mounts), set(mounts_of_bwrap))
        for point, options in mounts_of_bwrap.items():
            if point != "/dev":  # without nodev, of no use where nobody can make one
                self.assertLessEqual(options, mounts[point], point)

    def in_view(self, *words):
        subprocess.run(["nsenter", "-t", str(self.spawner()), "-m", *words], check=True)

    def shown(self, command):
        run = self.mount.run(command)
        text = run.text("stdout")
        self.assertEqual(run.retval(), 0, run.text("stderr") + run.text("status"))
        return text

    def test_follows_what_is_mounted(self):
        """And what is mounted below /usr is read-only as /usr is."""
        self.assertNotIn("local/share", self.shown("cat /proc/self/mountinfo"))
        self.in_view("mount", "-t", "tmpfs", "-o", "mode=1777", "new", "/usr/local/share")
        line = next(line for line in self.shown("cat /proc/self/mountinfo").splitlines() if "local/share" in line)
        self.assertLessEqual({"ro", "nosuid", "nodev"}, set(line.split()[5].split(",")))
        self.assert_ended(self.mount.run("touch /usr/local/share/x"), 1, "exited")

    def test_follows_what_is_in_etc(self):
        """Installing a package replaces files there, and adds some."""
        etc = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, etc)
        etc.chmod(0o755)
        shutil.copytree("/etc/alternatives", etc / "alternatives", symlinks=True)
        (etc / "ld.so.conf").write_text("before\n")
        self.in_view("mount", "--bind", str(etc), "/etc")
        self.assertEqual(self.shown("cat /etc/ld.so.conf"), "before\n")
        (etc / "new").write_text("after\n")
        (etc / "new").rename(etc / "ld.so.conf")
        self.assertEqual(self.shown("cat /etc/ld.so.conf"), "after\n")
        (etc / "python3.99").mkdir()
        self.assertIn("python3.99", self.shown("ls /etc").split())
        self.spawner()


if __name__ == "__main__":
    studentfs.main()
