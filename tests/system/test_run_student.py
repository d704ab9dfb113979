"""run_student(1): no mount, an agent of its own for each run."""

import fcntl
import os
import pathlib
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import types

import studentfs
import test_ssh
from studentfs import eventually

PROGRAM = studentfs.BIN / "run_student"


class Place:
    """A task directory, and a private directory of sockets in which nothing may be left."""

    def __init__(self):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.base.chmod(0o755)
        self.task = self.base / "task"
        self.student = self.task / "student"
        self.student.mkdir(parents=True)
        self.student.chmod(0o777)
        self.runtime = self.base / "run"
        self.runtime.mkdir()
        shutil.copy(studentfs.STUDENT, self.student / "student")
        (self.base / "logs").mkdir()

    def environment(self, **more):
        return dict({k: v for k, v in os.environ.items() if k != "STUDENTRUN_SOCKETS"},
                    XDG_RUNTIME_DIR=str(self.runtime), ASAN_OPTIONS=f"log_path={self.base}/logs/sanitizer",
                    UBSAN_OPTIONS=f"log_path={self.base}/logs/sanitizer", **more)

    def start(self, *words, program=PROGRAM, cwd=None, environment=None, **more):
        return subprocess.Popen([str(program), *map(str, words)], cwd=cwd or self.task,
                                env=environment or self.environment(), **more)

    def run(self, *words, input=b"", **more):
        process = self.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        out, err = process.communicate(input, timeout=50)
        return process.returncode, out, err

    def left(self):
        return [f for f in studentfs.files_below(self.runtime) if not f.endswith("/agent")]

    def close(self):
        try:
            eventually(lambda: not self.left(), studentfs.GONE_SECONDS, "an empty private directory")
            reports = [path.read_text(errors="replace") for path in (self.base / "logs").iterdir()]
            assert not reports, "\n".join(reports)[:8000]
        finally:
            shutil.rmtree(self.base, ignore_errors=True)


class Case(studentfs.TestCase):
    mount_options = None
    options = ()

    def setUp(self):
        super().setUp()
        self.place = Place()
        self.addCleanup(self.place.close)

    def run_student(self, *words, **more):
        return self.place.run(*self.options, *words, **more)

    def ended(self, result, retval, out=b"", err=b""):
        self.assertEqual(result, (retval, out, err))

    def running(self, *words, **more):
        """A started run that has said `ready` on its standard output."""
        process = self.place.start(*self.options, *words, stdout=subprocess.PIPE, **more)
        self.addCleanup(self.end, process)
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


class Words(Case):
    def test_boundaries_between_arguments(self):
        self.ended(self.run_student("printf", "%s|", "a  b", "c"), 0, b"a  b|c|")

    def test_every_character(self):
        words = ["", " ", "'", "\"", "\\", "a'b\"c\\d $HOME `x` * ~ # ; & |", "\n", "\t", "é", "--time"]
        self.ended(self.run_student("printf", "%s|", *words), 0, ("|".join(words) + "|").encode())

    def test_one_argument_is_a_command_line(self):
        self.ended(self.run_student("printf '%s|' 'a  b' c"), 0, b"a  b|c|")
        self.ended(self.run_student("--", "echo a   b"), 0, b"a b\n")

    def test_options_after_the_command_are_the_command_s(self):
        self.ended(self.run_student("--time", "5", "echo", "--time", "7", "-n", "--"), 0, b"--time 7 -n --\n")
        self.ended(self.run_student("--time", "5", "--", "echo", "--", "x"), 0, b"-- x\n")

    def test_wrong_command_lines(self):
        for words, said in (((), b"no command"), (("--time", "x", "true"), b"not a number"),
                            (("--memory", "-1", "true"), b"not a number"), (("--nosuch", "true"), b"nosuch"),
                            (("--transport", "pigeon", "true"), b"auto, fd or message"),
                            (("echo 'open",), b"a quote in it is open"), (("",), b"empty"),
                            ((b"\xff\xfe".decode("utf-8", "surrogateescape"),), b"UTF-8")):
            with self.subTest(words):
                retval, out, err = self.run_student(*words) if words[:1] != ("\udcff\udcfe",) else self.raw(b"\xff")
                self.assertEqual((retval, out), (254, b""))
                self.assertIn(said, err)

    def raw(self, word):
        result = subprocess.run([bytes(PROGRAM), word], cwd=self.place.task, env=self.place.environment(),
                                capture_output=True, timeout=50, check=False)
        return result.returncode, result.stdout, result.stderr

    def test_help_and_version(self):
        retval, out, _ = self.run_student("--help")
        self.assertEqual(retval, 0)
        for option in ("container", "time", "hard-time", "memory", "share-network", "run-as-root", "teardown-script"):
            self.assertIn(f"--{option}".encode(), out)
        self.assertEqual(self.run_student("--version")[0], 0)


