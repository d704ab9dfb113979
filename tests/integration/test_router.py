"""studentfs against a router and an init that are played here, and that misbehave at each step.

The mount is real, and so are ZeroMQ and the Unix socket; only the other ends are scripted.
"""

import array
import errno
import os
import pathlib
import shutil
import socket
import tempfile
import time

import msgpack
import zmq

import studentfs

SOON = 20  # seconds; "at once", on a machine that is busy
# What a peer may be silent for: the defaults are for machines that are busier.
PATIENCE = ("--start-timeout", "3", "--handover-timeout", "2", "--fallback-timeout", "1", "--retval-timeout", "2")


class Router:
    def __init__(self, sndhwm=1000):
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-router-"))
        self.context = zmq.Context()
        self.sndhwm = sndhwm  # messages per client that wait; ZeroMQ's default. More are dropped
        self.bind()

    def bind(self):
        self.zmq = self.context.socket(zmq.ROUTER)
        self.zmq.linger = 0
        self.zmq.sndhwm = self.sndhwm
        self.zmq.bind(f"ipc://{self.sockets}/main.sock")

    def die(self):
        self.zmq.close()
        (self.sockets / "main.sock").unlink(missing_ok=True)

    def close(self):
        self.die()
        self.context.term()
        shutil.rmtree(self.sockets)

    def receive(self, kind, seconds=SOON):
        """The next message of that type and who sent it; dummies in between are dropped."""
        end = time.monotonic() + seconds
        while self.zmq.poll(max(0, int((end - time.monotonic()) * 1000))):
            identity, empty, body = self.zmq.recv_multipart()
            message = msgpack.unpackb(body, raw=False)
            assert empty == b""
            if message["type"] == kind:
                return identity, message
            assert message == {"type": "dummy_message"}, message
        raise AssertionError(f"no {kind} within {seconds} s")

    def send(self, identity, message, **packing):
        self.zmq.send_multipart([identity, b"", msgpack.packb(message, **(packing or {"use_bin_type": True}))])


class Init:
    """The container's init, connected to the client of a request."""

    def __init__(self, router, socket_id):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SOON)
        self.socket.connect(str(router.sockets / f"{socket_id}.sock"))
        self.fds = []
        self.rest = b""

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)

    def take_command(self):
        """Says H; returns the command's map. What came behind it is in rest."""
        self.socket.sendall(b"H")
        data, ancillary, _, _ = self.socket.recvmsg(1 << 16, socket.CMSG_SPACE(16 * 4))
        assert data[:1] == b"S", data
        for level, kind, body in ancillary:
            assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
            fds = array.array("i")
            fds.frombytes(body)
            self.fds += fds
        unpacker = msgpack.Unpacker(raw=False)
        unpacker.feed(data[1:])
        while True:
            try:
                message = unpacker.unpack()
                break
            except msgpack.OutOfData:
                unpacker.feed(self.socket.recv(1 << 16))
        self.rest = unpacker.read_bytes(1 << 16)
        return message

    def receive(self, size):
        while len(self.rest) < size:
            data = self.socket.recv(1 << 16)
            assert data, "the client closed the connection"
            self.rest += data
        data, self.rest = self.rest[:size], self.rest[size:]
        return data


