"""What he sees: the machine's programs and his own directory; of people, tests and others nothing."""

import os
import pathlib
import re

import hostile

# All that /etc may have in the default environment with no network shared.
ETC = {"alternatives", "group", "java*", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "passwd", "perl", "python3*"}


class Sight(hostile.TestCase):
    def sees(self, command, **settings):
        run = self.mount.run(command, **settings)
        run.retval()
        text = run.text("stdout")
        run.remove()
        return text

    def test_the_top(self):
        """No homes, no /root, /var, /srv, /opt, /mnt: what is not named here is not there."""
        top = set(self.sees("ls -A /").split())
        self.assertLessEqual(top, {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin",
                                   "student-init", "task", "tmp", "usr"})

    def test_what_is_empty_or_ones_own(self):
        host = pathlib.Path("/tmp") / f"studentfs-test-{os.getpid()}"
        host.write_text("host")
        self.addCleanup(host.unlink)
        for directory in ("/run", "/tmp", "/dev/shm"):
            self.assertEqual(self.sees(f"ls -A {directory}"), "", directory)
        self.assertEqual(self.sees("ls -A /task"), "student\n")

    def test_a_minimal_etc(self):
        for name in self.sees("ls -A /etc").split():
            self.assertTrue(any(re.fullmatch(known.replace("*", ".*"), name) for known in ETC), name)
        passwd = self.sees("cat /etc/passwd /etc/group")
        self.assertEqual({line.split(":")[0] for line in passwd.splitlines()}, {"root", "worker"})

    def test_no_sockets_and_no_devices_but_the_harmless(self):
        found = self.sees("find / -xdev -type s -o -path /proc -prune -o -type b -o -path /dev/pts -prune -o -type c")
        self.assertLessEqual(set(found.split()), {f"/dev/{name}" for name in (
            "null", "zero", "full", "random", "urandom", "tty", "console", "ptmx")} | {"/proc", "/dev/pts"})
        devices = set(self.sees("ls -A /dev").split())
        self.assertLessEqual(devices, {"core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
                                       "stdout", "tty", "urandom", "zero"})

    def test_the_graders_files(self):
        other = self.mount.run("sleep 1000", stdin=None)
        other.wait_for("running")
        paths = ("/root/.profile", "/etc/shadow", "/home", "/var/log", "/task/expected.txt", "/task/../expected.txt",
                 f"{self.mount.task}/expected.txt", self.mount.point, f"{self.mount.point}/runs", other.file("stdout"),
                 str(self.mount.runtime), f"{self.mount.runtime}/studentfs", "/sockets", "/task/student/../expected.txt",
                 "/proc/1/root/etc/shadow", "/proc/self/root/root/.profile", "/sys/kernel", "/dev/sda", "/dev/vda",
                 "/dev/mem", "/dev/kmsg", "/dev/fuse")
        for settings in self.as_root_too():
            got = self.got(f"open '{' '.join(paths)}'", **settings)
            self.assertEqual(set(got), set(paths))
            self.assertLessEqual(set(got.values()), {"ENOENT", "EACCES", "EPERM", "ENOTDIR"}, got)
        other.remove()

    def test_writing(self):
        paths = ("/x", "/usr/x", "/usr/bin/python3", "/etc/x", "/etc/passwd", "/task/x", "/run/x", "/dev/x", "/student-init",
                 "/bin/sh", "/lib/x", "/sys/x", "/dev/pts/x", "/proc/x", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern",
                 "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/sys/kernel/panic", "/proc/sys/fs/file-max",
                 "/proc/sys/net/ipv4/ip_forward", "/proc/sys/user/max_user_namespaces", "/proc/1/oom_score_adj", "/sys/fs/cgroup/x")
        for settings in self.as_root_too():
            got = self.got(f"open '{' '.join('w:' + path for path in paths)}'", **settings)
            self.assertEqual(len(got), len(paths))
            if settings["start_student_as_root"] == "1":
                # Its own namespace's first process: it may be made to die sooner, not later.
                self.assertIn(got.pop("w:/proc/1/oom_score_adj"), ("done", "EACCES"))
            self.assertLessEqual(set(got.values()), {"EROFS", "EACCES", "EPERM", "ENOENT", "ETXTBSY", "EISDIR"}, got)

    def test_the_hosts_proc(self):
        """Its own processes, its own network, its own mounts; of the agent's group no path."""
        text = self.sees("sh -c 'ls /proc | grep -E \"^[0-9]+$\"; cat /proc/1/comm /proc/self/cgroup; tail -n +3 /proc/net/dev'")
        numbers = [int(word) for word in text.split() if word.isdigit()][:6]
        self.assertTrue(all(number < 20 for number in numbers), text)
        self.assertIn("student-init", text)
        self.assertNotIn(f"studentfs-{self.mount.agent()[0]}", text)
        self.assertEqual(re.findall(r"^ *(\w+): +\d", text, re.M), ["lo"])
        self.assertNotIn(self.mount.point, self.sees("cat /proc/self/mounts"))

    def test_another_runs_files(self):
        """What a run leaves in what is its own is gone with it, and unseen meanwhile."""
        other = self.mount.run("sh -c 'echo mine > /tmp/mine; echo mine > /dev/shm/mine; sleep 1000'", stdin=None)
        other.wait_for("running")
        self.assertEqual(self.sees("ls -A /tmp /dev/shm").split(), ["/dev/shm:", "/tmp:"])
        other.remove()
        self.assertEqual(self.sees("ls -A /tmp /dev/shm").split(), ["/dev/shm:", "/tmp:"])

    def test_its_own_program_is_no_way_out(self):
        text = self.sees("sh -c 'readlink /proc/self/exe /proc/self/root /proc/self/cwd'")
        self.assertEqual(text.split()[1:], ["/", "/task"])
        got = self.got("open '/proc/self/root/../etc/shadow /proc/self/cwd/../../etc/shadow /../../../etc/shadow'")
        self.assertEqual(set(got.values()), {"ENOENT"})


if __name__ == "__main__":
    hostile.main()