class Streams(Case):
    def test_all_three(self):
        self.ended(self.run_student("sh", "-c", "cat; echo err >&2", input=b"in\n"), 0, b"in\n", b"err\n")

    def test_a_hundred_megabytes(self):
        data = os.urandom(1 << 20) * 100
        retval, out, err = self.run_student("cat", input=data)
        self.assertEqual((retval, err, len(out), out == data), (0, b"", len(data), True))

    def test_closed_ones(self):
        result = subprocess.run(["sh", "-c", f"{PROGRAM} {' '.join(self.options)} sh -c 'cat; echo x; exit 3' <&- >&-"], cwd=self.place.task,
                                env=self.place.environment(), capture_output=True, timeout=50, check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (3, b"", b""))

    def test_a_directory(self):
        """By its descriptor a student would be out of the sandbox."""
        directory = os.open(self.place.base, os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, directory)
        for stream in ("stdin", "stdout"):
            process = self.place.start(*self.options, "true", stderr=subprocess.PIPE, **{stream: directory})
            _, err = process.communicate(timeout=50)
            self.assertEqual((process.returncode, err),
                             (254, b"run_student: 254: a stream is a directory, by which a student would reach all files\n"))

    def test_a_file(self):
        with open(self.place.base / "out", "wb") as file:
            process = self.place.start(*self.options, "echo", "x", stdout=file, stdin=subprocess.DEVNULL)
            self.assertEqual(process.wait(50), 0)
        self.assertEqual((self.place.base / "out").read_bytes(), b"x\n")

    def test_streams_that_are_left_without_waiting(self):
        """O_NONBLOCK is the grader's as well, whose next read or write would fail."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        process = self.place.start(*self.options, "python3", "-c", "import os; [os.set_blocking(n, False) for n in (0, 1)]",
                                   stdin=reader, stdout=writer)
        self.assertEqual(process.wait(50), 0)
        self.assertEqual((os.get_blocking(reader), os.get_blocking(writer)), (True, True))

    def test_a_reader_that_goes_away(self):
        process = self.place.start(*self.options, "sh", "-c", "yes; exit 5", stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        process.stdout.read(10)
        process.stdout.close()
        self.assertEqual(process.wait(50), 5)


class StreamsInMessages(Streams):
    options = ("--transport", "message")


class ReturnValues(Case):
    def test_the_command_s_own(self):
        for value in (0, 1, 42, 250):
            self.ended(self.run_student("sh", "-c", f"exit {value}"), value)

    def test_imitated_verdicts_are_told_apart(self):
        """They are the command's own: nothing is said of them."""
        self.ended(self.run_student("sh", "-c", "exit 252"), 252)

    def test_signals(self):
        self.ended(self.run_student("sh", "-c", "kill -9 $$"), 137)

    def test_reasons(self):
        for words, retval, reason in (
                (("nosuch",), 127, "nosuch: command not found"),
                (("--time", "0.2", "--hard-time", "20", "student/student", "spin"), 253,
                 "used more than 0.2 s of CPU time"),
                (("--hard-time", "0.3", "sleep", "100"), 253, "ran longer than 0.3 s"),
                (("--memory", "30", "student/student", "hog"), 252, "used more than 30 MiB of memory"),
                (("--container", "nosuch", "true"), 254, "no container 'nosuch' here"),
                (("--working-dir", "/nosuch", "true"), 254, "/nosuch: No such file or directory"),
                (("--agent", "/nosuch", "true"), 251, "No such file or directory"),
                (("--task", "/nosuch", "true"), 251, "/nosuch: No such file or directory"),
                (("--sockets", "/nosuch", "true"), 254, "/nosuch: No such file or directory")):
            with self.subTest(words):
                result = self.run_student(*words)
                self.assertEqual(result[:2], (retval, b""), result)
                self.assertRegex(result[2].decode(), f"^run_student: {retval}: .*{reason}")

    def test_a_terminal_obeys_no_reason(self):
        """It names the command, which may be a student's file."""
        retval, _, err = self.run_student("student/\x1b]0;x\x07\x9b\u202e\xe9")
        self.assertEqual((retval, err[-1:]), (127, b"\n"))
        self.assertTrue(err.decode()[:-1].isprintable(), err)
        self.assertRegex(err.decode(), r"^run_student: 127: student/.*\\xc2\\x9b\\xe2\\x80\\xae\xe9: command not found$")


