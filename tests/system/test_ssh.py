"""Sessions by ssh, with OpenSSH's client: what comes in, what it sees, how it ends."""

import contextlib
import errno
import fcntl
import os
import pathlib
import pty
import re
import secrets
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import termios
import threading
import time
import unittest

import msgpack
import zmq

import studentfs
import test_environments
from studentfs import eventually

# A person's fingers are not in the way here: what does not come by then does not come.
SOON = 20
WRONG_MAX, TRIES_MAX = 60, 3


class Login:
    """What ssh_login says."""

    def __init__(self, run):
        values = dict(line.split(": ", 1) for line in run.text("ssh_login").splitlines())
        self.user, self.password = values["user"], values["password"]
        self.host, self.port = values["host"], int(values["port"])


def client(directory, login, *words, password=None, options=()):
    """The words of OpenSSH's client, and the environment in which it gets the password."""
    ask = pathlib.Path(directory) / "askpass"
    if not ask.exists():
        ask.write_text('#!/bin/sh\nprintf x >> "$PROMPTS"\nprintf "%s\\n" "$PASSWORD"\n')
        ask.chmod(0o755)
    environment = dict(
        os.environ, SSH_ASKPASS=str(ask), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0",
        PASSWORD=password or login.password, PROMPTS=str(ask.with_name("prompts")), TERM="vt100")
    command = ["ssh", "-F", "/dev/null", "-p", str(login.port)]
    for option in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
                   "PreferredAuthentications=password", "NumberOfPasswordPrompts=10", "PubkeyAuthentication=no",
                   *options):
        command += ["-o", option]
    return {"args": command + [f"{login.user}@{login.host}", *words], "env": environment}


# As an ordinary user, with a /dev/fuse of its own that everybody may open.
ORDINARY = r"""
set -e
mknod -m 0666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
shift
exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=+all env -i PATH="$PATH" "$@"
"""


class Terminal:
    """A client in a terminal of its own, as a person has it."""

    def __init__(self, directory, login, *words, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen(
            **client(directory, login, *words, options=["RequestTTY=force"]),
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.seen = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern):
        """Reads until the pattern is there; returns its match and forgets what was before."""
        end = time.monotonic() + SOON
        while not re.search(pattern, self.seen):
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"the end, and no {pattern!r} in {self.seen!r}")
            self.seen += data.decode("utf-8", "replace")
        match = re.search(pattern, self.seen)
        self.seen = self.seen[match.end():]
        return match

    def close(self):
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        os.close(self.master)


