"""What studentfs and its agent log: where to, with which levels; and what they tell a service manager."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

import studentfs


class Foreground(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        # A mount that never comes to be: only its directories are used.
        self.mount = self.own_mount()
        self.mount.unmount()
        studentfs.eventually(lambda: not studentfs.is_alive(self.mount.daemon))
        self.log = self.mount.base / "log"

    @contextlib.contextmanager
    def foreground(self, *options, journal=False, **environment):
        """studentfs -f with its standard error in a file, until it has ended."""
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.mount.runtime), **environment)
        with open(self.log, "wb") as log:
            stat = os.fstat(log.fileno())
            if journal:
                environment["JOURNAL_STREAM"] = f"{stat.st_dev}:{stat.st_ino}"
            process = subprocess.Popen([*self.mount.command()[:-1], "-f", *options, self.mount.point],
                                       stderr=log, env=environment)
            try:
                studentfs.eventually(lambda: self.mount.is_mounted() or process.poll() is not None)
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(30), 0, self.log.read_text())

    def lines(self):
        return self.log.read_text().splitlines()

    def kill_agent(self, process):
        self.mount.daemon = process.pid, studentfs.process_stat(process.pid)[2]
        os.kill(self.mount.agent()[0], signal.SIGKILL)
        studentfs.eventually(lambda: "starting another" in self.log.read_text())
        studentfs.eventually(self.mount.agent)

    def test_a_file(self):
        with self.foreground() as process:
            self.kill_agent(process)
        self.assertIn("studentfs: the agent was killed by signal 9; starting another", self.lines())
        for line in self.lines():
            self.assertRegex(line, "^studentfs(-agent)?: ")
        self.assertNotIn("mounted on", self.log.read_text())

    def test_the_journal(self):
        with self.foreground("--log-level", "info", journal=True) as process:
            self.kill_agent(process)
        self.assertIn("<3>the agent was killed by signal 9; starting another", self.lines())
        self.assertIn(f"<6>mounted on {self.mount.point}", self.lines())
        for line in self.lines():
            self.assertRegex(line, "^<[346]>")

    def test_not_the_journal_any_more(self):
        """JOURNAL_STREAM is of somebody's standard error, not of ours."""
        with self.foreground("--log-level", "info", JOURNAL_STREAM="8:1"):
            pass
        self.assertIn(f"studentfs: mounted on {self.mount.point}", self.lines())

    def test_levels(self):
        """debug tells of runs, on a line each whatever they are called."""
        with self.foreground("--log-level", "debug"):
            run = self.mount.make(os.fsdecode(b"a\nb\x9b\xc2\x9b\xe2\x80\xae\xc3\xa9"))
            run.start("true")
            run.retval()
            run.remove()
        for state in ("new", "running", "ended", "removed"):
            self.assertIn(f"studentfs: run a?b??????é: {state}", self.lines())
        with self.foreground("--log-level", "error") as process:
            os.kill(process.pid, signal.SIGCONT)
            run = self.mount.make()
        self.assertEqual(self.lines(), [])

    def test_what_the_agent_says_keeps_its_level(self):
        """An agent that writes as to the journal, and one that does not."""
        agent = self.mount.base / "agent"
        agent.write_text(f"#!/bin/sh\nprintf '<3>bad\\n<6>good\\n<4>tor' >&2; echo n >&2; echo raw >&2\n"
                         f"exec {studentfs.BIN}/studentfs-agent \"$@\"\n")
        agent.chmod(0o755)
        with self.foreground("--agent", str(agent)):
            studentfs.eventually(lambda: "raw" in self.lines())
        for line in ("studentfs-agent: bad", "studentfs-agent: torn", "raw"):
            self.assertIn(line, self.lines())
        self.assertNotIn("good", self.log.read_text())
        with self.foreground("--agent", str(agent), "--log-level", "info", journal=True):
            studentfs.eventually(lambda: "<4>raw" in self.lines())
        self.assertLessEqual({"<3>studentfs-agent: bad", "<6>studentfs-agent: good", "<4>studentfs-agent: torn"},
                             set(self.lines()))

    def test_no_such_level(self):
        for program, needed in (("studentfs", ["/nowhere"]), ("studentfs-agent", ["--sockets", "/nowhere"])):
            result = subprocess.run([studentfs.BIN / program, "--log-level", "loud", *needed], capture_output=True,
                                    text=True, timeout=30, check=False)
            self.assertEqual((result.returncode, result.stderr), (
                1, f"{program}: --log-level loud: not error, warning, info or debug\n"))

    def test_a_service_manager_is_told(self):
        for address in (str(self.mount.base / "notify"), f"\0studentfs-test-{os.getpid()}"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                manager.bind(address)
                manager.settimeout(20)
                with self.foreground(NOTIFY_SOCKET=address.replace("\0", "@")):
                    self.assertEqual(manager.recv(100), b"READY=1")
                    self.assertTrue(self.mount.is_mounted())
                    self.mount.make().remove()
                self.assertEqual(manager.recv(100), b"STOPPING=1")


class Background(studentfs.TestCase):
    mount_options = None

    @unittest.skipIf(os.path.lexists("/dev/log"), "this machine has a syslog of its own")
    def test_syslog(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
            syslog.bind("/dev/log")
            self.addCleanup(pathlib.Path("/dev/log").unlink)
            syslog.settimeout(20)
            mount = self.own_mount()
            os.kill(mount.agent()[0], signal.SIGKILL)
            # 27: daemon, error. Others of this machine may log as well.
            expected = re.compile(rb"<27>.* studentfs\[%d\]: the agent was killed by signal 9; starting another" % mount.daemon[0])
            while not expected.match(syslog.recv(4096)):
                pass
            studentfs.eventually(mount.agent)


if __name__ == "__main__":
    studentfs.main()
