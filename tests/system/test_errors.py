"""What is wrong is said by the write itself, with an errno, through every way of writing."""

import errno
import os
import pathlib
import subprocess
import tempfile

import studentfs

# File, value, errno: every write that is refused before a run starts.
REFUSED = [
    ("cmd", b"a\0b\n", errno.EINVAL),
    ("cmd", b"\n", errno.EINVAL),
    ("cmd", b"   \n", errno.EINVAL),
    ("cmd", b"\xff\xfe\n", errno.EILSEQ),
    ("cmd", b"\xc0\xaf\n", errno.EILSEQ),
    ("cmd", b"\xed\xa0\x80\n", errno.EILSEQ),
    ("cmd", b"echo " + b"x" * 200_001 + b"\n", errno.E2BIG),
    ("time_limit", b"ten\n", errno.EINVAL),
    ("time_limit", b"\n", errno.EINVAL),
    ("time_limit", b"1 2\n", errno.EINVAL),
    ("time_limit", b"0x10\n", errno.EINVAL),
    ("time_limit", b"+5\n", errno.EINVAL),
    ("time_limit", b"5s\n", errno.EINVAL),
    ("time_limit", b"1e3\n", errno.EINVAL),
    ("memory_limit", b"64.5\n", errno.EINVAL),
    ("share_network", b"01\n", errno.EINVAL),
    ("time_limit", b"1.5.5\n", errno.EINVAL),
    ("time_limit", b"-1\n", (errno.EINVAL, errno.ERANGE)),
    ("time_limit", b"1\0\n", errno.EINVAL),
    ("time_limit", b"1000001\n", errno.ERANGE),
    ("time_limit", b"99999999999999999999999\n", errno.ERANGE),
    ("hard_time_limit", b"1000001\n", errno.ERANGE),
    ("memory_limit", b"19\n", errno.ERANGE),
    ("memory_limit", b"1048577\n", errno.ERANGE),
    ("memory_limit", b"20M\n", errno.EINVAL),
    ("output_limit", b"9223372036854775808\n", errno.ERANGE),
    ("share_network", b"yes\n", errno.EINVAL),
    ("share_network", b"2\n", errno.EINVAL),
    ("start_student_as_root", b"true\n", errno.EINVAL),
    ("ssh", b"on\n", errno.EINVAL),
    ("stdout_err_fuse", b"\n", errno.EINVAL),
    ("stdin_eof", b"later\n", errno.EINVAL),
    ("container", b"\xff\n", errno.EILSEQ),
    ("container", b"a\0b\n", errno.EINVAL),
    ("container", b"x" * 4097 + b"\n", errno.E2BIG),
    ("working_dir", b"\xff\n", errno.EILSEQ),
    ("teardown_script", b"\xff\n", errno.EILSEQ),
    ("signal", b"9\n", errno.ESRCH),
    ("signal", b"SIGTERM\n", errno.ESRCH),
    ("signal", b"sigrtmax-30\n", errno.ESRCH),
    ("signal", b"RTMAX-31\n", errno.EINVAL),
    ("signal", b"0\n", errno.EINVAL),
    ("signal", b"65\n", errno.EINVAL),
    ("signal", b"SIGNOTHING\n", errno.EINVAL),
    ("signal", b"\n", errno.EINVAL),
]

SETTINGS = ["container", "time_limit", "hard_time_limit", "memory_limit", "share_network", "working_dir",
            "start_student_as_root", "ssh", "teardown_script", "stdout_err_fuse", "output_limit", "stdin_eof"]


