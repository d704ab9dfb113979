"""The top: runs, metrics, defaults."""

import errno
import os
import pathlib
import subprocess

import studentfs


class Overview(studentfs.TestCase):
    def lines(self):
        text = self.mount.path("runs")
        header, *lines = pathlib.Path(text).read_text(encoding="utf-8").splitlines()
        self.assertEqual(header.split(), ["NAME", "STATE", "RETVAL", "CPU", "WALL", "MEMORY", "COMMAND"])
        return {line.split()[0]: line.split(maxsplit=6) for line in lines}

    def metrics(self):
        values = {}
        for line in pathlib.Path(self.mount.path("metrics")).read_text(encoding="ascii").splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def test_runs(self):
        new, ended, running = self.mount.make(), self.mount.make(), self.mount.make()
        ended.write("cmd", "sh -c 'exit 3'")
        running.write("cmd", "sleep 1000")
        ended.retval()
        running.wait_for("running")
        lines = self.lines()
        self.assertEqual(lines[new.name][1:], ["new", "-", "-", "-", "-"])
        self.assertEqual(lines[running.name][1:4], ["running", "-", "-"])
        self.assertEqual(lines[running.name][6], "sleep 1000")
        self.assertEqual(lines[ended.name][1:3], ["ended", "3"])
        usage = ended.usage()
        self.assertEqual(lines[ended.name][3], f"{usage['cpu_usec'] / 1e6:.3f}")
        self.assertEqual(lines[ended.name][5], f"{usage['memory_peak'] / 2**20:.1f}M")
        for run in new, ended, running:
            run.remove()
            self.assertNotIn(run.name, self.lines())

    def test_a_command_is_one_line(self):
        run = self.mount.run("printf 'a\nb'")
        run.retval()
        self.assertEqual(self.lines()[run.name][6], "printf 'a\\nb'")
        run.remove()

    def test_a_terminal_obeys_nothing(self):
        """Names and commands may have a student's file name in them: controls of 7 and 8 bits, of UTF-8; directions."""
        wild = b"\x1b[2J\xc2\x9b2J\x7f\r\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9c"
        run = self.mount.make(os.fsdecode(b"wild\x9b\xff\xc3" + wild))
        run.write("working_dir", b"/task/" + wild)
        run.write("cmd", b"true '" + wild + "é€🙂'".encode())
        run.retval()
        for path in self.mount.path("runs"), run.file("status"), self.mount.path("events"), run.file("transcript"):
            with open(path, "rb", buffering=0) as file:
                text = file.read(1 << 16).decode()
            self.assertTrue(text.replace("\n", "").isprintable(), (path, text))
        shown = run.read("status").decode()
        self.assertIn(r"true '\x1b[2J\xc2\x9b2J\x7f\x0d\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xd8\x9cé€🙂'", shown)
        run.remove()

    def test_metrics(self):
        before = self.metrics()
        self.mount.run("echo 12345").retval()
        self.mount.run("sh -c 'kill -9 $$'").retval()
        after = self.metrics()

        def grown(name):
            return after[name] - before[name]

        self.assertEqual(grown("studentfs_runs_made_total"), 2)
        self.assertEqual(grown('studentfs_runs{state="ended"}'), 2)
        self.assertEqual(grown('studentfs_runs_ended_total{termination="exited"}'), 1)
        self.assertEqual(grown('studentfs_runs_ended_total{termination="signal"}'), 1)
        self.assertEqual(grown("studentfs_output_bytes_total"), 6)
        self.assertGreater(grown("studentfs_cpu_seconds_total"), 0)


class Defaults(studentfs.TestCase):
    mount_options = ("-o", "allow_other")

    def write(self, name, value):
        with open(self.mount.path("defaults", name), "w", encoding="utf-8") as file:
            file.write(value)

    def test_the_same_settings_as_in_a_run(self):
        run = self.mount.make()
        defaults = os.listdir(self.mount.path("defaults"))
        self.assertIn("time_limit", defaults)
        self.assertEqual(set(defaults) - set(os.listdir(run.path)), set())
        for name in defaults:
            with open(self.mount.path("defaults", name), encoding="utf-8") as file:
                self.assertEqual(file.read(), run.text(name), name)
        self.assertEqual(set(defaults) & {"cmd", "stdin", "stdout", "stderr", "retval", "status", "signal", "usage"}, set())
        run.remove()

    def test_later_runs_have_them(self):
        before = self.mount.make()
        for name, value, old in (("time_limit", "7", "0"), ("container", "nowhere", ""), ("working_dir", "/tmp", ""),
                                 ("teardown_script", "true", ""), ("output_limit", "5", "67108864"),
                                 ("stdin_eof", "now", "auto")):
            self.write(name, value + "\n")
            self.addCleanup(self.write, name, old + "\n")
            self.assertEqual(before.text(name).strip(), old)
            after = self.mount.make()
            self.assertEqual(after.text(name), value + "\n")
            after.remove()
        before.remove()

    def test_they_count(self):
        self.write("output_limit", "5")
        self.addCleanup(self.write, "output_limit", "67108864")
        self.write("stdin_eof", "now")
        self.addCleanup(self.write, "stdin_eof", "auto")
        run = self.mount.run("sh -c 'cat; echo 1234567890'", stdin=None)
        self.assertEqual((run.retval(), run.text("stdout")), (0, "12345"))
        run.remove()

    def test_bad_values(self):
        self.assert_errno(errno.EINVAL, self.write, "time_limit", "x")
        self.assert_errno(errno.ERANGE, self.write, "memory_limit", "3")

    def test_they_stay(self):
        path = self.mount.path("defaults")
        self.assert_errno(errno.EPERM, os.rmdir, path)
        self.assert_errno(errno.EPERM, os.unlink, os.path.join(path, "time_limit"))
        self.assert_errno(errno.EPERM, os.chmod, path, 0o777)
        self.assert_errno(errno.EEXIST, os.mkdir, path)

    def test_only_the_mounting_user_writes(self):
        command = ["setpriv", "--reuid", "4243", "--regid", "4243", "--clear-groups",
                   "sh", "-c", 'cat "$1" && echo 5 > "$1"', "-", self.mount.path("defaults", "time_limit")]
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "0\n")
        self.assertIn("denied", result.stderr)

    def test_runs_of_others_are_not_shown(self):
        run = self.mount.make(mode=0o700)
        command = ["setpriv", "--reuid", "4243", "--regid", "4243", "--clear-groups", "cat", self.mount.path("runs")]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        self.assertNotIn(f"\n{run.name} ", shown)
        os.chmod(run.path, 0o755)
        shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        self.assertIn(f"\n{run.name} ", shown)
        run.remove()


if __name__ == "__main__":
    studentfs.main()
