"""Every return value from 251 to 254 on each of its causes at the agent, with its reason: the list
in run_student(1). What the client finds by itself is in test_router.py.
"""

import array
import contextlib
import os
import re
import shutil
import signal
import socket

import studentfs
import test_agent
from test_agent import pack


class Reasons(test_agent.AgentTest):
    """(name, what the client asks and gives, return value, termination, reason)"""

    def check(self, client, retval, termination, reason):
        message = self.ends(client, retval, termination=termination)
        self.assertRegex(message["reason"], f"^{reason}$")
        self.assertLess(len(message["reason"]), 512)
        self.assertNotIn("\n", message["reason"])
        return message

    def commanded(self, command, retval, termination, reason, changes=None, **asked):
        with self.subTest(command=command, changes=changes, **asked), self.agent.client() as client:
            client.start(command, changes=changes, receives_freely=True, **asked).close()
            self.check(client, retval, termination, reason)

    def test_limits(self):
        for command, asked, retval, termination, reason in (
                ("student/student hog", {"memory_limit": 32}, 252, "memory", "used more than 32 MiB of memory"),
                ("student/student spin 2", {"time_limit": 1, "hard_time_limit": 40}, 253, "cpu_time", "used more than 1 s of CPU time"),
                ("student/student sleep", {"hard_time_limit": 1}, 253, "wall_time", "ran longer than 1 s"),
                ("student/student sleep", {"time_limit_usec": 100000}, 253, "wall_time", "ran longer than 0.3 s, three times its CPU limit"),
                ("student/student spin 2", {"time_limit_usec": 300000, "hard_time_limit": 40}, 253, "cpu_time",
                 "used more than 0.3 s of CPU time")):
            self.commanded(command, retval, termination, reason, **asked)

    def test_commands(self):
        for command, retval, reason in (
                ("nosuch", 127, "nosuch: command not found"),
                ("/nosuch/at/all", 127, "/nosuch/at/all: command not found"),
                ("/etc", 126, r"/etc: cannot be executed \(no permission, or a directory\)"),
                ("student/text", 126, r"student/text: cannot be executed \(no permission, or a directory\)"),
                ("student/nothing", 126, r"student/nothing: not an executable format \(no #! line\?\)"),
                ("student/script", 126, r"student/script: its interpreter \(the #! line's, or the loader\) does not exist"),
                ("echo 'open", 254, "the command has an open quote or ends in a backslash"),
                ("echo \\", 254, "the command has an open quote or ends in a backslash"),
                ("echo a\0b", 254, "the command has a NUL byte in it")):
            self.commanded(command, retval, "failed", reason)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, text, mode in (("text", "x\n", 0o644), ("nothing", "x\n", 0o755), ("script", "#!/nosuch\n", 0o755)):
            path = cls.agent.student / name
            path.write_text(text)
            path.chmod(mode)
        (cls.agent.student / "closed").mkdir(mode=0o700)

    def test_working_directories(self):
        for path, reason in (("/nosuch", "/nosuch: No such file or directory"),
                             ("/task/student/text", "/task/student/text: Not a directory"),
                             ("/task/student/closed", "/task/student/closed: Permission denied"),
                             ("/task\0", "the working directory has a NUL byte in it")):
            self.commanded("true", 254, "failed", reason, {"working_dir": path})

    def test_users(self):
        not_root = r"the run was not asked for as root \(run_as_root\)"
        self.commanded("true", 251, "unavailable", not_root, {"user": "root"})
        self.commanded("true", 254, "failed", "the user is neither 'worker' nor 'root'", {"user": "nobody"})
        self.commanded("true", 254, "failed", "the run was asked for as root, the user is 'worker'", run_as_root=True)

    def test_ssh_that_was_not_asked_for(self):
        self.commanded("true", 251, "unavailable", "the run was not asked for with ssh", {"ssh": True})

    def refused(self, retval, termination, reason, **asked):
        with self.subTest(**asked), self.agent.client() as client:
            client.request(receives_freely=True, **asked)
            self.check(client, retval, termination, reason)

    def test_requests(self):
        self.refused(254, "failed", "no container 'nosuch' here; there is: default", environment="nosuch")
        self.refused(254, "failed", "cannot reach the client at pnobody.sock: No such file or directory",
                     socket_id="pnobody")

    def test_messages(self):
        for message, reason in (({"type": "nosuch"}, "the agent was sent a message that it does not know"),
                                ({"type": "run_student"}, "the agent was sent a message that is not complete")):
            with self.subTest(message), self.agent.client() as client:
                client.send(message)
                client.dummy()
                self.check(client, 254, "failed", reason)

    def handed(self, reason, give):
        with self.subTest(reason), self.agent.client() as client:
            client.request(receives_freely=True)
            client.started()
            client.accept()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                give(client)
            self.check(client, 254, "failed", reason)

    def test_hand_overs(self):
        def fds(count):
            return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * count))]

        self.handed("the client closed the connection before it had handed over a command",
                    lambda client: client.init.close())
        self.handed("the client did not hand over three descriptors", lambda client: client.init.sendmsg([b"S"], fds(2)))
        self.handed("what the client handed over is not a command",
                    lambda client: client.hand_over([0, 1, 2], pack({"type": "dummy_message"})))

    def test_a_sandbox_that_is_killed_from_outside(self):
        with self.agent.client() as client:
            client.start("student/student sleep", receives_freely=True).close()
            studentfs.eventually(self.agent.students)
            inits = [pid for pid, _ in studentfs.descendants(self.agent.process.pid)
                     if studentfs.program_of(pid) == "student-init" and
                     set(self.agent.students()) & {p for p, _ in studentfs.descendants(pid)}]
            os.kill(inits[0], signal.SIGKILL)
            self.check(client, 254, "failed", "the sandbox ended unexpectedly.*")


