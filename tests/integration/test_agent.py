"""studentfs-agent alone, by a client that shares no code with it: Python's ZeroMQ and
msgpack, and the protocol as its manual has it.
"""

import array
import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile

import msgpack
import zmq

import studentfs


def pack(message):
    return msgpack.packb(message, use_bin_type=True)


class Client:
    """One run of a client: its ZeroMQ socket and its Unix socket."""

    def __init__(self, agent, kind=zmq.DEALER):
        self.agent = agent
        self.kind = kind
        self.zmq = agent.context.socket(kind)
        self.zmq.linger = 0
        self.zmq.connect(f"ipc://{agent.sockets}/main.sock")
        self.socket_id = "p" + secrets.token_hex(8)
        self.placeholder = agent.sockets / self.socket_id
        self.path = agent.sockets / f"{self.socket_id}.sock"
        self.placeholder.touch(exist_ok=False)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.path.chmod(0o666)
        self.listener.listen(1)
        self.listener.settimeout(20)
        self.init = None
        self.container_id = None

    def close(self):
        self.zmq.close()
        for one in (self.listener, self.init):
            if one:
                one.close()
        self.path.unlink(missing_ok=True)
        self.placeholder.unlink(missing_ok=True)

    def send(self, message):
        body = pack(message)
        self.zmq.send_multipart([body] if self.kind == zmq.REQ else [b"", body])

    def dummy(self):
        self.send({"type": "dummy_message"})

    def receive(self, seconds=20):
        if not self.zmq.poll(seconds * 1000):
            raise AssertionError(f"no message within {seconds} s")
        frames = self.zmq.recv_multipart()
        if self.kind != zmq.REQ:
            assert frames.pop(0) == b"", frames
        assert len(frames) == 1, frames
        return msgpack.unpackb(frames[0], raw=False)

    def is_silent(self, milliseconds=200):
        return not self.zmq.poll(milliseconds)

    def request(self, **changes):
        message = {
            "type": "run_student", "environment": None, "time_limit": 0, "hard_time_limit": 0, "memory_limit": 0,
            "share_network": False, "socket_id": self.socket_id, "ssh": False, "run_as_root": False}
        message.update(changes)
        self.send({key: value for key, value in message.items() if value != "absent"})

    def started(self):
        message = self.receive()
        assert message["type"] == "run_student_started", message
        self.container_id = message["container_id"]
        return message

    def accept(self):
        """init asks for the command with one byte."""
        self.init, _ = self.listener.accept()
        self.init.settimeout(20)
        assert self.init.recv(1) == b"H"

    def command_map(self, command, **changes):
        message = {
            "type": "run_student_command", "student_container_id": self.container_id, "command": command,
            "teardown_script": "", "working_dir": "/task", "ssh": False, "user": "worker"}
        message.update(changes)
        return pack(message)

    def hand_over(self, fds, data):
        rights = array.array("i", fds)
        self.init.sendmsg([b"S"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        self.init.sendall(data)

    def start(self, command, stdin=b"", changes=None, **asked):
        """Everything up to the running command; returns what it writes to stdout as a file."""
        self.request(**asked)
        self.started()
        if self.kind == zmq.REQ:
            self.dummy()
        self.accept()
        return self.give(self.command_map(command, **(changes or {})), stdin)

    def give(self, data, stdin=b""):
        with tempfile.TemporaryFile() as source:
            source.write(stdin)
            source.seek(0)
            reader, writer = os.pipe()
            os.fchown(writer, 4242, 4242)
            self.hand_over([source.fileno(), writer, writer], data)
            os.close(writer)
        return open(reader, "rb")


class Agent:
    def __init__(self, *options):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.base.chmod(0o755)
        self.sockets = self.base / "sockets"
        self.task = self.base / "task"
        self.student = self.task / "student"
        for directory in (self.sockets, self.task, self.student):
            directory.mkdir()
        self.student.chmod(0o777)
        shutil.copy(studentfs.STUDENT, self.student / "student")
        self.context = zmq.Context()
        self.log = open(self.base / "log", "w+b")
        self.process = None
        self.start(*options)

    def start(self, *options):
        reader, writer = os.pipe()
        self.process = subprocess.Popen(
            [studentfs.BIN / "studentfs-agent", "--sockets", self.sockets, "--task", self.task, "--ready-fd",
             str(writer), *options], pass_fds=[writer], stderr=self.log, cwd="/")
        os.close(writer)
        with open(reader, "rb") as ready:
            if not ready.read():
                raise AssertionError(f"the agent did not start: {self.log_text()}")

    def log_text(self):
        return (self.base / "log").read_text()

    def client(self, kind=zmq.DEALER):
        return contextlib.closing(Client(self, kind))

    def is_alive(self):
        return self.process.poll() is None

    def students(self):
        return [pid for pid, _ in studentfs.descendants(self.process.pid) if studentfs.program_of(pid) == "student"]

    def close(self):
        processes = studentfs.descendants(self.process.pid) if self.is_alive() else []
        pid = self.process.pid
        self.process.terminate()
        try:
            code = self.process.wait(20)
            studentfs.eventually(lambda: not any(map(studentfs.is_alive, processes)), what="the end of its processes")
            assert code == 0, f"the agent ended with {code}: {self.log_text()}"
            assert not studentfs.cgroups_of_agent(pid), "control groups are left"
            assert not list(self.sockets.iterdir()), f"left: {list(self.sockets.iterdir())}"
        finally:
            self.process.kill()
            self.process.wait()
            self.context.destroy(0)
            self.log.close()
            shutil.rmtree(self.base, ignore_errors=True)


class AgentTest(studentfs.TestCase):
    mount_options = None
    agent_options = ()

    @classmethod
    def setUpClass(cls):
        cls.agent = Agent(*cls.agent_options)
        cls.addClassCleanup(cls.agent.close)

    def tearDown(self):
        self.assertTrue(self.agent.is_alive(), self.agent.log_text())
        studentfs.eventually(lambda: not self.agent.students(), what="the students' end")

    def ends(self, client, retval, **expected):
        message = client.receive()
        self.assertEqual((message["type"], message["retval"]), ("run_student_retval", retval), message)
        for key, value in expected.items():
            self.assertEqual(message.get(key), value, message)
        return message

    def whole_run(self, command="student/student exit 7", retval=7, kind=zmq.DEALER, **asked):
        with self.agent.client(kind) as client:
            client.start(command, **asked).close()
            if kind == zmq.DEALER and not asked.get("receives_freely"):
                client.dummy()
            return self.ends(client, retval)


class Answers(AgentTest):
    def test_keys_of_started_and_retval(self):
        with self.agent.client() as client:
            client.request(receives_freely=True)
            started = client.started()
            self.assertEqual(set(started), {"type", "container_id", "init_pid", "features", "enforced"})
            self.assertEqual(studentfs.program_of(started["init_pid"]), "student-init")
            self.assertIsInstance(started["container_id"], str)
            self.assertTrue(all(isinstance(one, str) for one in started["features"]))
            self.assertIn("wall", started["enforced"])
            client.accept()
            with client.give(client.command_map("student/student exit 42")) as out:
                self.assertEqual(out.read(), b"")
            retval = self.ends(client, 42)
            usage = retval["usage"]
            self.assertEqual(set(usage), {"cpu_usec", "wall_usec", "memory_peak"})
            self.assertTrue(all(isinstance(value, int) and value > 0 for value in usage.values()), usage)
            self.assertLessEqual(set(retval), {"type", "retval", "usage", "termination", "reason", "signal"})
            self.assertEqual(retval["termination"], "exited")
            self.assertFalse(retval.get("signal"))

    def test_signal_reason_and_termination(self):
        message = self.whole_run("student/student raise 11", 139, receives_freely=True)
        self.assertEqual((message["signal"], message["termination"]), (11, "signal"))
        self.assertRegex(message["reason"], "SEGV|Segmentation|11")
        message = self.whole_run("no-such-program", 127, receives_freely=True)
        self.assertIn("no-such-program", message["reason"])
        message = self.whole_run("student/student spin 2", 253, receives_freely=True, time_limit=1,
                                 hard_time_limit=40)
        self.assertEqual(message["termination"], "cpu_time")
        self.assertGreater(message["usage"]["cpu_usec"], 900_000)
        message = self.whole_run("student/student sleep", 253, receives_freely=True, hard_time_limit=1)
        self.assertEqual(message["termination"], "wall_time")
        message = self.whole_run("student/student hog", 252, receives_freely=True, memory_limit=30)
        self.assertEqual(message["termination"], "memory")

    def test_input_and_output(self):
        with self.agent.client() as client:
            with client.start("cat", b"through", receives_freely=True) as out:
                self.assertEqual(out.read(), b"through")
            self.ends(client, 0)

    def test_each_run_has_its_own_container_id(self):
        seen = set()
        for _ in range(5):
            with self.agent.client() as client:
                client.request(receives_freely=True)
                seen.add(client.started()["container_id"])
        self.assertEqual(len(seen), 5)


class Paced(AgentTest):
    """INGInious's own client is a REQ socket: it loses what it did not ask for."""

    def test_a_req_client(self):
        for _ in range(20):
            self.whole_run(kind=zmq.REQ)

    def test_nothing_comes_before_it_is_asked_for(self):
        with self.agent.client() as client:
            client.start("true").close()
            self.assertTrue(client.is_silent(500), "a message that nobody asked for")
            client.dummy()
            self.ends(client, 0)

    def test_a_dummy_that_was_there_before(self):
        with self.agent.client() as client:
            client.request()
            client.started()
            client.dummy()
            client.accept()
            client.give(client.command_map("student/student exit 3")).close()
            self.ends(client, 3)

    def test_a_client_that_receives_freely_need_not_ask(self):
        with self.agent.client() as client:
            client.start("true", receives_freely=True).close()
            self.ends(client, 0)

    def test_dummies_of_one_that_receives_freely_change_nothing(self):
        with self.agent.client() as client:
            client.request(receives_freely=True)
            for _ in range(5):
                client.dummy()
            client.started()
            client.accept()
            client.give(client.command_map("student/student exit 4")).close()
            client.dummy()
            self.ends(client, 4)
            self.assertTrue(client.is_silent())

    def test_dummies_of_strangers(self):
        with self.agent.client() as client:
            for _ in range(10):
                client.dummy()
            self.assertTrue(client.is_silent())


class Requests(AgentTest):
    def refused(self, retval, reason, **asked):
        for kind in (zmq.REQ, zmq.DEALER):
            with self.agent.client(kind) as client:
                client.request(**asked)
                message = self.ends(client, retval)
                self.assertRegex(message["reason"], reason)

    def test_unknown_environment(self):
        self.refused(254, "no-such.*default", environment="no-such")

    def test_known_environment(self):
        self.whole_run(environment="default")
        self.whole_run(environment="")

    def test_root(self):
        self.whole_run("sh -c '[ $(id -u) = 0 ] && exit 5'", 5, changes={"user": "root"}, run_as_root=True)

    def test_missing_keys_are_false_or_defaults(self):
        self.whole_run(ssh="absent", run_as_root="absent")
        self.whole_run(share_network="absent", environment="absent", time_limit="absent", hard_time_limit="absent",
                       memory_limit="absent")

    def test_extra_keys_and_other_types(self):
        self.whole_run(an_extra_key={"a": [1, 2, {"b": None}]}, another=b"\0" * 1000)
        with self.agent.client() as client:
            body = {b"type": b"run_student", b"environment": None, b"socket_id": client.socket_id.encode(),
                    b"receives_freely": True}
            client.zmq.send_multipart([b"", msgpack.packb(body, use_bin_type=False)])
            client.started()

    def test_a_socket_that_is_not_there(self):
        self.refused(254, "nothing-here", socket_id="nothing-here")

    def test_a_socket_outside_the_directory(self):
        for socket_id in ("../x", "a/b", "/etc/passwd"):
            with self.agent.client() as client:
                client.request(socket_id=socket_id)
                self.ends(client, 254)

    def test_without_a_socket_id(self):
        with self.agent.client(zmq.REQ) as client:
            client.request(socket_id="absent")
            self.ends(client, 254)

    def test_limits_of_all_sizes(self):
        for limits in ({"time_limit": 1 << 40}, {"hard_time_limit": 2**63 - 1}, {"memory_limit": 1 << 50},
                       {"memory_limit": 1}, {"time_limit": -5}):
            with self.subTest(limits=limits):
                self.whole_run("true", 0, **limits)

    def test_an_unknown_type_is_answered(self):
        for message in ({"type": "no_such_type"}, {"kind": "run_student"}, {}):
            with self.agent.client(zmq.REQ) as client:
                client.send(message)
                self.ends(client, 254)

    def test_run_student_init_of_the_message_mode(self):
        with self.agent.client(zmq.REQ) as client:
            client.send({"type": "run_student_init", "socket_id": client.socket_id, "student_container_id": "x",
                         "command": "true", "teardown_script": "", "working_dir": "/", "ssh": False, "user": "worker"})
            self.ends(client, 254)

    def test_a_second_run_on_one_socket(self):
        with self.agent.client() as client:
            client.start("true", receives_freely=True).close()
            self.ends(client, 0)
            self.assertTrue(client.is_silent())


class Garbage(AgentTest):
    def test_frames(self):
        whole = pack({"type": "run_student", "socket_id": "x"})
        deep = b"\x91" * 100_000
        frames = [
            [b""], [b"", b""], [b"x"], [whole], [b"x", whole], [b"", whole, b"more"], [b""] * 50,
            [b"", b"\xc1"], [b"", whole[:-3]], [b"", whole + b"\0"], [b"", os.urandom(100_000)], [b"", deep],
            [b"", pack([1, 2, 3])], [b"", pack("run_student")], [b"", pack({"type": 7})],
            [b"", pack({"type": ["run_student"]})], [b"", b"\xdf\xff\xff\xff\xff"],
            [b"", b"\x81\xa4type\xdb\xff\xff\xff\xffx"], [b"", b"\x81\xa4type\xc6\xff\xff\xff\xf0x"],
            [b"", pack({"type": "run_student", "socket_id": "\0"})],
            [b"", pack({"type": "run_student", "socket_id": "x" * 100_000})],
            [b"", pack({"type": "run_student", "socket_id": "x", "time_limit": "5"})],
            [b"", pack({"type": "run_student", "socket_id": "x", "environment": 5})],
            [b"", b"\x82\xa4type\xa1\xff\xa1x\xa1\xfe"],
        ]
        for parts in frames:
            with self.subTest(frames=[part[:30] for part in parts]), self.agent.client() as client:
                client.zmq.send_multipart(parts)
                self.assertTrue(self.agent.is_alive())
        for n in range(300):
            with self.agent.client() as client:
                client.zmq.send_multipart([b"", os.urandom(n)])
        self.whole_run()

    def test_bytes_that_are_no_zeromq(self):
        for data in (b"", b"GET / HTTP/1.0\r\n\r\n", os.urandom(10_000), b"\xff" + bytes(8) + b"\x7f"):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.connect(str(self.agent.sockets / "main.sock"))
                with contextlib.suppress(OSError):
                    raw.sendall(data)
        self.whole_run()


class HandOver(AgentTest):
    """Step by step, byte by byte, and all the ways in which a client breaks it."""

    def ready(self, client, **asked):
        client.request(receives_freely=True, **asked)
        client.started()
        client.accept()

    def test_byte_by_byte(self):
        with self.agent.client() as client:
            self.ready(client)
            reader, writer = os.pipe()
            quiet, stdin = os.pipe()
            client.init.sendmsg([b"S"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [quiet, writer, writer]))])
            for byte in client.command_map("sh -c 'echo one; read x'"):
                client.init.sendall(bytes([byte]))
            self.assertEqual(os.read(reader, 4), b"one\n")
            for byte in b"009":
                client.init.sendall(bytes([byte]))
            self.ends(client, 137, signal=9)
            for fd in (reader, writer, quiet, stdin):
                os.close(fd)

    def test_command_and_signals_in_one_piece(self):
        with self.agent.client() as client:
            self.ready(client)
            client.give(client.command_map("student/student sleep") + b"015").close()
            self.ends(client, 143, signal=15)

    def test_keys_in_another_order_and_more(self):
        with self.agent.client() as client:
            self.ready(client)
            message = {"extra": [1], "working_dir": "/tmp", "user": "worker", "command": "pwd", "ssh": False,
                       "teardown_script": "", "student_container_id": "x", "type": "run_student_command"}
            with client.give(pack(message)) as out:
                self.assertEqual(out.read(), b"/tmp\n")
            self.ends(client, 0)

    def test_str_and_bin_are_both_taken(self):
        with self.agent.client() as client:
            self.ready(client)
            with client.give(client.command_map(b"echo bytes", working_dir=b"/tmp")) as out:
                self.assertEqual(out.read(), b"bytes\n")
            self.ends(client, 0)

    def test_no_command(self):
        for command in (None, ""):
            with self.agent.client() as client:
                self.ready(client)
                with client.give(client.command_map(command)) as out:
                    self.assertRegex(out.read(), rb"^\S.*\n$")
                self.ends(client, 0)

    def test_signals(self):
        with self.agent.client() as client:
            self.ready(client)
            with client.give(client.command_map("student/student catch")) as out:
                self.assertEqual(out.readline(), b"ready\n")
                for number in (1, 2, 3, 10, 12, 17, 40, 64):
                    client.init.sendall(b"%03d" % number)
                    self.assertEqual(out.readline(), b"%d\n" % number)
                client.init.sendall(b"015")
                self.assertEqual(out.readline(), b"15\n")
            self.ends(client, 7)

    def test_end_of_the_signals(self):
        with self.agent.client() as client:
            self.ready(client)
            with client.give(client.command_map("student/student catch")) as out:
                self.assertEqual(out.readline(), b"ready\n")
                client.init.sendall(b"010---")
                self.assertEqual(out.readline(), b"10\n")
                self.assertTrue(client.is_silent(), "--- ends the stream, not the run")
                client.init.close()
                self.assertTrue(client.is_silent(), "nor does the connection's end then")
                for pid in self.agent.students():
                    os.kill(pid, signal.SIGKILL)
            self.ends(client, 137, signal=9)

    def test_a_user_that_is_neither(self):
        with self.agent.client() as client:
            self.ready(client)
            client.give(client.command_map("true", user="root")).close()
            self.ends(client, 251)
        with self.agent.client() as client:
            client.request(receives_freely=True, run_as_root=True)
            client.started()
            client.accept()
            client.give(client.command_map("true", user="worker")).close()
            self.ends(client, 254)
        with self.agent.client() as client:
            self.ready(client)
            client.give(client.command_map("true", user="somebody")).close()
            self.ends(client, 254)

    def test_broken_hand_overs(self):
        def with_fds(count, data):
            def send(client):
                rights = array.array("i", [0] * count)
                client.init.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if count else [])
                client.init.shutdown(socket.SHUT_WR)
            return send

        def then(data):
            def send(client):
                client.hand_over([0, 1, 2], data)
                client.init.shutdown(socket.SHUT_WR)
            return send

        ways = {
            "closed": lambda client: client.init.close(),
            "nothing, then the end": lambda client: client.init.shutdown(socket.SHUT_WR),
            "no descriptors": with_fds(0, b"S"), "two descriptors": with_fds(2, b"S"),
            "four descriptors": with_fds(4, b"S"), "many descriptors": with_fds(200, b"S"),
            "another byte": with_fds(3, b"X"), "no command": then(b""),
            "half a command": then(pack({"type": "run_student_command", "command": "true"})[:-3]),
            "no map": then(pack([1, 2])), "garbage": then(os.urandom(5000)), "never a map": then(b"\xc1" * 100),
            "lies about lengths": then(b"\x81\xa4type\xdb\xff\xff\xff\xffx"),
            "another type": then(pack({"type": "run_student"})),
            "command is a number": then(pack({"type": "run_student_command", "command": 5})),
        }
        for name, way in ways.items():
            with self.subTest(way=name), self.agent.client() as client:
                self.ready(client)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    way(client)
                message = self.ends(client, 254)
                self.assertTrue(message["reason"])
        self.whole_run()


