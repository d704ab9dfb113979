"""What a command ends with arrives as it is, and no program forges a verdict."""

import errno
import signal
import subprocess

import studentfs

# Signals whose default is to end a process (signal(7)).
DEADLY = [number for number in range(1, 32)
          if number not in (signal.SIGCHLD, signal.SIGCONT, signal.SIGSTOP, signal.SIGTSTP,
                            signal.SIGTTIN, signal.SIGTTOU, signal.SIGURG, signal.SIGWINCH)]


class Exit(studentfs.TestCase):
    def test_exit_codes(self):
        for code in (0, 1, 2, 42, 126, 127, 128, 137, 143, 250):
            with self.subTest(code=code):
                self.assert_ended(self.mount.run(f"student/student exit {code}"), code, "exited")

    def test_no_verdict_is_forged(self):
        """Also 251 to 255 come from the command alone, and status says so."""
        for code in (251, 252, 253, 254, 255):
            with self.subTest(code=code):
                self.assert_ended(self.mount.run(f"student/student exit {code}"), code, "exited")

    def test_signals(self):
        for number in DEADLY:
            with self.subTest(signal=number):
                run = self.mount.run(f"student/student raise {number}")
                self.assert_ended(run, 128 + number, "signal")
                self.assertTrue(run.status()["signal"].startswith(f"{number} ("), run.status())
                name = "POLL" if number == signal.SIGIO else signal.Signals(number).name[3:]
                self.assertIn(f"({name})", run.status()["signal"])

    def test_128_by_exit_is_no_signal(self):
        run = self.mount.run("sh -c 'exit 137'")
        self.assert_ended(run, 137, "exited")
        self.assertNotIn("signal", run.status())

    def test_no_such_command(self):
        self.assert_ended(self.mount.run("no-such-program --x"), 127, "failed", "no-such-program")
        self.assert_ended(self.mount.run("./no-such-program"), 127, "failed", "no-such-program")

    def test_not_executable(self):
        (self.mount.student / "text").write_text("#!/bin/sh\n")
        self.assert_ended(self.mount.run("/task/student/text"), 126, "failed", "text")
        self.assert_ended(self.mount.run("/task/student"), 126, "failed", "student")

    def test_no_such_directory(self):
        run = self.mount.run("true", working_dir="/no/such/directory")
        self.assert_ended(run, 254, "failed", "/no/such/directory")

    def test_unknown_container(self):
        run = self.mount.run("true", container="no-such-environment")
        self.assert_ended(run, 254, "failed", "no-such-environment")

    def test_words_are_split_as_a_shell_does(self):
        run = self.mount.run(r"""python3 -c 'import sys; print(sys.argv[1:])' a\ b "c 'd'" 'e "f"' $HOME * # ~ ''""")
        self.assertEqual(run.text("stdout"), "['a b', \"c 'd'\", 'e \"f\"', '$HOME', '*', '#', '~', '']\n")
        self.assert_ended(run, 0, "exited")

    def test_text_of_several_lines(self):
        """As bash's echo writes it: line by line, from one open file."""
        run = self.mount.make()
        with open(run.file("cmd"), "wb", buffering=0) as file:
            file.write(b"sh -c 'echo one\n")
            self.assertIn("incomplete", run.status()["command"])
            file.write(b"echo two\n")
            file.write(b"exit 3'\n")
        self.assertEqual(run.text("stdout"), "one\ntwo\n")
        self.assert_ended(run, 3, "exited")

    def test_it_starts_with_the_write(self):
        """Not with the close: the run ends while the file is still open."""
        for pieces in ([b"echo a b\n"], [b"echo a \\\n", b"b\n"], [b"echo a\\", b" b"], [b"echo 'a", b" b'"]):
            with self.subTest(pieces=pieces):
                run = self.mount.make()
                with open(run.file("cmd"), "wb", buffering=0) as file:
                    for piece in pieces:
                        self.assertEqual(run.state(), "new")
                        file.write(piece)
                    self.assertEqual((run.text("stdout"), run.retval()), ("a b\n", 0))

    def test_only_one_newline_falls_away(self):
        for written, kept in ((b"  echo a \n\n", "  echo a \n"), (b"\techo a", "\techo a")):
            run = self.mount.make()
            run.write("cmd", written)
            self.assertEqual(run.text("cmd"), kept + "\n")
            self.assertEqual(run.text("stdout"), "a\n")

    def test_a_long_command(self):
        text = "x" * 100_000
        run = self.mount.run(f"printf %s {text}")
        self.assertEqual(run.text("stdout"), text)
        run = self.mount.make()
        words = " ".join(f"{n:06}" for n in range(40_000))
        subprocess.run(["bash", "-c", 'echo "echo $(cat)" > cmd'],
                                 input=words.encode(), cwd=run.path, check=True, timeout=30)
        self.assertEqual(run.text("stdout"), words + "\n")

    def test_utf8(self):
        run = self.mount.run("printf %s 'grün ✓ 𝄞'")
        self.assertEqual(run.text("stdout"), "grün ✓ 𝄞")

    def test_environment_of_the_command(self):
        run = self.mount.run("sh -c 'id -u; id -g; id -G; pwd; echo $HOME; umask; ls -A /task; ls /proc/self/fd'")
        lines = run.text("stdout").splitlines()
        self.assertEqual(lines[:5], ["4242", "4242", "4242", "/task", "/task"])
        self.assertEqual(lines[6], "student")
        self.assertEqual(lines[7:10], ["0", "1", "2"])
        self.assertNotIn("daemon", run.text("stderr"))

    def test_working_directory_of_the_writer(self):
        (self.mount.student / "sub").mkdir()
        for cwd, seen in ((self.mount.student / "sub", "/task/student/sub"), (self.mount.student, "/task/student"),
                          (self.mount.task, "/task"), ("/", "/task"), (self.mount.point, "/task"), (None, "/task")):
            with self.subTest(cwd=cwd):
                run = self.mount.make()
                subprocess.run(["sh", "-c", 'echo pwd > "$0"', run.file("cmd")], cwd=cwd or run.path, check=True,
                                         timeout=30)
                self.assertEqual(run.text("stdout"), seen + "\n")

    def test_working_dir_set(self):
        for value, seen in (("/tmp", "/tmp"), ("student", "/task/student"), ("/task/student/", "/task/student")):
            run = self.mount.run("pwd", working_dir=value)
            self.assertEqual(run.text("stdout"), seen + "\n")

    def test_teardown_script(self):
        proof = self.mount.student / "proof"
        proof.unlink(missing_ok=True)
        run = self.mount.run("sh -c 'exit 5'", teardown_script="sh -c 'echo done > /task/student/proof; exit 9'")
        self.assert_ended(run, 5, "exited")
        studentfs.eventually(proof.exists, what="the teardown script's file")

    def test_a_teardown_script_that_is_none(self):
        """It is refused like another wrong value, and the run may still have a right one."""
        run = self.mount.make()
        with self.assertRaises(OSError) as caught:
            run.write("teardown_script", "it's")
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        self.assertEqual((run.state(), run.text("teardown_script")), ("new", "\n"))
        run.start("true", teardown_script="true")
        self.assertEqual(run.retval(), 0)

    def test_usage_and_status_of_an_ended_run(self):
        run = self.mount.run("python3 -c 'x = bytearray(30 << 20); [i * i for i in range(500000)]'")
        self.assert_ended(run, 0, "exited")
        usage, status = run.usage(), run.status()
        self.assertGreater(usage["cpu_usec"], 5000)
        self.assertGreaterEqual(usage["wall_usec"], usage["cpu_usec"] // 2)
        self.assertGreater(usage["memory_peak"], 25 << 20)
        self.assertEqual(usage["stdin_bytes"], 0)
        self.assertRegex(run.text("usage"), r"\A(\w+: \d+\n){6}\Z")
        for key in ("container_id", "stdin", "stdout", "stderr", "cpu", "wall", "memory", "command"):
            self.assertIn(key, status)

    def test_the_wall_clock_of_a_short_run(self):
        """It begins with the command, and not when the agent hears of it, which may be with its end."""
        for _ in range(10):
            run = self.mount.run("true")
            self.assertEqual(run.retval(), 0)
            # No machine makes a process, executes a program and ends it in less.
            self.assertGreater(run.usage()["wall_usec"], 100)
            run.remove()

    def test_a_run_is_used_once(self):
        run = self.mount.run("true")
        run.retval()
        for name in ("cmd", "time_limit"):
            self.assert_errno(errno.EBUSY, run.write, name, "1")


class Signals(studentfs.TestCase):
    """The file `signal`."""

    def start(self):
        run = self.mount.run("student/student catch", stdin=None)
        file = open(run.file("stdout"), "rb", buffering=0)
        self.addCleanup(file.close)
        self.assertEqual(self.line(file), "ready")
        return run, file

    def line(self, file):
        text = b""
        while not text.endswith(b"\n"):
            piece = file.read(1)
            self.assertTrue(piece, "the end of stdout")
            text += piece
        return text.decode().strip()

    def test_numbers_and_names(self):
        run, file = self.start()
        for written, number in (("1", 1), ("HUP", 1), ("SIGUSR1", 10), ("012", 12), ("64", 64), (" 17 ", 17)):
            run.write("signal", written)
            self.assertEqual(self.line(file), str(number))
        run.write("signal", "TERM")
        self.assertEqual(self.line(file), "15")
        self.assert_ended(run, 7, "exited")
        self.assert_errno(errno.ESRCH, run.write, "signal", "TERM")

    def test_in_order(self):
        run, file = self.start()
        numbers = [1, 2, 3, 10, 12] * 4
        for number in numbers:
            run.write("signal", number)
            self.assertEqual(self.line(file), str(number))
        run.write("signal", "KILL")
        self.assert_ended(run, 137, "signal")

    def test_right_after_the_start(self):
        """Sent before the sandbox is ready: kept, and delivered to the command."""
        for _ in range(10):
            run = self.mount.make()
            run.write("cmd", "student/student sleep")
            run.write("signal", "TERM")
            self.assert_ended(run, 143, "signal")


if __name__ == "__main__":
    studentfs.main()
