"""studentfs-agent and student-init, handed over what no client of good will hands over: each such run
ends as it should, with a reason, and nothing of it stays in the agent."""

import array
import contextlib
import os
import socket

import msgpack

import studentfs
from test_agent import AgentTest, pack

FDS_MAX = 253  # the kernel's, in one message


def rights(fds):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []


class Odd(AgentTest):
    agent_options = ("--pool", "2", "--pool-max", "2")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.null = os.open("/dev/null", os.O_RDWR)
        cls.addClassCleanup(os.close, cls.null)
        studentfs.eventually(cls.is_filled, 20, "a full pool")

    def ready(self, client):
        client.request(receives_freely=True)
        client.started()
        client.accept()

    def ended(self, client, *retvals):
        message = client.receive()
        self.assertIn(message["retval"], retvals, message)
        if message["retval"] >= 251:
            self.assertTrue(message["reason"])

    @classmethod
    def held(cls):
        return len(os.listdir(f"/proc/{cls.agent.process.pid}/fd"))

    @classmethod
    def is_filled(cls):
        """With two that are ready, and none on its way in or out."""
        agent = cls.agent.process.pid
        made = [pid for pid, _ in studentfs.descendants(agent) if studentfs.program_of(pid) in ("bwrap", "student-init")]
        return len(made) == 4 and len(studentfs.ready_inits(agent)) == 2

    @contextlib.contextmanager
    def nothing_stays(self):
        """Of descriptors; once the pool is as it was."""
        self.whole_run()
        studentfs.eventually(self.is_filled, 20, "a full pool")
        before = self.held()
        yield
        studentfs.eventually(lambda: self.held() <= before, 20, f"no more than {before} descriptors")

    def test_descriptors_of_all_kinds(self):
        """They are the command's business."""
        kinds = {name: os.open("/dev/null", flags) for name, flags in
                 (("read", os.O_RDONLY), ("write", os.O_WRONLY), ("path", os.O_PATH))}
        kinds["full"] = os.open("/dev/full", os.O_RDWR)
        reader, kinds["broken"] = os.pipe()
        os.close(reader)
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        kinds["socket"] = os.dup(one.fileno())
        unconnected = socket.socket(socket.AF_UNIX)
        kinds["unconnected"] = unconnected.detach()
        for fd in kinds.values():
            self.addCleanup(os.close, fd)
        kinds["null"] = self.null
        with self.nothing_stays():
            for names, command, retval in ((("null", "read", "null"), "echo x || exit 3", 3),
                                           (("write", "null", "null"), "read x || exit 3", 3),
                                           (("path", "null", "null"), "read x || exit 3", 3),
                                           (("null", "full", "full"), "echo x || exit 3", 3),
                                           (("null", "broken", "null"), "echo x; exit 3", 128 + 13),
                                           (("socket", "socket", "socket"), "echo x; exit 4", 4),
                                           (("unconnected", "null", "null"), "read x || exit 3", 3)):
                with self.subTest(names), self.agent.client() as client:
                    self.ready(client)
                    client.hand_over([kinds[name] for name in names], client.command_map(f"sh -c '{command}'"))
                    self.ended(client, retval)
        self.assertEqual(other.recv(10), b"x\n")

    def test_more_and_fewer_of_them(self):
        with self.nothing_stays():
            for n in (0, 1, 2, 4, 5, 28, 29, FDS_MAX):
                with self.subTest(n), self.agent.client() as client:
                    self.ready(client)
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        client.init.sendmsg([b"S"], rights([self.null] * n))
                        client.init.sendall(client.command_map("true"))
                    self.ended(client, 254)

    def test_with_what_needs_none(self):
        """With each piece of the map, and with signals."""
        with self.nothing_stays(), self.agent.client() as client:
            self.ready(client)
            data = client.command_map("student/student sleep")
            client.init.sendmsg([b"S"], rights([self.null] * 3))
            for at in range(0, len(data), 20):
                client.init.sendmsg([data[at:at + 20]], rights([self.null] * 100))
            for _ in range(10):
                client.init.sendmsg([b"023"], rights([self.null] * FDS_MAX))
            client.init.sendall(b"009")
            self.ended(client, 137)

    def test_maps(self):
        """Twice the byte; longer than a message is; deeper; with types of its own."""
        def extended(client):
            return pack({"ext": msgpack.ExtType(5, b"x" * 1000), 5: None, None: 1.5, b"\xff": [],
                         **msgpack.unpackb(client.command_map("true"))})

        with self.nothing_stays():
            for make, retval in ((lambda client: b"S" + client.command_map("true"), 254),
                                 (lambda client: pack({"x": b"y" * 9_000_000, "type": "run_student_command"}), 254),
                                 (lambda client: b"\x81\xa1x" + b"\x91" * 100_000 + b"\xc0", 254),
                                 (extended, 0)):
                with self.agent.client() as client:
                    self.ready(client)
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        client.hand_over([self.null] * 3, make(client))
                    self.ended(client, retval)

    def test_values_of_all_types(self):
        taken = set()
        with self.nothing_stays():
            for key in ("command", "teardown_script", "working_dir", "user", "ssh"):
                for value in (5, None, True, [1], {"a": 1}, 1.5, msgpack.ExtType(1, b"x"), b"\xff", "x" * 70_000, "\0"):
                    with self.subTest(key=key, value=value), self.agent.client() as client:
                        self.ready(client)
                        message = msgpack.unpackb(client.command_map("true"))
                        client.hand_over([self.null] * 3, pack({**message, key: value}))
                        message = client.receive()
                        self.assertIn(message["retval"], (0, 126, 127, 251, 254), message)
                        self.assertTrue(message["retval"] == 0 or message["reason"])
                        if message["retval"] == 0:
                            taken.add((key, str(value)[:1]))
        # nil is no command; a teardown's failures are nobody's.
        self.assertEqual(taken, {("command", "N"), ("teardown_script", "b"), ("teardown_script", "x"),
                                 ("teardown_script", "\0")})


if __name__ == "__main__":
    studentfs.main()