class Silence(AgentTest):
    """Clients that say nothing more, at each step. 10 s is the default."""

    agent_options = ("--handover-timeout", "1")

    def test_at_each_step(self):
        steps = (lambda client: None,
                 lambda client: client.hand_over([0, 1, 2], b""),
                 lambda client: client.hand_over([0, 1, 2], client.command_map("true")[:-1]))
        for n, step in enumerate(steps):
            with self.subTest(step=n), self.agent.client() as client:
                client.request(receives_freely=True)
                client.started()
                client.accept()
                step(client)
                message = client.receive(9)
                self.assertEqual((message["retval"], message["reason"]),
                                 (254, "the client did not hand over a command in time"))

    def test_of_one_that_does_not_accept(self):
        with self.agent.client() as client:
            client.request(receives_freely=True)
            client.started()
            self.assertEqual(client.receive(9)["retval"], 254)


class Clients(AgentTest):
    """Clients that go."""

    def test_that_close_their_connection(self):
        with self.agent.client() as client:
            with client.start("student/student stubborn", receives_freely=True) as out:
                self.assertEqual(out.readline(), b"ignoring\n")
                client.init.close()
                studentfs.eventually(lambda: not self.agent.students(), 5, "the end of what nobody waits for")

    def test_that_vanish_at_each_step(self):
        def requested(client):
            client.request()

        def was_started(client):
            client.request()
            client.started()

        def accepted(client):
            was_started(client)
            client.accept()

        def running(client):
            client.start("student/student sleep").close()

        for step in (requested, was_started, accepted, running):
            for _ in range(5):
                with self.subTest(step=step.__name__), self.agent.client() as client:
                    step(client)
        studentfs.eventually(lambda: not self.agent.students(), 15)
        self.whole_run()

    def test_killed_ones(self):
        """A client's process with a run, killed: the kernel closes its sockets."""
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                self.agent.context = zmq.Context()
                client = Client(self.agent)
                out = client.start("student/student stubborn", receives_freely=True)
                out.readline()
                (self.agent.base / "ready").touch()
                signal.pause()
            os._exit(0)
        studentfs.eventually((self.agent.base / "ready").exists)
        self.assertEqual(len(self.agent.students()), 1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        studentfs.eventually(lambda: not self.agent.students(), 5, "the student's end")
        studentfs.eventually(lambda: os.listdir(self.agent.sockets) == ["main.sock"], 5, "the end of its files")

    def test_many_at_the_same_time(self):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.agent.client()) for _ in range(50)]
            for client in clients:
                client.request(receives_freely=True)
            for n, client in enumerate(clients):
                client.started()
                client.accept()
                client.give(client.command_map(f"student/student exit {n}")).close()
            for n, client in enumerate(clients):
                self.ends(client, n)