class Sessions(studentfs.TestCase):
    mount_options = ("--hard-time-limit", "60")

    def session(self, command="", **settings):
        """A run whose session is up, and how to get into it."""
        run = self.mount.make()
        self.addCleanup(lambda: os.path.exists(run.path) and run.remove())
        for name, value in {"ssh": 1, **settings}.items():
            run.write(name, value)
        run.write("cmd", command)
        return run, Login(run)

    def ssh(self, login, *words, stdin=b"", **more):
        return subprocess.run(
            **client(self.mount.base, login, *words, **more), input=stdin, capture_output=True, timeout=SOON,
            check=False)

    def background(self, login, *words):
        """A client that goes on."""
        process = subprocess.Popen(
            **client(self.mount.base, login, *words), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

        def end():
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

        self.addCleanup(end)
        return process

    def terminal(self, login, *words, **more):
        terminal = Terminal(self.mount.base, login, *words, **more)
        self.addCleanup(terminal.close)
        return terminal

    def holding(self, login):
        """A session that is there, until its input ends."""
        process = self.background(login, "echo here; cat")
        self.assertEqual(process.stdout.readline(), b"here\n")
        return process

    # --- the login ---

    def test_the_file_waits_and_is_the_owners(self):
        run = self.mount.make()
        self.addCleanup(run.remove)
        self.assertEqual(stat.S_IMODE(os.stat(run.file("ssh_login")).st_mode), 0o400)
        fd = os.open(run.file("ssh_login"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        self.assert_errno(errno.EAGAIN, os.read, fd, 100)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        run.write("ssh", 1)
        self.assertEqual(poll.poll(0), [])
        run.write("cmd", "sleep 0.3")
        self.assertEqual(poll.poll(SOON * 1000), [(fd, select.POLLIN)])
        text = os.read(fd, 1000).decode()
        self.assertRegex(text, r"\Auser: worker\npassword: [a-z2-9]{20}\nhost: 127\.0\.0\.1\nport: \d+\n\Z")
        self.assertEqual(run.text("ssh_login"), text)
        self.assertEqual((run.status()["state"], run.status()["ssh"]), ("running", "up"))

    def test_no_session_is_an_empty_login(self):
        run = self.mount.run("true")
        self.assertEqual(run.text("ssh_login"), "")
        run = self.mount.run("no-such-command", ssh=1)
        self.assertEqual(run.text("ssh_login"), "")
        self.assert_ended(run, 127, "failed", "no-such-command")

    def test_without_a_command(self):
        run = self.mount.make()
        self.assert_errno(errno.EINVAL, run.write, "cmd", "  ")
        run.write("ssh", 1)
        run.write("cmd", "  ")
        self.assertEqual(self.ssh(Login(run), "echo in").stdout, b"in\n")
        self.assert_ended(run, 0, "exited")
        self.assertEqual(run.read("stdout"), b"")

    def test_the_command_comes_first(self):
        run, login = self.session("sh -c 'sleep 1000 & echo made > student/made; echo out; echo err >&2; exit 9'",
                                  working_dir="/task")
        self.assertEqual((run.read("stdout")[:4], run.read("stderr")[:4]) if run.state() == "ended" else None, None)
        answer = self.ssh(login, "cat student/made; pgrep -x sleep > /dev/null && echo alive")
        self.assertEqual(answer.stdout, b"made\nalive\n", answer)
        self.assert_ended(run, 0, "exited")
        self.assertEqual((run.read("stdout"), run.read("stderr")), (b"out\n", b"err\n"))

    # --- single commands ---

    def test_exit_codes(self):
        _, login = self.session()
        hold = self.holding(login)
        for code in (0, 1, 77, 254):
            self.assertEqual(self.ssh(login, f"exit {code}").returncode, code)
        self.assertEqual(self.ssh(login, "no-such-command").returncode, 127)
        self.assertEqual(self.ssh(login, "kill -KILL $$").returncode, 255)  # as OpenSSH tells a signal
        hold.stdin.close()

    def test_bytes_are_bytes(self):
        """Both ways, more than any buffer, and the end of the input."""
        _, login = self.session()
        data = secrets.token_bytes(5_000_001)
        hold = self.holding(login)
        answer = self.ssh(login, "cat", stdin=data)
        self.assertEqual((answer.returncode, answer.stderr), (0, b""))
        self.assertTrue(answer.stdout == data, "stdout is not what went in")
        answer = self.ssh(login, "cat >&2; wc -c < /dev/null", stdin=data)
        self.assertEqual(answer.stdout, b"0\n")
        self.assertTrue(answer.stderr == data, "stderr is not what went in")
        hold.stdin.close()

    def test_input_that_nobody_reads(self):
        run, login = self.session()
        answer = self.ssh(login, "exec 0<&-; sleep 0.2; echo done", stdin=b"x" * 3_000_000)
        self.assertEqual((answer.returncode, answer.stdout), (0, b"done\n"))
        self.assert_ended(run, 0, "exited")

    def test_input_without_end(self):
        """The program's end is seen, though what comes for it does not stop."""
        run, login = self.session()
        with subprocess.Popen(["yes"], stdout=subprocess.PIPE) as endless:
            answer = subprocess.run(
                **client(self.mount.base, login, "exec 0<&-; sleep 0.2; echo done"), stdin=endless.stdout,
                capture_output=True, timeout=SOON, check=False)
            endless.kill()
        self.assertEqual((answer.returncode, answer.stdout), (0, b"done\n"))
        self.assert_ended(run, 0, "exited")

    def test_what_is_left_running_holds_nobody(self):
        run, login = self.session()
        self.assertEqual(self.ssh(login, "sleep 1000 & setsid sleep 1000 & echo gone").stdout, b"gone\n")
        self.assert_ended(run, 0, "exited")

    def test_no_other_doors(self):
        """No forwarding, no subsystem, no agent."""
        _, login = self.session()
        hold = self.holding(login)
        self.assertNotEqual(self.ssh(login, "sftp", options=["SessionType=subsystem"]).returncode, 0)
        answer = self.ssh(login, "true", options=["LocalForward=0 127.0.0.1:1", "ExitOnForwardFailure=yes",
                                                  "RemoteForward=0 127.0.0.1:1"])
        self.assertNotEqual(answer.returncode, 0)
        hold.stdin.close()

    def copy(self, login, *words):
        """By OpenSSH's scp, or sftp."""
        ssh = client(self.mount.base, login)
        options = [word for word in ssh["args"][3:-1] if word not in ("-p", str(login.port))]
        place = f"{login.user}@{login.host}:"
        return subprocess.run([words[0], "-F", "/dev/null", "-P", str(login.port), *options,
                               *(str(word).replace("HOST:", place) for word in words[1:])],
                              env=ssh["env"], stdin=subprocess.DEVNULL, capture_output=True, timeout=SOON, check=False)

    @unittest.skipUnless(shutil.which("scp") and shutil.which("sftp"), "needs scp and sftp")
    def test_copying_files(self):
        """By sftp, which scp takes as well, it is refused at once; by scp's own protocol it works."""
        run, login = self.session(working_dir="/task/student")
        hold = self.holding(login)
        source, back = (self.mount.base / name for name in ("source", "back"))
        source.write_bytes(os.urandom(300_000))
        for words in (("sftp", "HOST:"), ("scp", source, "HOST:copied")):
            began = time.monotonic()
            answer = self.copy(login, *words)
            self.assertNotEqual(answer.returncode, 0)
            self.assertIn(b"subsystem request failed", answer.stderr)
            self.assertLess(time.monotonic() - began, 10)
        for words in (("scp", "-O", source, "HOST:copied"), ("scp", "-O", "HOST:copied", back)):
            answer = self.copy(login, *words)
            self.assertEqual((answer.returncode, answer.stderr), (0, b""))
        self.assertEqual((self.mount.student / "copied").read_bytes(), source.read_bytes())
        self.assertEqual(back.read_bytes(), source.read_bytes())
        hold.stdin.close()
        self.assert_ended(run, 0, "exited")

    def test_a_signal_ends_it(self):
        """Whoever is in."""
        run, login = self.session()
        hold = self.holding(login)
        run.write("signal", "USR1")
        run.write("signal", "TERM")
        self.assert_ended(run, 143, "signal", "killed by signal 15")
        self.assertEqual(hold.wait(SOON), 255)

    # --- terminals ---

    def test_a_terminal(self):
        run, login = self.session(working_dir="/task/student")
        terminal = self.terminal(login, rows=31, columns=97)
        terminal.type("PS1='>'' '; stty size; echo $TERM $(pwd) $(tty) $$\n")
        terminal.expect(r"31 97\r\n")
        terminal.expect(r"vt100 /task/student /dev/pts/\d+ \d+\r\n")
        terminal.expect("> ")
        terminal.resize(50, 132)
        os.kill(terminal.process.pid, signal.SIGWINCH)
        # It is told to the server, which tells the terminal: asked until it has been.
        terminal.type("until [ \"$(stty size)\" = '50 132' ]; do sleep 0.01; done; echo re''sized\n")
        terminal.expect(r"resized\r\n.*> ")
        terminal.type("echo re''ady; cat\n")
        terminal.expect("ready\r\n")
        terminal.type("hello\n")
        terminal.expect("hello\r\nhello\r\n")
        terminal.type("\x03")  # Ctrl-C is the foreground's
        terminal.expect("> ")
        terminal.type("sh -c 'echo sl''eeps; exec sleep 1000'\n")
        terminal.expect("sleeps\r\n")
        terminal.type("\x1a")  # Ctrl-Z: jobs are controlled
        terminal.expect("Stopped")
        terminal.type("kill %1; exit 5\nexit 5\n")  # the first may be told of stopped jobs
        self.assertEqual(terminal.process.wait(SOON), 5)
        self.assert_ended(run, 0, "exited")

    def test_the_last_words_of_a_terminal(self):
        """What a program writes right before its end comes, all of it."""
        _, login = self.session()
        hold = self.holding(login)
        for _ in range(5):
            terminal = self.terminal(login, "seq 1 20000; echo end''ed")
            terminal.expect("20000\r\nended\r\n")
            self.assertEqual(terminal.process.wait(SOON), 0)
        hold.stdin.close()

    # --- who is in ---

    def test_two_at_once(self):
        run, login = self.session()
        first, second = self.holding(login), self.holding(login)
        self.assertEqual(self.ssh(login, "pgrep -xc cat").stdout, b"2\n")
        first.stdin.close()
        self.assertEqual(first.wait(SOON), 0)
        self.assertEqual(run.state(), "running")
        second.stdin.write(b"still\n")
        second.stdin.flush()
        self.assertEqual(second.stdout.readline(), b"still\n")
        second.stdin.close()
        self.assert_ended(run, 0, "exited")

    def test_no_more_than_eight(self):
        run, login = self.session()
        holding = [self.holding(login) for _ in range(8)]
        self.assertEqual(self.ssh(login, "true").returncode, 255)
        holding[0].stdin.close()
        eventually(lambda: self.ssh(login, "true").returncode == 0, SOON)
        for process in holding[1:]:
            process.stdin.close()
        self.assert_ended(run, 0, "exited")

    def test_two_runs_are_apart(self):
        (one, first), (other, second) = self.session(), self.session()
        self.assertNotEqual(first.password, second.password)
        self.assertEqual(self.ssh(first, "true", password=second.password).returncode, 255)
        hold = self.holding(first)
        answer = self.ssh(second, "pgrep -x cat; ls /dev/pts; echo mine > /tmp/mine")
        self.assertNotRegex(answer.stdout, rb"(?m)^\d+$")
        self.assert_ended(other, 0, "exited")
        self.assertEqual(one.state(), "running")
        hold.stdin.close()
        self.assert_ended(one, 0, "exited")

    def test_wrong_passwords(self):
        """Three to a connection, sixty in all; who is in stays in."""
        run, login = self.session()
        hold = self.holding(login)
        prompts = pathlib.Path(self.mount.base, "prompts")
        prompts.unlink(missing_ok=True)
        for _ in range(WRONG_MAX // TRIES_MAX):
            self.assertEqual(self.ssh(login, "true", password="wrong").returncode, 255)
        self.assertEqual(prompts.stat().st_size, WRONG_MAX)
        self.assertEqual(self.ssh(login, "true").returncode, 255)
        hold.stdin.write(b"still\n")
        hold.stdin.flush()
        self.assertEqual(hold.stdout.readline(), b"still\n")
        hold.stdin.close()
        self.assert_ended(run, 0, "exited")

    def test_wrong_passwords_before_anybody_came(self):
        run, login = self.session()
        for _ in range(WRONG_MAX // TRIES_MAX):
            self.ssh(login, "true", password="wrong")
        self.assert_ended(run, 253, "wall_time", "wrong passwords")

    def test_another_users_name(self):
        _, login = self.session()
        login.user = "root"
        self.assertEqual(self.ssh(login, "true").returncode, 255)

    def test_noise_at_the_door(self):
        """Whoever speaks no ssh, or nothing, keeps nobody out."""
        run, login = self.session()
        with contextlib.ExitStack() as stack:
            for noise in (b"", b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n" + secrets.token_bytes(4000), b"\0" * 300):
                line = stack.enter_context(socket.create_connection((login.host, login.port), SOON))
                line.sendall(noise)
            self.assertEqual(self.ssh(login, "echo in").stdout, b"in\n")
        self.assert_ended(run, 0, "exited")

    # --- leaving ---

    def test_a_client_that_is_killed(self):
        run, login = self.session()
        process = self.holding(login)
        process.kill()
        self.assert_ended(run, 0, "exited")

    def test_a_terminal_that_is_closed(self):
        run, login = self.session()
        hold = self.holding(login)
        terminal = self.terminal(login)
        terminal.type("sleep 1000\n")
        eventually(lambda: self.ssh(login, "pgrep -xc sleep").stdout == b"1\n", SOON)
        terminal.process.kill()
        eventually(lambda: self.ssh(login, "pgrep -xc sleep").stdout == b"0\n", SOON)
        hold.stdin.close()
        self.assert_ended(run, 0, "exited")

    def test_a_line_that_is_reset(self):
        """By a relay in between: the client lives, its connection ends with an RST."""
        run, login = self.session()
        listener = socket.create_server(("127.0.0.1", 0))
        cut, scissors = os.pipe()

        def relay(port):
            near = listener.accept()[0]
            far = socket.create_connection((login.host, port))
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while True:
                ready = select.select([near, far, cut], [], [])[0]
                if cut in ready:
                    far.close()
                    near.close()
                    return
                for line in ready:
                    (far if line is near else near).sendall(line.recv(65536))

        thread = threading.Thread(target=relay, args=[login.port])
        thread.start()
        login.port = listener.getsockname()[1]
        self.holding(login)
        os.close(scissors)
        self.assert_ended(run, 0, "exited")
        thread.join()
        os.close(cut)
        listener.close()

    def test_removed_meanwhile(self):
        run, login = self.session()
        process = self.holding(login)
        run.remove()
        self.assertNotEqual(process.wait(SOON), 0)
        self.assert_refused(login)

    def assert_refused(self, login):
        """Nobody listens there any more."""

        def is_refused():
            try:
                socket.create_connection((login.host, login.port), SOON).close()
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:
                pass  # it went just then
            return False

        eventually(is_refused, SOON)

    def test_it_is_closed_after_the_end(self):
        run, login = self.session()
        self.ssh(login, "true")
        self.assert_ended(run, 0, "exited")
        self.assert_refused(login)

    def test_the_line_holds_a_reader_that_stops(self):
        """What is not read waits with the program, not in the server."""
        run, login = self.session()
        hold = self.holding(login)
        slow = self.background(login, "head -c 300000000 /dev/zero; echo done >&2")
        slow.stdout.read(1000)

        def written():
            # Each look is a session of its own, longer than a server takes for what a pipe holds.
            answer = self.ssh(login, "cat /proc/$(pgrep -x head)/io").stdout.decode()
            self.assertIn("wchar: ", answer, "the program was not held")
            return int(re.search(r"wchar: (\d+)", answer)[1])

        eventually(lambda: written() == written(), SOON, "a program that stands still")
        servers = [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                   if studentfs.program_of(pid) == "studentfs-ssh"]
        self.assertGreaterEqual(len(servers), 3)
        if not studentfs.SANITIZED:
            for pid in servers:
                pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
                self.assertLess(pages * 4096, 60 << 20)
        slow.kill()
        hold.stdin.close()
        self.assert_ended(run, 0, "exited")

    # --- what it may see ---

    def test_scripts_are_closed_meanwhile(self):
        scripts = self.mount.student / "scripts"
        scripts.mkdir()
        self.addCleanup(shutil.rmtree, scripts)
        scripts.chmod(0o777)
        (scripts / "secret").write_text("solution")
        run, login = self.session("cat student/scripts/secret", working_dir="/task",
                                  teardown_script="cp student/scripts/secret student/after")
        self.assertEqual(stat.S_IMODE(scripts.stat().st_mode), 0)
        answer = self.ssh(login, "ls student/scripts; cat student/scripts/secret; chmod 777 student/scripts")
        self.assertNotEqual(answer.returncode, 0)
        self.assertNotIn(b"solution", answer.stdout)
        self.assert_ended(run, 0, "exited")
        self.assertEqual(run.read("stdout"), b"solution")
        eventually(lambda: (self.mount.student / "after").exists(), SOON)
        self.assertEqual((self.mount.student / "after").read_text(), "solution")
        self.assertEqual(stat.S_IMODE(scripts.stat().st_mode), 0o777)

    def test_the_log(self):
        log = self.mount.student / ".ssh_logs"
        log.unlink(missing_ok=True)
        run, login = self.session()
        hold = self.holding(login)
        self.ssh(login, "echo shown; echo error >&2")
        terminal = self.terminal(login)
        terminal.type("echo ty''ped\nexit\n")
        terminal.process.wait(SOON)
        hold.stdin.close()
        self.assert_ended(run, 0, "exited")
        text = log.read_text()
        self.assertEqual(len(re.findall(r"(?m)^LOGIN: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$", text)), 3)
        self.assertEqual(len(re.findall(r"(?m)^LOGOUT: ", text)), 3)
        for words in ("$ echo shown; echo error >&2\n", "shown\n", "error\n", "typed"):
            self.assertIn(words, text)
        self.assertNotIn(login.password, text)

    def test_a_log_that_is_no_file(self):
        """The student has put something else there: it is left alone, and the session is none the worse."""
        log = self.mount.student / ".ssh_logs"
        outside = self.mount.base / "outside"
        outside.write_text("")
        outside.chmod(0o666)
        for make in (lambda: log.symlink_to(outside), lambda: log.mkdir(), lambda: os.mkfifo(log)):
            log.unlink(missing_ok=True)
            make()
            run, login = self.session()
            self.assertEqual(self.ssh(login, "echo in").stdout, b"in\n")
            self.assert_ended(run, 0, "exited")
            if log.is_dir():
                log.rmdir()
        log.unlink()
        self.assertEqual(outside.read_text(), "")

    def test_the_student_is_the_student(self):
        _, login = self.session()
        hold = self.holding(login)
        answer = self.ssh(login, "id -u; id -G; grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; "
                                 "ulimit -n; echo $HOME; ls /proc/self/fd | wc -l")
        lines = answer.stdout.decode().split()
        self.assertEqual(lines[:2], ["4242", "4242"])
        self.assertEqual(lines[2:10], ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"])
        self.assertEqual(lines[10:], ["4096", "/task", "4"])
        hold.stdin.close()

    def test_nothing_of_the_server_is_in_reach(self):
        """Neither the server's processes, nor a network, nor what init knows."""
        _, login = self.session()
        hold = self.holding(login)
        answer = self.ssh(login, "cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr '\\0' ' '")
        self.assertNotIn(b"studentfs-ssh", answer.stdout)
        self.assertNotIn(login.password.encode(), answer.stdout)
        for path in ("/proc/1/mem", "/proc/1/fd", "/proc/1/environ"):
            self.assertNotEqual(self.ssh(login, f"cat {path}/* {path}").returncode, 0)
        answer = self.ssh(login, "tail -n +2 /proc/net/tcp | wc -l; grep -c : /proc/net/dev; "
                                 f"exec 3<>/dev/tcp/127.0.0.1/{login.port} && echo reached")
        self.assertEqual(answer.stdout, b"0\n1\n")
        hold.stdin.close()

    def test_the_servers_own_sandbox(self):
        _, login = self.session()
        hold = self.holding(login)
        servers = [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                   if studentfs.program_of(pid) == "studentfs-ssh"]
        self.assertGreaterEqual(len(servers), 2)
        ours = os.readlink("/proc/self/ns/net")
        for pid in servers:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            self.assertRegex(status, r"(?m)^Uid:\t4243\t4243\t4243\t4243$")
            self.assertRegex(status, r"(?m)^Groups:\s*$")
            self.assertRegex(status, r"(?m)^CapEff:\t0{16}$")
            self.assertRegex(status, r"(?m)^NoNewPrivs:\t1$")
            self.assertRegex(status, r"(?m)^Seccomp:\t2$")
            self.assertNotEqual(os.readlink(f"/proc/{pid}/ns/net"), ours)
            self.assertEqual(
                set(os.listdir(f"/proc/{pid}/root")) - {"lib", "lib64", "lib32", "libx32"},
                {"usr", "etc", "dev", "proc", "studentfs-ssh"})
        hold.stdin.close()

    def test_root(self):
        run, login = self.session("id -u", start_student_as_root=1)
        self.assertEqual(login.user, "root")
        answer = self.ssh(login, "id -u; cat /proc/self/uid_map; : > /tmp/x; chmod 0 /tmp/x; cat /tmp/x; cat /etc/shadow")
        self.assertRegex(answer.stdout.decode(), r"\A0\n\s+0\s+0?\s*\d+\s+1\n\Z|\A0\n\s+0\s+\d+\s+1\n\Z")
        self.assertNotEqual(answer.returncode, 0)
        terminal_run, login = self.session(start_student_as_root=1)
        terminal = self.terminal(login)
        terminal.type("tty; exit 3\n")
        terminal.expect(r"/dev/pts/\d+\r\n")
        self.assertEqual(terminal.process.wait(SOON), 3)
        self.assert_ended(run, 0, "exited")
        self.assert_ended(terminal_run, 0, "exited")

    # --- limits ---

    def test_memory_in_a_session(self):
        run, login = self.session(memory_limit=40)
        self.ssh(login, "/task/student/student memory 200; head -c 200000000 /dev/zero | tail -c 190000000 | wc -c")
        self.assert_ended(run, 252, "memory")

    def test_cpu_time_in_a_session(self):
        run, login = self.session(time_limit=1, hard_time_limit=50)
        self.background(login, "while :; do :; done")
        self.assert_ended(run, 253, "cpu_time")

    def test_wall_clock_stands_still_until_somebody_comes(self):
        run, login = self.session(hard_time_limit=1)
        eventually(lambda: float(run.status()["wall"]) > 1.5, what="more wall-clock time than the limit")
        self.assertEqual(run.state(), "running")
        process = self.holding(login)
        self.assert_ended(run, 253, "wall_time")
        self.assertNotEqual(process.wait(SOON), 0)

    def test_processes_in_a_session(self):
        run, login = self.session(memory_limit=2000)
        hold = self.holding(login)
        program = ("import os, time\nn = 0\ntry:\n  while n < 2000:\n    if not os.fork(): time.sleep(1000)\n    n += 1\n"
                   "except OSError: print(n)\n")
        answer = self.ssh(login, "exec python3 -", stdin=program.encode())
        self.assertIn(int(answer.stdout), range(900, 1000))
        hold.stdin.close()
        self.assert_ended(run, 0, "exited")


class Alone(studentfs.TestCase):
    mount_options = None

    def test_nobody_comes(self):
        mount = self.own_mount("--ssh-wait", "1")
        run = mount.run("echo out", ssh=1)
        Login(run)
        self.assert_ended(run, 253, "wall_time", "nobody came .* within 1 s")
        self.assertEqual(run.read("stdout"), b"out\n")

    def session(self, mount, command, **settings):
        run = mount.make()
        for name, value in {"ssh": 1, **settings}.items():
            run.write(name, value)
        run.write("cmd", command)
        return run, Login(run)

    def test_a_stranger_who_says_nothing(self):
        mount = self.own_mount("--ssh-login-timeout", "1")
        run, login = self.session(mount, "")
        for said in (b"", b"SSH-2.0-x\r\n", os.urandom(100)):
            with socket.create_connection((login.host, login.port)) as stranger:
                stranger.settimeout(SOON)  # a minute is the default
                stranger.sendall(said)
                with contextlib.suppress(ConnectionResetError):
                    while stranger.recv(4096):
                        pass
        self.assertEqual(subprocess.run(**client(mount.base, login, "true"), timeout=SOON, check=False).returncode, 0)
        self.assert_ended(run, 0, "exited")

    def test_in_an_environment(self):
        """Its programs are those of the session, with a terminal and without; it may have no shell at all."""
        base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, base)
        base.chmod(0o755)
        small = test_environments.make_root(base / "small", "small")
        shutil.copytree(small, base / "bare", symlinks=True)
        (base / "bare/bin/sh").unlink()
        mount = self.own_mount("--environment", f"small={small}", "--environment", f"bare={base / 'bare'}")
        run, login = self.session(mount, "cat /opt/tool/marker", container="small")
        hold = subprocess.Popen(**client(mount.base, login, "echo here; cat"), stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        self.addCleanup(hold.stdout.close)
        self.addCleanup(hold.wait)
        self.assertEqual(hold.stdout.readline(), b"here\n")
        answer = subprocess.run(**client(mount.base, login, "cat /etc/os-release; ls /usr; id -u"), timeout=SOON,
                                capture_output=True, check=False)
        self.assertTrue(answer.stdout.startswith(b"NAME=small\n") and answer.stdout.endswith(b"4242\n"), answer)
        self.assertNotIn(b"share", answer.stdout)
        terminal = Terminal(mount.base, login, rows=31, columns=97)
        self.addCleanup(terminal.close)
        terminal.type("cat /opt/tool/marker; exit 3\n")
        terminal.expect("small")
        self.assertEqual(terminal.process.wait(SOON), 3)
        hold.stdin.close()
        self.assert_ended(run, 0, "exited")
        self.assertEqual(run.text("stdout"), "small")
        run, login = self.session(mount, "", container="bare")
        answer = subprocess.run(**client(mount.base, login, "true"), timeout=SOON, capture_output=True, check=False)
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn(b"could not be started", answer.stderr)
        self.assert_ended(run, 0, "exited")

    def test_in_message_mode(self):
        """The agent tells the client itself; the session is the same."""
        mount = self.own_mount("--transport", "message")
        run, login = self.session(mount, "sh -c 'echo out; echo err >&2'")
        answer = subprocess.run(**client(mount.base, login, "cat; echo x >&2; exit 4"), input=b"in",
                                capture_output=True, timeout=SOON, check=False)
        self.assertEqual((answer.returncode, answer.stdout, answer.stderr), (4, b"in", b"x\n"))
        self.assert_ended(run, 0, "exited")
        self.assertEqual((run.read("stdout"), run.read("stderr")), (b"out\n", b"err\n"))
        run, _ = self.session(mount, "")
        run.remove()

    def test_without_the_server_it_is_unavailable(self):
        """An agent beside which there is no studentfs-ssh."""
        with tempfile.TemporaryDirectory(prefix="studentfs-test-") as directory:
            for program in ("studentfs-agent", "student-init"):
                shutil.copy(studentfs.BIN / program, directory)
            mount = studentfs.Mount("--agent", os.path.join(directory, "studentfs-agent"))
            try:
                run = mount.run("true", stdin=None, ssh=1)
                self.assert_ended(run, 251, "unavailable", "ssh")
                self.assertEqual(run.text("ssh_login"), "")
                self.assertEqual(mount.run("true").retval(), 0)
            finally:
                mount.close()

    def test_the_place_is_for_who_knows_the_password(self):
        mount = self.own_mount()
        run, login = self.session(mount, "")
        sockets, = (path.parent for path in mount.runtime.glob("**/main.sock"))
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        socket_ = context.socket(zmq.DEALER)
        socket_.connect(f"ipc://{sockets}/main.sock")
        right = {"type": "ssh_student", "ssh_user": login.user, "ssh_key": login.password,
                 "container_id": run.status()["container_id"]}
        place = {"type": "ok", "host": login.host, "port": login.port}
        for changes, expected in (({}, place), ({"ssh_key": "guessed"}, {"type": "ok"}), ({"ssh_key": ""}, {"type": "ok"}),
                                  ({"container_id": "other"}, {"type": "ok"}), ({"ssh_user": "root"}, {"type": "ok"}),
                                  ({"ssh_key": None, "container_id": None}, {"type": "ok"})):
            socket_.send_multipart([b"", msgpack.packb({**right, **changes})])
            self.assertTrue(socket_.poll(SOON * 1000), "no answer")
            self.assertEqual(msgpack.unpackb(socket_.recv_multipart()[1]), expected, changes)
        run.remove()

    def test_ports(self):
        """One port, and two runs that want it."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        mount = self.own_mount("--ssh-ports", f"{port}-{port}")
        run = mount.run("true", ssh=1)
        self.assertEqual(Login(run).port, port)
        other = mount.run("true", ssh=1)
        self.assert_ended(other, 254, "failed", "ssh")
        run.remove()

    def test_bad_places(self):
        for options in (("--ssh-ports", "2-1"), ("--ssh-ports", "x"), ("--ssh-address", "localhost")):
            with self.assertRaises(AssertionError) as caught:
                self.own_mount(*options)
            self.assertIn(options[0][2:], str(caught.exception))

    def test_the_agent_is_killed(self):
        """What it has started goes with it: the server too."""
        mount = self.own_mount()
        run, login = self.session(mount, "")
        with subprocess.Popen(**client(mount.base, login, "echo here; cat"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            self.assertEqual(process.stdout.readline(), b"here\n")
            pid, _ = mount.agent()
            processes = studentfs.descendants(pid)
            os.kill(pid, signal.SIGKILL)
            self.assertNotEqual(process.wait(SOON), 0)
        self.assert_ended(run, 254, "failed", "agent|router")
        eventually(lambda: not any(map(studentfs.is_alive, processes)), SOON, "the end of its processes")

    def test_unmounted_meanwhile(self):
        """Ending the mount with somebody in, and somebody at the door, leaves nothing."""
        mount = studentfs.Mount()
        run = mount.run("true", ssh=1)
        login = Login(run)
        with subprocess.Popen(**client(mount.base, login, "echo here; cat"), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            self.assertEqual(process.stdout.readline(), b"here\n")
            with socket.create_connection((login.host, login.port)):
                mount.close()
            self.assertNotEqual(process.wait(SOON), 0)


class Ordinary(studentfs.TestCase):
    """An agent that is no root: the server has a user namespace, and so has the student."""

    mount_options = None

    def test_sessions_of_an_ordinary_users(self):
        base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, base, True)
        for name in ("mnt", "run", "task", "task/student", "task/student/scripts", "bin"):
            (base / name).mkdir()
            os.chown(base / name, 65534, 65534)
        base.chmod(0o755)
        (base / "run").chmod(0o700)
        for program in os.listdir(studentfs.BIN):
            if program.startswith("student"):
                shutil.copy(studentfs.BIN / program, base / "bin")
        ask = base / "askpass"
        ask.write_text(f"#!/bin/sh\nsed -n 's/^password: //p' {base}/mnt/t1/ssh_login\n")
        ask.chmod(0o755)
        script = base / "script"
        script.write_text(f"""
            trap 'fusermount3 -u {base}/mnt || fusermount3 -uz {base}/mnt' EXIT
            set -e
            cd {base}
            bin/studentfs --task task mnt
            for root in 0 1; do
                mkdir mnt/t1
                echo 1 > mnt/t1/ssh
                echo $root > mnt/t1/start_student_as_root
                echo > mnt/t1/cmd
                port=$(sed -n 's/^port: //p' mnt/t1/ssh_login)
                user=$(sed -n 's/^user: //p' mnt/t1/ssh_login)
                stat -c %a task/student/scripts
                SSH_ASKPASS={ask} SSH_ASKPASS_REQUIRE=force ssh -F none -o StrictHostKeyChecking=no -tt \\
                    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -p $port $user@127.0.0.1 \\
                    'id -u; [ -O $(tty) ] && echo my own terminal; exit 6' < /dev/null || echo $?
                cat mnt/t1/retval
                stat -c %a task/student/scripts
                rm -r mnt/t1
            done
            grep -c LOGOUT task/student/.ssh_logs
        """)
        result = subprocess.run(
            [*studentfs.OWN_MOUNTS, "sh", "-c", ORDINARY, "sh", base,
             f"XDG_RUNTIME_DIR={base}/run", "sh", script],
            capture_output=True, text=True, timeout=50, check=False)
        if "/dev/fuse" in result.stderr and "Operation not permitted" in result.stderr:
            self.skipTest(f"an ordinary user cannot mount here: {result.stderr.strip()}")
        self.assertEqual(
            result.stdout.replace("\r", ""),
            "0\n4242\nmy own terminal\n6\n0\n777\n0\n0\nmy own terminal\n6\n0\n777\n2\n", result.stderr)
        eventually(lambda: not list((base / "run").iterdir()), what="the private directory's end")


if __name__ == "__main__":
    if not shutil.which("ssh"):
        print("1..0 # SKIP needs ssh, OpenSSH's client")
    elif not (studentfs.BIN / "studentfs-ssh").exists():
        print("1..0 # SKIP studentfs was built without libssh")
    else:
        studentfs.main()