class Refused(studentfs.TestCase):
    """No router is needed for what never starts."""

    mount_options = None

    @classmethod
    def setUpClass(cls):
        cls.sockets = tempfile.TemporaryDirectory()
        cls.mount = studentfs.Mount("--max-runs", "50", sockets=cls.sockets.name)
        cls.addClassCleanup(cls.sockets.cleanup)
        cls.addClassCleanup(cls.mount.close)

    def setUp(self):
        super().setUp()
        self.run_ = self.mount.make()
        self.addCleanup(self.run_.remove)

    def test_every_refused_write(self):
        for name, value, expected in REFUSED:
            with self.subTest(file=name, value=value[:40]):
                before = self.run_.read(name) if name != "signal" else b""
                with self.assertRaises(OSError) as caught:
                    self.run_.write(name, value)
                self.assertIn(caught.exception.errno, expected if isinstance(expected, tuple) else (expected,))
                if name != "signal":
                    self.assertEqual(self.run_.read(name), before, "nothing is half set")
                self.assertEqual(self.run_.state(), "new")

    def test_python_open_reports_it(self):
        for how in ("buffered", "pathlib", "unbuffered"):
            with self.subTest(how=how):
                path = pathlib.Path(self.run_.file("time_limit"))
                with self.assertRaises(OSError) as caught:
                    if how == "pathlib":
                        path.write_text("ten\n")
                    else:
                        with open(path, "wb", buffering=0 if how == "unbuffered" else -1) as file:
                            file.write(b"ten\n")
                self.assertEqual(caught.exception.errno, errno.EINVAL)

    def shell(self, shell, script):
        return subprocess.run([shell, "-c", script], cwd=self.run_.path, capture_output=True, text=True,
                              timeout=30, env=dict(os.environ, LC_ALL="C"), check=False)

    def test_echo_says_it_in_words(self):
        cases = [("echo ten > time_limit", errno.EINVAL), ("echo 1000001 > time_limit", errno.ERANGE),
                 ("echo > cmd", errno.EINVAL), (r"printf '\377\n' > cmd", errno.EILSEQ),
                 ("echo 9 > signal", errno.ESRCH), ("echo NOTHING > signal", errno.EINVAL)]
        for shell in ("bash", "dash"):
            for script, expected in cases:
                with self.subTest(shell=shell, script=script):
                    result = self.shell(shell, script)
                    self.assertNotEqual(result.returncode, 0)
                    if shell == "bash":
                        self.assertIn(os.strerror(expected), result.stderr)
                    else:
                        self.assertNotEqual(result.stderr, "")

    def test_values_are_taken_with_white_space_around(self):
        for name, value, shown in (("time_limit", b"\t 7 \n\n", b"7\n"), ("time_limit", b"007", b"7\n"),
                                   ("working_dir", b"  /tmp  \n", b"/tmp\n"), ("container", b"\n", b"\n"),
                                   ("stdin_eof", b" manual\n", b"manual\n"), ("share_network", b"1", b"1\n"),
                                   ("memory_limit", b"0\n", b"0\n"), ("memory_limit", b"20\n", b"20\n"),
                                   ("output_limit", b"0\n", b"0\n"),
                                   ("teardown_script", b" a  b \n", b" a  b \n")):
            with self.subTest(file=name, value=value):
                self.run_.write(name, value)
                self.assertEqual(self.run_.read(name), shown)

    def test_the_defaults(self):
        shown = {name: self.run_.text(name) for name in SETTINGS}
        self.assertEqual(shown, {
            "container": "\n", "time_limit": "0\n", "hard_time_limit": "0\n", "memory_limit": "0\n",
            "share_network": "0\n", "working_dir": "\n", "start_student_as_root": "0\n", "ssh": "0\n",
            "teardown_script": "\n", "stdout_err_fuse": "0\n", "output_limit": "67108864\n",
            "stdin_eof": "auto\n"})
        self.assertEqual(self.run_.text("cmd"), "")

    def test_opened_for_what_it_cannot_do(self):
        for name in ("stdout", "stderr", "retval", "status", "usage"):
            self.assert_errno(errno.EACCES, os.open, self.run_.file(name), os.O_WRONLY)
            self.assert_errno(errno.EACCES, os.open, self.run_.file(name), os.O_RDWR)
        for name in ("stdin", "signal"):
            self.assert_errno(errno.EACCES, os.open, self.run_.file(name), os.O_RDONLY)
        self.assert_errno(errno.EACCES, os.open, self.mount.path("README"), os.O_WRONLY)

    def test_making_anything_but_a_run(self):
        top, inside = self.mount.path("x"), self.run_.file("x")
        for path in (top, inside):
            with self.subTest(path=path):
                self.assert_errno(errno.EPERM, os.open, path, os.O_WRONLY | os.O_CREAT, 0o644)
                self.assert_errno(errno.EPERM, os.mkfifo, path)
                self.assert_errno(errno.EPERM, os.symlink, "/etc/passwd", path)
                self.assert_errno(errno.EPERM, os.link, self.run_.file("cmd"), path)
                self.assert_errno(errno.EPERM, os.rename, self.run_.file("cmd"), path)
        self.assert_errno(errno.EPERM, os.mkdir, inside)
        self.assert_errno(errno.EPERM, os.rename, self.run_.path, top)
        self.assert_errno(errno.EPERM, os.unlink, self.mount.path("README"))
        self.assert_errno(errno.EPERM, os.unlink, self.mount.path("task"))
        self.assert_errno(errno.ENOTDIR, os.rmdir, self.mount.path("README"))
        self.assert_errno(errno.ENOENT, os.rmdir, self.mount.path("nothing"))

    def test_making_again_what_was_removed(self):
        def make(name, flags=os.O_WRONLY):
            os.close(os.open(name, flags | os.O_CREAT, 0o666))

        for name in os.listdir(self.run_.path):
            path = self.run_.file(name)
            writable = os.stat(path).st_mode & 0o222
            os.unlink(path)
            if not writable:
                for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
                    self.assert_errno(errno.EPERM, make, path, flags)
                continue
            make(path)
            self.assertEqual(os.stat(path).st_size, 0)
            self.assert_errno(errno.EEXIST, make, path, os.O_WRONLY | os.O_EXCL)
        self.assert_errno(errno.EPERM, make, self.mount.path("defaults/cmd"))
        self.assertNotIn("cmd", os.listdir(self.mount.path("defaults")))
        for name in ("stdin", "signal"):
            os.unlink(self.run_.file(name))
            self.assert_errno(errno.EACCES, make, self.run_.file(name), os.O_RDONLY)
            self.assertNotIn(name, os.listdir(self.run_.path))
        self.run_.write("cmd", "true")
        self.assert_errno(errno.EPERM, make, self.run_.file("stdin"))

    def test_names_in_use_and_reserved(self):
        for name in ("README", "new", "task", "runs", "metrics", "events", "defaults", self.run_.name):
            self.assert_errno(errno.EEXIST, os.mkdir, self.mount.path(name))
        self.assert_errno(errno.ENAMETOOLONG, os.mkdir, self.mount.path("x" * 256))
        self.mount.make("x" * 255).remove()
        self.mount.make("größe ✓").remove()

    def test_more_runs_than_max_runs(self):
        made = []
        try:
            with self.assertRaises(OSError) as caught:
                for _ in range(51):
                    made.append(self.mount.make())
            self.assertEqual(caught.exception.errno, errno.ENOSPC)
            self.assertEqual(len(made), 49)
            with open(self.mount.path("new"), "rb") as file:
                self.assert_errno(errno.ENOSPC, file.read)
        finally:
            for run in made:
                run.remove()

    def test_chmod_of_a_single_file(self):
        self.assert_errno(errno.EPERM, os.chmod, self.run_.file("cmd"), 0o600)
        os.utime(self.run_.file("cmd"))
        os.truncate(self.run_.file("cmd"), 0)

    def test_quote_left_open(self):
        fd = os.open(self.run_.file("cmd"), os.O_WRONLY)
        os.write(fd, b"echo 'a\n")
        self.assertIn("incomplete", self.run_.status()["command"])
        self.assertEqual(self.run_.state(), "new")
        self.assert_errno(errno.EINVAL, os.close, fd)
        self.run_.wait_for("ended")
        self.assert_ended(self.run_, 254, "failed", "quote")

    def test_flush_of_an_open_quote_is_no_end(self):
        fd = os.open(self.run_.file("cmd"), os.O_WRONLY)
        os.write(fd, b'echo "a\n')
        self.assert_errno(errno.EINVAL, os.close, os.dup(fd))
        self.assertEqual(self.run_.state(), "new")
        self.assert_errno(errno.EILSEQ, os.write, fd, b'\xff"\n')
        os.close(fd)
        self.assertEqual(self.run_.state(), "new")

    def test_an_incomplete_command_over_the_longest(self):
        fd = os.open(self.run_.file("cmd"), os.O_WRONLY)
        with self.assertRaises(OSError) as caught:
            os.write(fd, b"echo '")
            for _ in range(40):
                os.write(fd, b"a" * 65_000 + b"\n")
        self.assertEqual(caught.exception.errno, errno.E2BIG)
        os.close(fd)

    def test_no_router(self):
        """251 in bounded time, and settings and command stay as they are."""
        run = self.mount.make()
        self.addCleanup(run.remove)
        run.write("time_limit", 5)
        run.write("cmd", "true")
        self.assert_errno(errno.EBUSY, run.write, "cmd", "true")
        for name in SETTINGS:
            value = {"container": "x", "working_dir": "/tmp", "teardown_script": "true",
                     "stdin_eof": "manual", "memory_limit": "64"}.get(name, "1")
            self.assert_errno(errno.EBUSY, run.write, name, value)
        self.assertEqual(run.text("time_limit"), "5\n")
        self.assertEqual(run.text("cmd"), "true\n")
        self.assert_ended(run, 251, "unavailable", "router")
        self.assert_errno(errno.ESRCH, run.write, "signal", 9)
        self.assert_errno(errno.EBUSY, run.write, "cmd", "true")
        with self.assertRaises(BrokenPipeError):
            run.write("stdin", "x")


