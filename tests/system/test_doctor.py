"""studentfs --doctor: on a machine as it is, and on some that lack something."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import studentfs

USER = 65534
LIMITS = ("cpu", "wall", "memory", "processes")


def is_removed(group):
    with contextlib.suppress(OSError):
        os.rmdir(group)
    return not os.path.exists(group)


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
        self.assertEqual(found["a run of `true` in a sandbox"][0], "ok", found)
        self.assertEqual(found["a mount may be made"][0], "ok")
        self.assertEqual(found["bwrap"][0], "ok")
        for limit in LIMITS:
            self.assertEqual(found[f"the limit on {limit} holds for a run as a whole"][0],
                             "ok" if limit in enforced else "limited")
        self.assertEqual(status, 0 if set(LIMITS) <= set(enforced) else 1)

    def programs(self, bwrap=None):
        """A PATH without bwrap, or with that text for one."""
        programs = self.base.parent / f"{self.base.name}-bin"
        programs.mkdir()
        self.addCleanup(shutil.rmtree, programs)
        for name in ("sh", "fusermount3"):
            (programs / name).symlink_to(f"/bin/{name}")
        if bwrap:
            (programs / "bwrap").write_text(bwrap)
            (programs / "bwrap").chmod(0o755)
        return str(programs)

    def test_without_bwrap(self):
        found, status = self.examine(path=self.programs())
        self.assertEqual(found["bwrap"], ("MISSING", "bwrap: it is not in PATH: apt-get install bubblewrap"))
        self.assertEqual(found["a run of `true` in a sandbox"][0], "MISSING")
        self.assertIn("apt-get install bubblewrap", found["a run of `true` in a sandbox"][1])
        self.assertEqual(status, 1)

    def test_an_old_bwrap(self):
        found, status = self.examine(path=self.programs("#!/bin/sh\necho bubblewrap 0.7.0\n"))
        self.assertEqual(found["bwrap"][0], "MISSING")
        self.assertIn("bubblewrap 0.7.0: older than 0.8: apt-get install bubblewrap of a newer release", found["bwrap"][1])
        self.assertEqual(status, 1)

    def test_a_bwrap_that_fails(self):
        """The run's own words, and the mend for these."""
        words = "bwrap: No permissions to create a new namespace"
        found, status = self.examine(path=self.programs(
            f"#!/bin/sh\n[ \"$1\" = --version ] && echo bubblewrap 0.9.1 && exit\necho '{words}' >&2\nexit 1\n"))
        self.assertEqual(found["bwrap"], ("ok", "bwrap, bubblewrap 0.9.1"))
        finding, what = found["a run of `true` in a sandbox"]
        self.assertEqual(finding, "MISSING")
        self.assertIn(words, what)
        self.assertIn("sysctl -w user.max_user_namespaces", what)
        self.assertEqual(status, 1)

    def test_an_agent_that_hangs(self):
        agent = pathlib.Path(self.programs("#!/bin/sh\nexec sleep 1000\n")) / "bwrap"
        found, status = self.examine("--agent", str(agent))
        self.assertEqual(found["studentfs-agent"][0], "MISSING")
        self.assertIn("timed out", found["studentfs-agent"][1])
        self.assertIn("not tried", found["a run of `true` in a sandbox"][1])
        self.assertEqual(status, 1)

    def test_without_an_agent(self):
        found, status = self.examine("--agent", "/nonexistent")
        self.assertEqual(found["a run of `true` in a sandbox"][0], "MISSING")
        self.assertIn("studentfs-agent", found["a run of `true` in a sandbox"][1])
        self.assertEqual(found["studentfs-agent"][0], "MISSING")
        self.assertIn("give its path with --agent", found["studentfs-agent"][1])
        self.assertEqual(status, 1)

    def in_own_mounts(self, before):
        if os.geteuid() != 0:
            self.skipTest("mounts of one's own take root")
        # Without control groups all of root's runs on this machine share a number of processes: other tests' as well.
        return studentfs.eventually(lambda: self.unless_crowded(before), 50, what="room for a process")

    def unless_crowded(self, before):
        found, status = self.examine(before=before, wrap=studentfs.OWN_MOUNTS)
        is_crowded = "Resource temporarily unavailable" in found["a run of `true` in a sandbox"][1]
        return None if is_crowded else (found, status)

    def test_without_a_fuse_device(self):
        found, status = self.in_own_mounts(
            "mount -t tmpfs none /dev; mkdir /dev/pts /dev/shm\n"
            "for node in 'null 3' 'zero 5' 'full 7' 'random 8' 'urandom 9'; do mknod -m 666 /dev/${node% *} c 1 ${node#* }; done\n"
            "mknod -m 666 /dev/tty c 5 0")
        self.assertIn("modprobe fuse", found["a mount may be made"][1])
        self.assertEqual(found["a mount may be made"][0], "MISSING")
        self.assertEqual(status, 1)

    def test_without_control_groups(self):
        found, status = self.in_own_mounts("umount -l -R /sys/fs/cgroup")
        self.assertEqual(found["a run of `true` in a sandbox"][0], "ok", found)
        self.assertEqual(found["the limit on wall holds for a run as a whole"][0], "ok")
        for limit in ("cpu", "memory"):
            self.assertEqual(found[f"the limit on {limit} holds for a run as a whole"][0], "limited")
            self.assertIn("no control groups are mounted: mount -t cgroup2", found[f"control group for {limit}"][1])
        self.assertEqual(status, 1)

    def mends(self, found):
        """What is said to mend each control group, as lines to be executed."""
        return "\n".join(what.split(": ", 2)[2].split("; for a container")[0] for name, (finding, what) in found.items()
                         if name.startswith("control group for ") and finding != "ok")

    def test_read_only_control_groups(self):
        """As in most containers. What is said to mend it does."""
        read_only = "for at in $(awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/mounts); do mount -o remount,bind,ro $at; done"
        found, status = self.in_own_mounts(read_only)
        for limit in ("cpu", "memory", "processes"):
            finding, what = found[f"control group for {limit}"]
            self.assertEqual(finding, "limited", what)
            self.assertIn("is mounted read-only: mount -o remount,", what)
        self.assertEqual(found["a run of `true` in a sandbox"][0], "ok", found)
        self.assertEqual(found["the limit on memory holds for a run as a whole"][0], "limited")
        self.assertEqual(status, 1)
        found, status = self.in_own_mounts(f"{read_only}\n{self.mends(found)}")
        self.assertEqual((found["control group for memory"][0], status), ("ok", 0), found)

    def as_user(self, mode, before=":"):
        """An ordinary user, to whom nothing was delegated, and /dev/fuse with that mode."""
        programs = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, programs)
        programs.chmod(0o755)
        for path in studentfs.BIN.iterdir():
            if path.name.startswith("student"):
                shutil.copy(path, programs)
        os.chown(self.base, USER, USER)
        return self.in_own_mounts(f"rm -f {programs}/fuse\nmknod -m {mode} {programs}/fuse c 10 229\n"
                                  f"mount --bind {programs}/fuse /dev/fuse\ncd /\n{before}\n"
                                  "exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "
                                  f"{programs}/studentfs --doctor")

    def test_a_user_without_control_groups_of_his_own(self):
        found, status = self.as_user("0666")
        self.assertEqual(found["a mount may be made"][0], "ok")
        if found["user namespaces"][0] != "ok":
            self.skipTest("an ordinary user gets no user namespace here")
        self.assertEqual(found["a run of `true` in a sandbox"][0], "ok", found)
        for limit in ("cpu", "memory"):
            finding, what = found[f"control group for {limit}"]
            self.assertEqual(finding, "limited", what)
            self.assertRegex(what, r"may not be written by this user: (sudo sh -c|systemd-run --user --scope)")
        self.assertEqual(found["the limit on processes holds for a run as a whole"][0], "ok")
        self.assertEqual(status, 1)
        mends = self.mends(found)
        groups = set(re.findall(r"mkdir -p (\S+/students);", mends))
        if not groups:
            self.skipTest("here systemd would mend it")
        self.addCleanup(lambda: studentfs.eventually(lambda: all([is_removed(group) for group in groups]),
                                                     what="removal of the groups"))
        # Who is root needs no sudo. The user goes on in the shell that was moved.
        found, status = self.as_user("0666", f'sudo() {{ "$@"; }}\nUSER={USER}\n{mends}')
        self.assertEqual((found["control group for memory"][0], status), ("ok", 0), found)

    def test_a_fuse_device_that_is_refused(self):
        found, status = self.as_user("0600")
        self.assertEqual(found["a mount may be made"],
                         ("MISSING", "a mount may be made: this user may not open /dev/fuse: 'chmod 666 /dev/fuse', as root"))
        self.assertEqual(status, 1)

    def test_no_user_namespaces(self):
        """The kernel's setting, in a user namespace of the test's own, which has one too."""
        if os.geteuid() != 0:
            self.skipTest("mounts of one's own take root")
        found, status = self.examine(before="echo 0 > /proc/sys/user/max_user_namespaces",
                                     # In this order: within, other tests' mounts could not be let go.
                                     wrap=[*studentfs.OWN_MOUNTS, "unshare", "-U", "-r"])
        self.assertEqual(found["user namespaces"], (
            "limited", "user namespaces, for students who are to be root: there may be none: "
            "user.max_user_namespaces is 0: sysctl -w user.max_user_namespaces=15000"))
        self.assertEqual(status, 1)


if __name__ == "__main__":
    studentfs.main()