class Places(Case):
    def where(self, cwd, *words):
        retval, out, err = self.run_student(*words, "pwd", cwd=cwd)
        self.assertEqual((retval, err), (0, b""))
        return out.decode().strip()

    def test_working_directory(self):
        (self.place.student / "below").mkdir()
        task = ("--task", self.place.task)
        self.assertEqual(self.where(self.place.task), "/task")
        self.assertEqual(self.where(self.place.student, *task), "/task/student")
        self.assertEqual(self.where(self.place.student / "below", *task), "/task/student/below")
        self.assertEqual(self.where("/", *task), "/task")
        self.assertEqual(self.where("/", *task, "--working-dir", "/task/student"), "/task/student")

    def test_what_it_writes_stays(self):
        self.ended(self.run_student("sh", "-c", "echo x > student/x"), 0)
        self.assertEqual((self.place.student / "x").read_text(), "x\n")

    def test_teardown_script(self):
        self.ended(self.run_student("--teardown-script", "sh -c 'echo $1 > student/after' - 'a  b'", "true"), 0)
        eventually(lambda: (self.place.student / "after").exists() and (self.place.student / "after").read_text())
        self.assertEqual((self.place.student / "after").read_text(), "a  b\n".replace("  ", " "))

    def test_as_root(self):
        self.ended(self.run_student("--run-as-root", "id", "-u"), 0, b"0\n")


class Signals(Case):
    def test_each(self):
        names = "HUP INT QUIT ABRT USR1 SEGV USR2 PIPE ALRM TERM TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO".split()
        seen = self.place.student / "seen"
        program = ("import os, signal\n"
                   "seen = os.open('student/seen', os.O_WRONLY | os.O_CREAT | os.O_TRUNC)\n"
                   "for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:\n"
                   "    signal.signal(number, lambda n, frame: os.write(seen, b'%d\\n' % n) and os.write(1, b'%d\\n' % n) and n < 64 or os._exit(0))\n"
                   "print('ready', flush=True)\n"
                   "while True: signal.pause()\n")
        process = self.running("python3", "-c", program)
        for number in [getattr(signal, f"SIG{name}") for name in names] + [signal.SIGCONT, 34, 40, 64]:
            process.send_signal(number)
            if number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
                # Stopped as well, it passes on no output meanwhile, where that comes in messages.
                eventually(lambda: studentfs.process_stat(process.pid)[0] == "T", what="being stopped")
                # A SIGCONT takes those that stop and were not delivered yet away: the kernel's rule.
                eventually(lambda: b"%d" % number in seen.read_bytes().split(), what="the command's having got it")
                process.send_signal(signal.SIGCONT)
                self.assertEqual(process.stdout.readline(), b"%d\n" % number)
                number = signal.SIGCONT
            self.assertEqual(process.stdout.readline(), b"%d\n" % number)
        self.assertEqual(process.wait(50), 0)

    def test_what_kills(self):
        process = self.running("sh", "-c", "echo ready; exec sleep 100")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(50), 128 + signal.SIGTERM)

    def test_those_that_stop(self):
        """Also where the command leaves them to the kernel, which would drop them there."""
        for number in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
            # Threads that come into being: the C library blocks signals for that, and all want the processors.
            process = self.running("sh", "-c", "echo ready; exec student/student spin 20")
            spinning = eventually(lambda: [p for p, _ in studentfs.descendants(process.pid)
                                           if studentfs.command_line(p)[:2] == ["student/student", "spin"]])
            state = lambda: studentfs.process_stat(spinning[0])[0] + studentfs.process_stat(process.pid)[0]
            process.send_signal(number)
            eventually(lambda: state() == "TT", seconds=30, what=f"{number}: both being stopped")
            process.send_signal(signal.SIGCONT)
            eventually(lambda: "T" not in state(), seconds=30, what="both going on")
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(50), 128 + signal.SIGINT)

    def test_early_ones_wait(self):
        """Sent before there is even an agent: it arrives all the same, or nothing is left."""
        process = self.place.start(*self.options, "sleep", "100", stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        eventually(lambda: any(line.startswith("SigCgt:") and int(line.split()[1], 16) & (1 << 14) for line in
                               pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines()))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(50), 128 + signal.SIGTERM, process.stderr.read())

    def test_killed(self):
        """Nobody can catch that: the agent follows, and the next run clears the directory."""
        process = self.running("sh", "-c", "echo ready; sleep 100")
        below = studentfs.descendants(process.pid)
        process.kill()
        process.wait()
        eventually(lambda: not any(studentfs.is_alive(p) for p in below), studentfs.GONE_SECONDS, "the end of all")
        self.ended(self.run_student("true"), 0)
        self.assertEqual(self.place.left(), [])