class CommandLine(studentfs.TestCase):
    """What studentfs refuses to mount, and says so."""

    mount_options = None

    def refused(self, *arguments):
        result = subprocess.run([studentfs.BIN / "studentfs", *arguments], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(result.returncode, 1, result)
        self.assertIn("studentfs: ", result.stderr)
        return result.stderr

    def test_bad_arguments(self):
        self.assertIn("mount point", self.refused())
        self.assertIn("No such file or directory", self.refused("--task", "/nonexistent", "/tmp"))
        self.assertIn("not a number", self.refused("--max-runs", "x", "/tmp"))
        self.assertIn("out of range", self.refused("--max-runs", "0", "/tmp"))
        self.assertIn("mkdir", self.refused("/nonexistent/mnt"))
        self.assertIn("not a directory", self.refused("/etc/passwd"))

    def test_help_and_version(self):
        for option in ("--help", "-h", "--version", "-V"):
            result = subprocess.run([studentfs.BIN / "studentfs", option], capture_output=True, text=True,
                                    timeout=60, check=True)
            self.assertIn("studentfs", result.stdout)
        help_text = subprocess.run([studentfs.BIN / "studentfs", "--help"], capture_output=True, text=True,
                                   timeout=60, check=True).stdout
        manual = (studentfs.TOP / "docs/studentfs.1").read_text()
        for word in help_text.split():
            if word.startswith("--"):
                self.assertIn(word[2:], manual.replace("\\-", "-"))

    def test_mounted_already(self):
        with tempfile.TemporaryDirectory() as sockets:
            mount = self.own_mount(sockets=sockets)
            self.assertIn("fusermount3 -u", self.refused("--sockets", sockets, mount.point))
            self.doCleanups()


if __name__ == "__main__":
    studentfs.main()