class Agents(studentfs.TestCase):
    """Of an agent that is made so."""

    mount_options = None
    check = Reasons.check
    ends = test_agent.AgentTest.ends
    agent = None

    def make(self, *options, **environment):
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            self.agent = test_agent.Agent(*options)
        finally:
            for name, value in before.items():
                os.environ[name] = value
        self.addCleanup(self.agent.close)

    def test_no_ssh_server(self):
        self.make("--ssh-server", "/nosuch")
        with self.agent.client() as client:
            client.request(receives_freely=True, ssh=True)
            self.check(client, 251, "unavailable", "ssh is not available: .*")

    def test_nobody_comes(self):
        self.make("--ssh-wait", "1")
        with self.agent.client() as client:
            client.start("true", changes={"ssh": True}, ssh=True, receives_freely=True).close()
            self.check(client, 253, "wall_time", "nobody came to the ssh session within 1 s")

    def test_a_sandbox_maker_that_fails(self):
        programs = self.broken_bwrap("echo 'bwrap: it does not work here' >&2; exit 1")
        self.make("--pool", "0", PATH=programs)
        with self.agent.client() as client:
            client.request(receives_freely=True)
            self.check(client, 254, "failed", "no sandbox: bwrap: it does not work here")
        with self.agent.client() as client:
            client.request(receives_freely=True, run_as_root=True)
            self.check(client, 251, "unavailable", "no sandbox to be root in: bwrap: it does not work here")

    def broken_bwrap(self, text):
        base = studentfs.pathlib.Path(studentfs.tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, base)
        base.chmod(0o755)
        (base / "bwrap").write_text(f"#!/bin/sh\n{text}\n")
        (base / "bwrap").chmod(0o755)
        return f"{base}:{os.environ['PATH']}"

    def test_stopped(self):
        self.make()
        with self.agent.client() as client:
            client.start("student/student sleep", receives_freely=True).close()
            studentfs.eventually(self.agent.students)
            self.agent.process.terminate()
            self.check(client, 254, "failed", "the agent was stopped|the sandbox ended unexpectedly: the agent was stopped")


class Documented(studentfs.TestCase):
    """The list in the manual holds what the agent's, init's and the engine's sources can say."""

    mount_options = None

    @staticmethod
    def plain(text):
        """Without quotes, numbers, names: what two tellings of one reason have in common."""
        return re.sub(r"[^a-z]+", " ", re.sub(r"%[-.*\d]*(?:l|z)*[a-zA-Z]|\\\\&|\\[-&]", "", text.lower())).strip()

    def test_the_list(self):
        manual = (studentfs.TOP / "docs/run_student.1").read_text()
        manual = manual[manual.index(".Sh EXIT STATUS"):manual.index(".Sh EXAMPLES")]
        listed = self.plain(manual)
        for text in ("used more than MiB of memory", "used more than s of CPU time", "ran longer than s",
                     "its files in the student's directory grew by more than", "nobody came to the ssh session",
                     "no ssh server", "the ssh server has ended", "the agent started no ssh server in time",
                     "a limit cannot be enforced here", "ssh is not available", "cannot reach the client at",
                     "the client did not hand over", "what the client handed over is not a command",
                     "the client closed the connection", "no container", "no sandbox", "no sandbox to be root in",
                     "the sandbox ended unexpectedly", "cannot become the student", "the agent was stopped", "the agent is out of memory or descriptors",
                     "the run was not asked for as root", "task systemfiles hosts", "no router at", "went away",
                     "the router did not answer in time", "the container did not ask for its command in time",
                     "the container did not take its command in time", "no return value came in time", "broken hand-over"):
            with self.subTest(text):
                said = self.plain(text.replace(" MiB of", " n mib of").replace("than s", "than n s"))
                self.assertIn(said, listed)


if __name__ == "__main__":
    studentfs.main()