class SignalsInMessages(Signals):
    options = ("--transport", "message")


class Terminal(Case):
    """A shell's user before it."""

    def terminal(self, *words, **more):
        ours, theirs = pty.openpty()
        process = self.place.start(*words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), **more)
        self.addCleanup(os.close, ours)
        self.addCleanup(self.end, process)
        self.addCleanup(os.close, theirs)
        return process, ours, theirs

    def expect(self, terminal, text):
        seen = b""
        while text not in seen:
            self.assertTrue(select.select([terminal], [], [], 30)[0], f"no {text} in {seen}")
            seen += os.read(terminal, 1000)
        return seen

    def test_it_is_one_for_the_command(self):
        process, ours, _ = self.terminal("sh", "-c", "test -t 0 && test -t 1 && echo yes; read x; echo got $x")
        self.expect(ours, b"yes")
        os.write(ours, b"line\n")
        self.expect(ours, b"got line")
        self.assertEqual(process.wait(50), 0)

    def test_window_size(self):
        program = ("import os, signal\n"
                   "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])\n"
                   "print('ready', flush=True)\n"
                   "signal.sigwait([signal.SIGWINCH])\n"
                   "print('%dx%d' % os.get_terminal_size(), flush=True)\n")
        process, ours, _ = self.terminal("python3", "-c", program)
        self.expect(ours, b"ready")
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        self.expect(ours, b"77x33")
        self.assertEqual(process.wait(50), 0)

    def test_keys(self):
        process, ours, _ = self.terminal("sh", "-c", "trap 'echo int' INT; echo ready; while :; do sleep 0.05; done")
        self.expect(ours, b"ready")
        os.write(ours, b"\x03")
        self.expect(ours, b"int")
        os.write(ours, b"\x1c")  # ^\
        self.assertEqual(process.wait(50), 128 + signal.SIGQUIT)

    def shell(self):
        """A person's, with jobs."""
        environment = self.place.environment(PATH=f"{studentfs.BIN}:{os.environ['PATH']}", PS1="$ ", TERM="dumb")
        process, ours, theirs = self.terminal("--norc", "-i", program="bash", environment=environment)
        self.expect(ours, b"$ ")

        def says(line, *texts):
            os.write(ours, line)
            for text in texts:
                self.expect(ours, text)

        def leave():
            os.write(ours, b"\x03\nkill -9 %1; exit\nexit\n")
            process.kill()

        self.addCleanup(leave)
        del theirs
        return says

    def test_in_the_background(self):
        """What is typed is the shell's: the command reads nothing of it."""
        for mode in (b"fd", b"message"):
            says = self.shell()
            says(b"run_student --transport %s sh -c 'cat; echo rea''d' &\n" % mode, b"read\r\n")
            says(b"wait; echo mi''ne\n", b"mine\r\n")

    def test_stopped_and_continued(self):
        """By messages it is this program that reads, and which a terminal stops in the background."""
        says = self.shell()
        says(b"run_student --transport message sh -c 'echo rea''dy; cat'\n", b"ready\r\n")
        says(b"one\n", b"one\r\none\r\n")
        says(b"\x1a", b"Stopped")
        says(b"bg\n", b"&")
        says(b"wait %1; echo fi''rst\n\n", b"first\r\n")  # until it is stopped, by the line that nobody reads
        says(b"fg\n", b"run_student")
        says(b"two\n", b"two\r\ntwo\r\n")
        says(b"\x04", b"$ ")
        says(b"echo it ended with $?\n", b"it ended with 0\r\n")

    def test_what_it_changed_is_put_back(self):
        process, ours, theirs = self.terminal("sh", "-c", "stty raw -echo; echo ready; kill -9 $$")
        before = termios.tcgetattr(theirs)
        self.expect(ours, b"ready")
        self.assertEqual(process.wait(50), 137)
        self.assertEqual(termios.tcgetattr(theirs), before)