class CommandLine(studentfs.TestCase):
    mount_options = None

    def refused(self, *arguments):
        result = subprocess.run([studentfs.BIN / "studentfs-agent", *map(str, arguments)], capture_output=True,
                                text=True, timeout=20, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("studentfs-agent: ", result.stderr)

    def test_bad_arguments(self):
        self.refused()
        self.refused("--sockets", "/nonexistent")
        with tempfile.TemporaryDirectory() as base:
            for option in ("--time-limit", "--hard-time-limit", "--memory-limit", "--process-limit", "--pool",
                           "--tmp-size", "--max-time-limit", "--max-hard-time-limit", "--max-memory-limit"):
                self.refused("--sockets", base, option, "x")
                self.refused("--sockets", base, option, "-1")
            self.refused("--sockets", base, "--init", "/nonexistent")
            self.refused("--sockets", base, "--ssh-address", "nowhere")
            self.refused("--sockets", base, "--ssh-ports", "5-4")

    def test_help_and_version(self):
        for option in ("--help", "--version"):
            result = subprocess.run([studentfs.BIN / "studentfs-agent", option], capture_output=True, text=True,
                                    timeout=20, check=True)
            self.assertIn("studentfs-agent", result.stdout)

    def test_one_router_per_directory(self):
        agent = Agent()
        self.addCleanup(agent.close)
        self.refused("--sockets", agent.sockets)
        with agent.client() as client:
            client.start("true", receives_freely=True).close()
            self.assertEqual(client.receive()["retval"], 0)

    def test_a_dead_one_s_socket_is_taken_over(self):
        agent = Agent()
        self.addCleanup(agent.close)
        below = studentfs.descendants(agent.process.pid)
        agent.process.kill()
        agent.process.wait()
        studentfs.eventually(lambda: not any(map(studentfs.is_alive, below)))
        agent.start()
        with agent.client() as client:
            client.start("true", receives_freely=True).close()
            self.assertEqual(client.receive()["retval"], 0)

    def test_every_run_is_answered_at_its_end(self):
        """Also those that were still waiting for a sandbox: many more than are made at a time."""
        agent = Agent("--pool", "0")
        self.addCleanup(agent.close)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(agent.client()) for _ in range(40)]
            for client in clients:
                client.request(receives_freely=True)
            studentfs.eventually(lambda: any(client.zmq.poll(0) for client in clients), what="the first start")
            agent.process.terminate()
            agent.process.terminate()  # impatience: it cleans up all the same
            for client in clients:
                message = client.receive()
                if message["type"] == "run_student_started":
                    message = client.receive()
                self.assertEqual((message["type"], message["retval"]), ("run_student_retval", 254), message)
                self.assertIn("stopped", message["reason"])

    def test_the_socket_belongs_to_the_directory_s_owner(self):
        agent = Agent()
        self.addCleanup(agent.close)
        agent.process.terminate()
        agent.process.wait(20)
        os.chown(agent.sockets, 4242, 4242)
        agent.start()
        found = (agent.sockets / "main.sock").stat()
        self.assertEqual((found.st_uid, found.st_gid), (4242, 4242))

    def test_die_with_parent(self):
        with tempfile.TemporaryDirectory() as base:
            script = (f"'{studentfs.BIN}/studentfs-agent' --sockets {base} --die-with-parent --ready-fd 3 "
                      f"2>{base}/log 3>{base}/ready & echo $!; exec sleep 100")
            parent = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)
            pid = int(parent.stdout.readline())
            ready = pathlib.Path(f"{base}/ready")
            studentfs.eventually(lambda: ready.exists() and ready.read_text())
            below = studentfs.descendants(pid)
            parent.kill()
            parent.communicate()
            studentfs.eventually(lambda: not any(map(studentfs.is_alive, below)), 10)
            studentfs.eventually(lambda: not studentfs.cgroups_of_agent(pid), 10)


if __name__ == "__main__":
    studentfs.main()
