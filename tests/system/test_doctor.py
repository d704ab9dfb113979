"""studentfs --doctor: on a machine as it is, and on some that lack something."""

import os
import pathlib
import subprocess
import tempfile

import studentfs

LIMITS = ("cpu", "wall", "memory", "processes")


class Doctor(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(self.base.rmdir)

    def examine(self, *options, before="", path="/usr/sbin:/usr/bin:/sbin:/bin", wrap=()):
        """Finding by what was looked at, and the exit status."""
        script = f"{before}\nexec {studentfs.BIN}/studentfs {' '.join(options)} --doctor"
        result = subprocess.run([*wrap, "sh", "-c", script], env={"PATH": path, "XDG_RUNTIME_DIR": str(self.base)},
                                capture_output=True, text=True, timeout=100, check=False)
        self.assertEqual(result.stderr, "")
        found = {}
        for line in result.stdout.splitlines():
            finding, what = line.split(maxsplit=1)
            self.assertIn(finding, ("ok", "limited", "MISSING"))
            found[what.split(":")[0].split(",")[0]] = (finding, what)
        self.assertEqual(os.listdir(self.base), [])
        return found, result.returncode

    def test_as_it_is(self):
        mount = self.own_mount()
        run = mount.run("true")
        run.retval()
        enforced = run.status().get("enforced", "").split()
        found, status = self.examine()
        self.assertEqual(found["a run of `true` in a sandbox"][0], "ok")
        self.assertEqual(found["/dev/fuse can be opened"][0], "ok")
        self.assertEqual(found["a mount may be made"][0], "ok")
        self.assertEqual(found["bwrap"][0], "ok")
        for limit in LIMITS:
            self.assertEqual(found[f"{limit} of a run is bounded as a whole"][0],
                             "ok" if limit in enforced else "limited")
        self.assertEqual(status, 0 if set(LIMITS) <= set(enforced) else 1)

    def test_without_bwrap(self):
        programs = self.base.parent / f"{self.base.name}-bin"
        programs.mkdir()
        self.addCleanup(programs.rmdir)
        for name in ("sh", "fusermount3"):
            link = programs / name
            link.symlink_to(f"/bin/{name}")
            self.addCleanup(link.unlink)
        found, status = self.examine(path=str(programs))
        self.assertEqual(found["bwrap"], ("MISSING", "bwrap: apt-get install bubblewrap"))
        self.assertEqual(found["a run of `true` in a sandbox"][0], "MISSING")
        self.assertEqual(status, 1)

    def test_without_an_agent(self):
        found, status = self.examine("--agent", "/nonexistent")
        self.assertEqual(found["a run of `true` in a sandbox"][0], "MISSING")
        self.assertIn("studentfs-agent", found["a run of `true` in a sandbox"][1])
        self.assertEqual(status, 1)

    def in_own_mounts(self, before):
        if os.geteuid() != 0:
            self.skipTest("mounts of one's own take root")
        return self.examine(before=before, wrap=studentfs.OWN_MOUNTS)

    def test_without_a_fuse_device(self):
        found, status = self.in_own_mounts(
            "mount -t tmpfs none /dev; mkdir /dev/pts /dev/shm\n"
            "for node in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9'; do mknod -m 666 /dev/${node% *} c 1 ${node#* }; done\n"
            "mknod -m 666 /dev/tty c 5 0")
        self.assertEqual(found["/dev/fuse can be opened"][0], "MISSING")
        self.assertIn("modprobe fuse", found["/dev/fuse can be opened"][1])
        self.assertEqual(found["a mount may be made"][0], "MISSING")
        self.assertEqual(status, 1)

    def test_without_control_groups(self):
        found, status = self.in_own_mounts("umount -l -R /sys/fs/cgroup")
        self.assertEqual(found["a run of `true` in a sandbox"][0], "ok")
        self.assertEqual(found["wall of a run is bounded as a whole"][0], "ok")
        for limit in ("cpu", "memory"):
            self.assertEqual(found[f"{limit} of a run is bounded as a whole"][0], "limited")
        self.assertEqual(status, 1)


if __name__ == "__main__":
    studentfs.main()