class Ssh(Case):
    """ssh_student(1), with OpenSSH's client."""

    def session(self, *words):
        process = self.place.start("--hard-time", "60", *words, program=studentfs.BIN / "ssh_student",
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    def login(self, process):
        where, password = process.stdout.readline().decode(), process.stdout.readline().decode()
        self.assertRegex(where, r"^ssh -p \d+ worker@127\.0\.0\.1\n$")
        self.assertRegex(password, "^password: .+\n$")
        return types.SimpleNamespace(user="worker", host="127.0.0.1", port=where.split()[2],
                                     password=password.split()[1])

    def inside(self, login, command):
        result = subprocess.run(**test_ssh.client(self.place.base, login, command), capture_output=True, timeout=30,
                                check=False, stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_a_session(self):
        process = self.session("--setup-script", "sh -c 'echo setup; echo x > student/made'", "--teardown-script",
                               "cp student/made student/torn")
        self.assertEqual(process.stdout.readline(), b"setup\n")
        self.assertEqual(self.inside(self.login(process), "id -u; cat student/made"), b"4242\nx\n")
        self.assertEqual((process.wait(30), process.stderr.read()), (0, b""))
        eventually((self.place.student / "torn").exists)

    def test_without_a_command(self):
        process = self.session()
        self.assertEqual(self.inside(self.login(process), "echo inside"), b"inside\n")
        self.assertEqual(process.wait(30), 0)

    def test_a_signal_ends_it(self):
        """Also while nobody has come; and what is to be run in the end is."""
        for mode, number in (("fd", signal.SIGINT), ("message", signal.SIGTERM)):
            process = self.session("--transport", mode, "--teardown-script", "touch student/torn")
            self.login(process)
            process.send_signal(signal.SIGUSR1)  # is for nobody
            process.send_signal(number)
            self.assertEqual((process.wait(30), process.stderr.read()), (128 + number, b""))
            self.assertTrue((self.place.student / "torn").exists())
            (self.place.student / "torn").unlink()

    def test_an_early_signal_ends_it(self):
        """One that came before there was a session."""
        process = self.session()
        eventually(lambda: int(pathlib.Path(f"/proc/{process.pid}/status").read_text().split("SigCgt:")[1].split()[0], 16)
                   & 1 << signal.SIGTERM - 1, what="that it catches signals")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 143)

    def test_an_agent_of_its_own_is_told(self):
        process = self.session("--ssh-wait", "1", "--ssh-address", "127.0.0.1")
        self.login(process)
        self.assertEqual(process.wait(30), 253)
        self.assertRegex(process.stderr.read(), b"^ssh_student: 253: nobody came .* within 1 s\n$")
        process = self.session("--ssh-address", "nowhere")
        self.assertEqual(process.wait(30), 251)
        self.assertIn(b"--ssh-address nowhere: not a numeric address", process.stderr.read())

    def test_a_command_and_its_arguments(self):
        process = self.session("--", "printf", "%s|\\n", "a  b")
        self.assertEqual(process.stdout.readline(), b"a  b|\n")
        self.inside(self.login(process), "true")
        self.assertEqual(process.wait(30), 0)


class Left(Case):
    """Private directories that nobody is in any more are removed, and no others."""

    def make(self, name, owner=None, mode=0o700):
        directory = self.place.runtime / f"studentfs-{os.geteuid()}-once-{name}"
        directory.mkdir()
        (directory / "file").touch()
        directory.chmod(mode)
        if owner is not None:
            os.chown(directory, owner, owner)
        return directory

    def test_which_ones(self):
        left, open_to_all = self.make("0"), self.make("1", mode=0o777)
        others = [open_to_all]
        if os.geteuid() == 0:
            others.append(self.make("2", owner=4242))
        link = self.place.runtime / f"studentfs-{os.geteuid()}-once-3"
        link.symlink_to(self.place.student)
        used = self.make("4")
        lock = os.open(used, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.ended(self.run_student("true"), 0)
        os.close(lock)
        self.assertFalse(left.exists())
        for directory in (*others, used):
            self.assertTrue((directory / "file").exists(), directory)
            shutil.rmtree(directory)
        self.assertTrue((self.place.student / "student").exists())
        link.unlink()


class Unchanged(Case):
    """A script that was written for INGInious's commands."""

    SCRIPT = """
output=`run_student --time 20 --hard-time 60 --memory 100 student/script.sh`
[ "$output" = "from the script" ] || exit 1
run_student --time 5 "cat student/script.sh" | grep -q "from the script" || exit 2
run_student python3 -c 'import sys; sys.exit(len(sys.stdin.read()))' < student/script.sh
[ $? = $(wc -c < student/script.sh) ] || exit 3
run_student --hard-time 1 sleep 100 2> /dev/null
[ $? = 253 ] || exit 4
run_student --container nosuch true 2> /dev/null
[ $? = 254 ] || exit 5
run_student --run-as-root --share-network --teardown-script "touch student/torn" true || exit 6
"""

    def test_a_grader(self):
        script = self.place.student / "script.sh"
        script.write_text("#!/bin/sh\necho from the script\n")
        script.chmod(0o755)
        environment = self.place.environment(PATH=f"{studentfs.BIN}:{os.environ['PATH']}")
        result = subprocess.run(["bash", "-c", self.SCRIPT], cwd=self.place.task, env=environment, timeout=55, check=False,
                                stdin=subprocess.DEVNULL)
        self.assertEqual(result.returncode, 0)
        eventually((self.place.student / "torn").exists)


class OrdinaryUser(Case):
    NOBODY = 65534
    AS_NOBODY = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")

    def test_a_run(self):
        """Nothing of it takes root: the sandbox is in a user namespace."""
        if os.geteuid() != 0:
            self.skipTest("all other tests are as an ordinary user")
        if subprocess.run([*self.AS_NOBODY, "unshare", "-U", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("the kernel gives an ordinary user no user namespace")
        programs = self.place.base / "bin"
        programs.mkdir()
        for name in ("run_student", "studentfs-agent", "student-init"):
            shutil.copy(studentfs.BIN / name, programs)
        for top, names, files in os.walk(self.place.base):
            for path in [top, *(os.path.join(top, name) for name in names + files)]:
                os.chown(path, self.NOBODY, self.NOBODY)
        result = subprocess.run([*self.AS_NOBODY, programs / "run_student", "sh", "-c", "id -u; cat; exit 4"], input=b"text\n",
                                capture_output=True, cwd=self.place.task, env=self.place.environment(), timeout=50,
                                check=False)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (4, b"4242\ntext\n", b""))


class Many(Case):
    def test_fifty_at_once(self):
        processes = [self.place.start("sh", "-c", f"cat; exit {n}", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                     for n in range(50)]
        for n, process in enumerate(processes):
            process.stdin.write(b"%d\n" % n)
            process.stdin.close()
        for n, process in enumerate(processes):
            self.assertEqual((process.stdout.read(), process.wait(50)), (b"%d\n" % n, n))
            process.stdout.close()


if __name__ == "__main__":
    studentfs.main()
