"""The client's side of a session by ssh, against a router and an init that are played here."""

import errno
import os
import struct
import time

import msgpack

import studentfs
import test_router

LOGIN = {"type": "ssh_student", "ssh_user": "worker", "password": "one-time"}


def framed(message):
    body = message if isinstance(message, bytes) else msgpack.packb(message)
    return struct.pack(">I", len(body)) + body


class Ssh(test_router.Scripted):
    def in_session(self, command="true"):
        """A run whose init has its command, and says what comes next."""
        run = self.mount.make()
        run.write("ssh", 1)
        run.write("cmd", command)
        identity, request = self.router.receive("run_student")
        self.assertIs(request["ssh"], True)
        self.router.send(identity, {"type": "run_student_started", "container_id": "c1"})
        init = test_router.Init(self.router, request["socket_id"])
        self.addCleanup(init.close)
        init.command = init.take_command()
        return run, identity, init

    def told(self):
        """The router is told of the login, on a socket of its own."""
        identity, message = self.router.receive("ssh_student")
        self.assertEqual(message, {
            "type": "ssh_student", "ssh_user": "worker", "ssh_key": "one-time", "container_id": "c1"})
        return identity

    def over(self, run, identity, retval=0):
        self.router.send(identity, {"type": "run_student_retval", "retval": retval})
        self.assertEqual(run.retval(), retval)
        studentfs.eventually(lambda: os.listdir(self.router.sockets) == ["main.sock"])

    def test_the_whole_of_it(self):
        run, identity, init = self.in_session("echo first")
        self.assertEqual((init.command["ssh"], init.command["command"]), (True, "echo first"))
        init.socket.sendall(framed(LOGIN))
        asked = self.told()
        self.assertNotEqual(asked, identity)
        self.router.send(asked, {"type": "ok", "host": "grader.example", "port": 4022, "unknown": 1})
        self.assertEqual(run.text("ssh_login"),
                         "user: worker\npassword: one-time\nhost: grader.example\nport: 4022\n")
        self.over(run, identity)
        self.assertIn("one-time", run.text("ssh_login"))

    def test_a_byte_at_a_time(self):
        run, identity, init = self.in_session()
        for byte in framed(dict(LOGIN, unknown=[1, 2])):
            init.socket.sendall(bytes([byte]))
            time.sleep(0.002)  # so that they are not read together
        self.router.send(self.told(), {"type": "ok"})
        self.assertEqual(run.text("ssh_login"), "user: worker\npassword: one-time\n")
        self.over(run, identity, 253)

    def test_other_ways_to_say_it(self):
        """Old encodings, keys in another order, and a text where bytes are meant."""
        for body in (msgpack.packb({b"password": b"one-time", b"ssh_user": b"worker", b"type": b"ssh_student"}),
                     msgpack.packb(LOGIN, use_bin_type=False)):
            run, identity, init = self.in_session()
            init.socket.sendall(framed(body) + b"more that a newer init may say")
            self.router.send(self.told(), {"type": "ok"})
            self.assertIn("password: one-time\n", run.text("ssh_login"))
            self.over(run, identity)

    def test_ok_is_late(self):
        run, identity, init = self.in_session()
        init.socket.sendall(framed(LOGIN))
        asked = self.told()
        fd = os.open(run.file("ssh_login"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        self.assert_errno(errno.EAGAIN, os.read, fd, 100)
        self.assertEqual(run.text("ssh_login"), "user: worker\npassword: one-time\n")
        self.router.send(asked, {"type": "ok", "host": "late", "port": 1})
        self.over(run, identity)

    def test_ok_is_something_else(self):
        for answer in ({"type": "dummy_message"}, {"type": "what"}, {"type": "ok", "host": 5, "port": "x"},
                       {"type": "ok", "host": "", "port": 65536}, {"type": "ok", "host": "a\0b", "port": -1}):
            run, identity, init = self.in_session()
            init.socket.sendall(framed(LOGIN))
            self.router.send(self.told(), answer)
            self.assertEqual(run.text("ssh_login"), "user: worker\npassword: one-time\n", answer)
            self.over(run, identity)

    def test_what_is_no_login(self):
        """Each waits a moment for the router's reason: all at once."""
        runs = []
        for said in (struct.pack(">I", 0), struct.pack(">I", 1 << 31), struct.pack(">I", 5000), framed(b"\xc1"),
                       framed({"type": "dummy_message"}), framed({"type": "ssh_student", "ssh_user": "w"}),
                       framed({"type": "ssh_student", "password": "x"}),
                       framed(dict(LOGIN, password="")), framed(dict(LOGIN, ssh_user="a\0b")),
                       framed(msgpack.packb(LOGIN) + b"\0"), framed(msgpack.packb([LOGIN]))):
            run, _, init = self.in_session()
            init.socket.sendall(said)
            runs.append(run)
        for run in runs:
            self.assert_ended(run, 254, "failed", "ssh session: .*no login")
            self.assertEqual(run.text("ssh_login"), "")

    def test_half_a_login_and_the_end(self):
        run, identity, init = self.in_session()
        init.socket.sendall(framed(LOGIN)[:-1])
        init.close()
        init.fds = []
        self.over(run, identity, 254)
        self.assertEqual(run.text("ssh_login"), "")

    def test_no_login_but_a_return_value(self):
        run, identity, _ = self.in_session()
        self.over(run, identity, 253)
        self.assertEqual(run.text("ssh_login"), "")

    def test_the_router_dies_before_its_ok(self):
        run, _, init = self.in_session()
        init.socket.sendall(framed(LOGIN))
        self.told()
        self.router.die()
        self.ends(run, 254, "failed", "router")

    def test_removed_at_each_step(self):
        for say in (lambda init: None, lambda init: init.socket.sendall(framed(LOGIN)[:6]),
                    lambda init: (init.socket.sendall(framed(LOGIN)), self.told())):
            run, _, init = self.in_session()
            say(init)
            run.remove()
            self.assertEqual(init.socket.recv(10), b"")
            studentfs.eventually(lambda: os.listdir(self.router.sockets) == ["main.sock"])

    def test_said_by_the_router(self):
        """In message mode the router says it, on the run's own socket."""
        run, identity, _ = self.in_session()
        self.router.send(identity, {"type": "ssh_student", "ssh_user": "root", "ssh_key": "k", "container_id": "c1",
                                    "host": "h", "port": 7})
        self.assertEqual(run.text("ssh_login"), "user: root\npassword: k\nhost: h\nport: 7\n")
        self.over(run, identity)

    def test_not_asked_for(self):
        """An init that says a login of itself says nothing."""
        run, identity, init = self.running()
        init.socket.sendall(framed(LOGIN))
        self.router.send(identity, {"type": "ssh_student", "ssh_user": "root", "ssh_key": "k"})
        self.over(run, identity, 3)
        self.assertEqual(run.text("ssh_login"), "")

    def test_without_a_command(self):
        run, identity, init = self.in_session("")
        self.assertIn(init.command["command"], (None, ""))
        self.over(run, identity)


if __name__ == "__main__":
    studentfs.main()