class Scripted(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        self.router = Router()
        self.addCleanup(self.router.close)
        self.mount = self.own_mount(*PATIENCE, sockets=self.router.sockets)

    def asked(self, command="true"):
        """A run whose request has arrived."""
        run = self.mount.make()
        run.write("cmd", command)
        identity, request = self.router.receive("run_student")
        return run, identity, request

    def started(self, command="true"):
        run, identity, request = self.asked(command)
        self.router.send(identity, {"type": "run_student_started", "container_id": "c1"})
        return run, identity, request

    def running(self, command="true"):
        run, identity, request = self.started(command)
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.command = init.take_command()
        return run, identity, init

    def ends(self, run, retval, termination, reason=None, seconds=SOON):
        began = time.monotonic()
        self.assert_ended(run, retval, termination, reason)
        self.assertLess(time.monotonic() - began, seconds)
        # Nothing of it is left in the router's directory.
        studentfs.eventually(lambda: sorted(os.listdir(self.router.sockets)) in (["main.sock"], []))


class Messages(Scripted):
    def test_the_request(self):
        run = self.mount.make()
        for name, value in (("time_limit", "5"), ("hard_time_limit", "7"), ("memory_limit", "30"),
                            ("share_network", "1"), ("container", "env")):
            run.write(name, value)
        run.write("cmd", "true")
        _, request = self.router.receive("run_student")
        socket_id = request.pop("socket_id")
        self.assertEqual(request, {
            "type": "run_student", "environment": "env", "time_limit": 5, "hard_time_limit": 7, "memory_limit": 30,
            "share_network": True, "ssh": False, "run_as_root": False, "receives_freely": True})
        self.assertEqual(list(request)[0], "type")
        self.assertTrue((self.router.sockets / socket_id).is_file())
        self.assertEqual((self.router.sockets / socket_id).stat().st_size, 0)
        listening = self.router.sockets / f"{socket_id}.sock"
        self.assertTrue(listening.is_socket())
        self.assertEqual(listening.stat().st_mode & 0o777, 0o777, "init may be another user")

    def test_fractions_of_a_second_are_rounded_up_for_who_takes_none(self):
        run = self.mount.make()
        run.write("time_limit", "0.5")
        run.write("hard_time_limit", "2.000001")
        run.write("cmd", "true")
        _, request = self.router.receive("run_student")
        self.assertEqual((request["time_limit"], request["time_limit_usec"]), (1, 500_000))
        self.assertEqual((request["hard_time_limit"], request["hard_time_limit_usec"]), (3, 2_000_001))

    def test_the_default_environment_is_nil(self):
        _, _, request = self.asked()
        self.assertIsNone(request["environment"])

    def test_the_hand_over(self):
        run = self.mount.make()
        run.write("teardown_script", "echo down")
        run.write("working_dir", "/task/student/x")
        run.write("cmd", "echo 'a  b'")
        identity, request = self.router.receive("run_student")
        self.router.send(identity, {"type": "run_student_started", "container_id": "c1"})
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        self.assertEqual(init.take_command(), {
            "type": "run_student_command", "student_container_id": "c1", "command": "echo 'a  b'",
            "teardown_script": "echo down", "working_dir": "/task/student/x", "ssh": False, "user": "worker"})
        self.assertEqual(len(init.fds), 3)
        run.write("stdin", b"in")
        self.assertEqual(os.read(init.fds[0], 10), b"in")
        os.write(init.fds[1], b"out")
        os.write(init.fds[2], b"err")
        studentfs.eventually(lambda: run.usage()["stderr_bytes"] == 3 and run.usage()["stdout_bytes"] == 3)
        self.router.send(identity, {"type": "run_student_retval", "retval": 7})
        self.ends(run, 7, "exited")
        self.assertEqual((run.read("stdout"), run.read("stderr")), (b"out", b"err"))

    def test_signals(self):
        run, identity, request = self.started("sleep 1000")
        run.write("signal", "15")  # before there is anybody to take it
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.take_command()
        self.assertEqual(init.receive(3), b"015")
        run.write("signal", "KILL")
        self.assertEqual(init.receive(3), b"009")
        run.write("signal", "64")
        self.assertEqual(init.receive(3), b"064")
        self.router.send(identity, {"type": "run_student_retval", "retval": 0})
        self.ends(run, 0, "exited")

    def test_dummies_are_sent(self):
        run, identity, _ = self.running()
        self.router.receive("dummy_message")
        self.router.send(identity, {"type": "run_student_retval", "retval": 0})
        self.ends(run, 0, "exited")

    def test_extensions_of_the_return_value(self):
        run, identity, _ = self.running()
        self.router.send(identity, {
            "type": "run_student_retval", "retval": 137, "signal": 9, "reason": "two\nlines", "termination": "signal",
            "usage": {"cpu_usec": 12, "wall_usec": 34, "memory_peak": 56}, "unknown": [1]})
        self.ends(run, 137, "signal", "^two lines$")
        self.assertEqual(run.status()["signal"], "9 (KILL)")
        usage = run.usage()
        self.assertEqual((usage["cpu_usec"], usage["wall_usec"], usage["memory_peak"]), (12, 34, 56))

    def test_a_router_without_extensions(self):
        for retval, termination in ((0, "exited"), (250, "exited"), (251, "unavailable"), (252, "memory"),
                                    (253, "wall_time"), (254, "failed")):
            run, identity, _ = self.running()
            self.router.send(identity, {"type": "run_student_retval", "retval": retval})
            self.ends(run, retval, termination)

    def test_old_encodings(self):
        run, identity, request = self.asked()
        self.router.send(identity, {b"container_id": b"old", b"type": b"run_student_started"}, use_bin_type=True)
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        self.assertEqual(init.take_command()["student_container_id"], "old")
        self.router.send(identity, {"retval": 3, "type": "run_student_retval"}, use_bin_type=False)
        self.ends(run, 3, "exited")

    def test_runs_are_told_apart(self):
        runs = [self.asked() for _ in range(20)]
        self.assertEqual(len({identity for _, identity, _ in runs}), 20)
        for number, (_, identity, _) in reversed(list(enumerate(runs))):
            self.router.send(identity, {"type": "run_student_retval", "retval": number})
        for number, (run, _, _) in enumerate(runs):
            self.assertEqual(run.retval(), number)


class Misbehaviour(Scripted):
    def test_return_value_instead_of_started(self):
        run, identity, _ = self.asked()
        self.router.send(identity, {"type": "run_student_retval", "retval": 254})
        self.ends(run, 254, "failed")

    def test_return_value_right_after_started(self):
        run, identity, _ = self.started()
        self.router.send(identity, {"type": "run_student_retval", "retval": 253})
        self.ends(run, 253, "wall_time")

    def test_return_value_with_init_at_the_door(self):
        run, identity, request = self.started()
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        self.router.send(identity, {"type": "run_student_retval", "retval": 252})
        self.ends(run, 252, "memory")

    def test_init_says_something_else(self):
        run, _, request = self.started()
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.socket.sendall(b"X")
        self.ends(run, 254, "failed", "hand-over")

    def test_init_goes_before_it_says_anything(self):
        run, _, request = self.started()
        Init(self.router, request["socket_id"]).close()
        self.ends(run, 254, "failed", "hand-over")

    def test_init_never_comes(self):
        run, _, _ = self.started()
        self.ends(run, 254, "failed", "in time")

    def test_init_is_silent(self):
        run, _, request = self.started()
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        self.ends(run, 254, "failed", "in time")

    def test_init_reads_nothing(self):
        """A command longer than the socket's buffer, and nobody who takes it."""
        run, _, request = self.started("echo " + "x" * 100000 + " " + "y" * 100000 + " " + "z" * 100000)
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.socket.sendall(b"H")
        self.ends(run, 254, "failed", "in time")

    def test_init_hello_before_started(self):
        run, identity, request = self.asked("true")
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.socket.sendall(b"H")
        self.router.send(identity, {"type": "run_student_started", "container_id": "late"})
        init.socket.settimeout(SOON)
        self.assertEqual(init.socket.recv(1, socket.MSG_PEEK), b"S")
        self.router.send(identity, {"type": "run_student_retval", "retval": 0})
        self.ends(run, 0, "exited")

    def test_a_second_init(self):
        run, identity, request = self.started()
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.take_command()
        self.assert_errno(errno.ENOENT, Init, self.router, request["socket_id"])
        self.router.send(identity, {"type": "run_student_retval", "retval": 1})
        self.ends(run, 1, "exited")

    def test_garbage_from_the_router(self):
        run, identity, request = self.asked()
        good = msgpack.packb({"type": "run_student_retval", "retval": 9})
        for frames in ([good], [b"", good, b""], [b"x", good], [b""], [b"", b""], [b"", b"\xc1"], [b"", good[:-1]],
                       [b"", good + b"\x00"], [b"", msgpack.packb([1])], [b"", msgpack.packb({"retval": 9})],
                       [b"", msgpack.packb({"type": 5, "retval": 9})],
                       [b"", msgpack.packb({"type": "what", "retval": 9})],
                       [b"", b"\xdf\xff\xff\xff\xff"], [b"", b"\xdd\xff\xff\xff\xff"]):
            self.router.zmq.send_multipart([identity, *frames])
        self.router.send(identity, {"type": "run_student_started", "container_id": "c1"})
        init = Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.take_command()
        self.router.send(identity, {"type": "run_student_retval", "retval": 8})
        self.ends(run, 8, "exited")

    def test_return_values_that_are_none(self):
        for retval in (-1, 256, 1 << 40, "0", None, 1.5):
            run, identity, _ = self.running()
            self.router.send(identity, {"type": "run_student_retval", "retval": retval})
            self.router.send(identity, {"type": "run_student_retval", "retval": 254})
            self.ends(run, 254, "failed")

    def test_everything_twice(self):
        run, identity, _ = self.running()
        for _ in range(2):
            self.router.send(identity, {"type": "run_student_started", "container_id": "c2"})
        for retval in (4, 5):
            self.router.send(identity, {"type": "run_student_retval", "retval": retval})
        self.ends(run, 4, "exited")
        self.assertEqual(run.status()["container_id"], "c1")

    def test_the_router_dies(self):
        runs = [self.asked()[0], self.started()[0], self.running()[0]]
        self.router.die()
        for run in runs:
            self.ends(run, 254, "failed", "router")
        self.router.bind()  # another one, which later runs find
        run, identity, _ = self.running()
        self.router.send(identity, {"type": "run_student_retval", "retval": 0})
        self.ends(run, 0, "exited")

    def test_a_router_that_comes_later(self):
        self.router.die()
        mount = self.own_mount(sockets=self.router.sockets)
        run = mount.run("true", stdin=None)
        self.assertEqual(run.state(), "starting")
        self.router.bind()
        identity, _ = self.router.receive("run_student")
        self.router.send(identity, {"type": "run_student_retval", "retval": 6})
        self.ends(run, 6, "exited")

    def test_no_router_at_all(self):
        self.router.die()
        run = self.own_mount(sockets=self.router.sockets).run("true", stdin=None)
        self.ends(run, 251, "unavailable", "router", seconds=20)

    def test_removed_at_each_step(self):
        for step in (self.asked, self.started, self.running):
            run = step()[0]
            run.remove()
            studentfs.eventually(lambda: os.listdir(self.router.sockets) == ["main.sock"])

    def test_removing_closes_the_connection(self):
        run, _, init = self.running()
        run.remove()
        self.assertEqual(init.socket.recv(10), b"")

    def test_unmounted_at_each_step(self):
        for step in (self.asked, self.started, self.running):
            step()
        self.mount.unmount()
        studentfs.eventually(lambda: os.listdir(self.router.sockets) == ["main.sock"])


if __name__ == "__main__":
    studentfs.main()
