"""studentfs-agent in message mode, by a client that shares no code with it: in the style of
INGInious's own (a REQ socket, which loses what it has not asked for) and in that of one that
receives freely.
"""

import contextlib
import hashlib
import os
import pathlib
import signal
import time
import unittest

import msgpack
import zmq

import studentfs
from test_agent import AgentTest, Client, pack

BLOCK_MAX = 512_000
WINDOW = 4
DUMMY = {"type": "dummy_message"}
INPUT_CLOSED = {"type": "dummy_message", "acknowledges": "stdin", "closed": True}
CLOSED = {"type": "dummy_message", "closed": True}


class MessageClient(Client):
    """A run over messages: it makes the placeholder, and listens nowhere."""

    def __init__(self, agent, kind=zmq.DEALER, free=True):
        super().__init__(agent, kind)
        self.listener.close()
        self.path.unlink()
        self.free = free and kind == zmq.DEALER
        self.is_input_closed = False
        self.retval = None
        self.output = {"stdout": bytearray(), "stderr": bytearray()}
        self.blocks = []
        self.ended = set()

    def other(self):
        """A socket besides the run's own: for input, for a signal."""
        other = self.agent.context.socket(self.kind)
        other.linger = 0
        other.connect(f"ipc://{self.agent.sockets}/main.sock")
        return other

    def tell_other(self, other, message):
        body = pack(message)
        other.send_multipart([body] if self.kind == zmq.REQ else [b"", body])

    def ask_other(self, other, message):
        self.tell_other(other, message)
        return self.answer_of(other)

    def answer_of(self, other, seconds=20):
        if not other.poll(seconds * 1000):
            raise AssertionError("no answer")
        return msgpack.unpackb(other.recv_multipart()[-1], raw=False)

    def init_map(self, command, **changes):
        message = {
            "type": "run_student_init", "socket_id": self.socket_id, "student_container_id": self.container_id,
            "command": command, "teardown_script": "", "working_dir": "/task", "ssh": False, "user": "worker"}
        message.update(changes)
        return message

    def launch(self, command, changes=None, **asked):
        """Everything up to the answer to run_student_init."""
        self.is_input_closed = False
        self.request(receives_freely=True if self.free else "absent", **asked)
        self.started()
        self.send(self.init_map(command, **(changes or {})))
        answer = self.receive()
        assert answer == DUMMY, answer

    def take(self, acknowledge=True):
        """One message of the run's, as a client of its style takes it."""
        if not self.free:
            self.dummy()
        message = self.receive(60)
        if message["type"] == "run_student_retval":
            self.retval = message
            return message
        if message == INPUT_CLOSED and self.free:
            assert not self.is_input_closed, "told twice"
            self.is_input_closed = True
            return message
        stream = message["type"]
        assert stream in self.output and message["socket_id"] == self.socket_id, message
        assert stream not in self.ended, "a block after the stream's end"
        assert len(message["message"]) <= BLOCK_MAX
        self.output[stream] += message["message"]
        self.blocks.append((stream, len(message["message"])))
        if message.get("eof"):
            self.ended.add(stream)
        if self.free and acknowledge:
            self.acknowledge(stream)
        return message

    def acknowledge(self, stream, **more):
        self.send({"type": "dummy_message", "acknowledges": stream, **more})

    def finish(self):
        while self.retval is None:
            self.take()
        return self.retval["retval"]

    def take_until(self, stream, text):
        while text not in self.output[stream]:
            self.take()
            assert self.retval is None, self.retval

    def stdin_map(self, data, **more):
        return {"type": "stdin", "message": data, "student_container_id": self.container_id, **more}

    def stdin(self, data, **more):
        with contextlib.closing(self.other()) as own:
            return self.ask_other(own, self.stdin_map(data, **more))

    def signal(self, digits):
        with contextlib.closing(self.other()) as own:
            return self.ask_other(own, {"type": "student_signal", "student_container_id": self.container_id,
                                        "signal_data": digits})


STYLES = {"REQ": {"kind": zmq.REQ}, "DEALER, paced": {"free": False}, "free": {}}


def script(text):
    """A command that is a shell's script, with no single quotes in it."""
    return f"sh -c '{text}'"


class MessageTest(AgentTest):
    def client(self, **style):
        return contextlib.closing(MessageClient(self.agent, **style))

    def students_state(self, state):
        """Of the one student that there is: S, R, ..."""
        found = self.agent.students()
        return len(found) == 1 and studentfs.process_stat(found[0])[0] == state

    def in_each_style(self, function):
        for name, style in STYLES.items():
            with self.subTest(style=name), self.client(**style) as client:
                function(client)


class Runs(MessageTest):
    def test_return_value(self):
        def run(client):
            client.launch("student/student exit 7")
            self.assertEqual(client.finish(), 7)
            self.assertEqual(client.output, {"stdout": b"", "stderr": b""})
        self.in_each_style(run)

    def test_output_of_both_streams(self):
        def run(client):
            client.launch(script("echo out; echo err >&2; exit 3"))
            self.assertEqual(client.finish(), 3)
            self.assertEqual(client.output, {"stdout": b"out\n", "stderr": b"err\n"})
            self.assertEqual(client.ended, {"stdout", "stderr"} if client.free else set())
        self.in_each_style(run)

    def test_input_and_its_end(self):
        def run(client):
            client.launch("cat")
            with contextlib.closing(client.other()) as other:
                for block in (b"first", b"\0\xff", b"x" * BLOCK_MAX):
                    client.tell_other(other, client.stdin_map(block))
                    while not client.output["stdout"].endswith(block):
                        client.take()  # the pipe has not taken all of it before
                    self.assertEqual(client.answer_of(other), DUMMY)
                answer = client.ask_other(other, client.stdin_map(b"", eof=True))
                self.assertEqual(answer, DUMMY)
            self.assertEqual(client.finish(), 0)
            self.assertEqual(client.output["stdout"], b"first\0\xff" + b"x" * BLOCK_MAX)
        self.in_each_style(run)

    def test_limits(self):
        """The verdicts are those of fd mode, with all output before them."""
        cases = (("student/student spin 2", 253, "cpu_time", {"time_limit": 1, "hard_time_limit": 40}),
                 ("student/student sleep", 253, "wall_time", {"hard_time_limit": 1}),
                 ("student/student hog", 252, "memory", {"memory_limit": 30}))
        for command, retval, termination, asked in cases:
            with self.subTest(termination=termination), self.client() as client:
                client.launch(script(f"echo before; {command}"), **asked)
                self.assertEqual(client.finish(), retval)
                self.assertEqual(client.retval["termination"], termination)
                self.assertEqual(client.output["stdout"], b"before\n")
        with self.client() as client:
            client.launch("student/student raise 11")
            self.assertEqual((client.finish(), client.retval["signal"]), (139, 11))

    def test_a_flood_that_a_limit_ends(self):
        def run(client):
            client.launch("student/student flood", hard_time_limit=1)
            self.assertEqual(client.finish(), 253)
        self.in_each_style(run)

    def test_root(self):
        with self.client() as client:
            client.launch(script("id -u; cat"), changes={"user": "root"}, run_as_root=True)
            client.stdin(b"fed", eof=True)
            self.assertEqual((client.finish(), client.output["stdout"]), (0, b"0\nfed"))

    def test_teardown(self):
        """It has no streams, and comes before the return value."""
        with self.client() as client:
            client.launch(script("echo command; exit 9"),
                          changes={"teardown_script": script("echo teardown; echo ran > student/teardown")})
            self.assertEqual((client.finish(), client.output["stdout"]), (9, b"command\n"))
        self.assertEqual((self.agent.student / "teardown").read_text(), "ran\n")

    def test_the_streams_can_be_opened_by_their_names(self):
        with self.client() as client:
            client.launch(script("cat /dev/stdin > /dev/stdout; echo e > /dev/stderr"))
            client.stdin(b"named", eof=True)
            self.assertEqual((client.finish(), client.output), (0, {"stdout": b"named", "stderr": b"e\n"}))

    def test_failures(self):
        for command, changes, retval in (("no-such-program", {}, 127), ("sh -c 'open", {}, 254),
                                         ("true", {"working_dir": "/nowhere"}, 254), ("true", {"user": "root"}, 251),
                                         ("true", {"user": "nobody"}, 254)):
            with self.subTest(command=command, changes=changes), self.client() as client:
                client.launch(command, changes)
                self.assertEqual(client.finish(), retval)
                self.assertTrue(client.retval["reason"])

    def test_one_after_the_other_on_one_socket(self):
        def run(client):
            for number in range(3):
                client.launch(f"student/student exit {number}")
                self.assertEqual(client.finish(), number)
                client.retval = None
                client.ended.clear()
        self.in_each_style(run)

    def test_many_at_the_same_time(self):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.client()) for _ in range(30)]
            for client in clients:
                client.request(receives_freely=True)
            for number, client in enumerate(clients):
                client.started()
                client.send(client.init_map(f"sh -c 'echo {number}; exit {number}'"))
                self.assertEqual(client.receive(), DUMMY)
            for number, client in enumerate(clients):
                self.assertEqual(client.finish(), number)
                self.assertEqual(client.output["stdout"], b"%d\n" % number)


class Output(MessageTest):
    def test_thousands_of_tiny_writes(self):
        """In order, and complete before the return value."""
        program = ("python3 -c 'import os\n"
                   "for i in range(5000): os.write(1 + i % 2, b\"%d\\n\" % i)'")
        expected = {"stdout": b"".join(b"%d\n" % i for i in range(0, 5000, 2)),
                    "stderr": b"".join(b"%d\n" % i for i in range(1, 5000, 2))}

        def run(client):
            client.launch(program)
            self.assertEqual((client.finish(), client.output), (0, expected))
        self.in_each_style(run)

    def test_the_bytes_are_those_of_fd_mode(self):
        command = "student/student pattern 20000003"
        with self.agent.client() as client, client.start(command, receives_freely=True) as out:
            expected = hashlib.sha256(out.read()).hexdigest()
            self.ends(client, 0)

        def run(client):
            client.launch(command)
            self.assertEqual(client.finish(), 0)
            self.assertEqual(len(client.output["stdout"]), 20000003)
            self.assertEqual(hashlib.sha256(client.output["stdout"]).hexdigest(), expected)
        self.in_each_style(run)

    def test_one_stream_ends_before_the_other(self):
        def run(client):
            client.launch(script("echo a; exec 1>&-; echo b >&2; read line; echo c >&2"))
            client.take_until("stderr", b"b\n")
            if client.free:
                while "stdout" not in client.ended:
                    client.take()
            client.stdin(b"go on\n")
            self.assertEqual((client.finish(), client.output), (0, {"stdout": b"a\n", "stderr": b"b\nc\n"}))
        self.in_each_style(run)

    def test_what_is_left_behind_holds_the_pipes(self):
        """The end of the run is the end of its streams."""
        def run(client):
            client.launch("student/student daemon 5")
            self.assertEqual((client.finish(), client.output["stdout"]), (5, b"left\n"))
        self.in_each_style(run)

    def test_the_window(self):
        """Blocks on their way are few, of each stream by itself; an acknowledgement lets one more go."""
        with self.client() as client:
            client.launch(script("student/student flood & student/student flood >&2"))
            seen = [client.take(acknowledge=False)["type"] for _ in range(2 * WINDOW)]
            self.assertEqual((seen.count("stdout"), seen.count("stderr")), (WINDOW, WINDOW))
            client.dummy()
            self.assertTrue(client.is_silent(), "more than the window")
            client.acknowledge("stderr")
            self.assertEqual(client.take(acknowledge=False)["type"], "stderr")
            self.assertTrue(client.is_silent())
            for _ in range(20):
                client.acknowledge("stdout")  # more than there were: only those count
            for _ in range(WINDOW):
                self.assertEqual(client.take(acknowledge=False)["type"], "stdout")

    def test_a_paced_client_gets_what_it_asks_for(self):
        for style in ("REQ", "DEALER, paced"):
            with self.subTest(style=style), self.client(**STYLES[style]) as client:
                client.launch("student/student flood")
                self.assertTrue(client.is_silent())
                for _ in range(10):
                    client.take()
                    self.assertTrue(client.is_silent(20))

    def stands_still(self):
        """Of the one student: it waits, and wrote nothing since the last look."""
        written = pathlib.Path(f"/proc/{self.agent.students()[0]}/io").read_text() if self.agent.students() else None
        before, self.written = getattr(self, "written", None), written
        return written is not None and written == before and self.students_state("S")

    def agent_rss(self):
        text = pathlib.Path(f"/proc/{self.agent.process.pid}/status").read_text()
        return int(text.split("VmRSS:")[1].split()[0])  # KiB

    @unittest.skipIf(studentfs.SANITIZED, "a sanitizer keeps what was freed")
    def test_endless_output_to_one_who_does_not_read(self):
        """It stays with the student: nothing grows but by the blocks of the window."""
        def run(client):
            before = self.agent_rss()
            client.launch("student/student flood")
            studentfs.eventually(self.stands_still, what="the student's standstill")
            grown = [self.agent_rss() - before]
            for _ in range(100):
                client.take()
            studentfs.eventually(self.stands_still, what="the student's standstill")
            grown.append(self.agent_rss() - before)
            self.assertLess(max(grown), 2 * (WINDOW + 1) * BLOCK_MAX >> 10)
            for pid in self.agent.students():
                os.kill(pid, signal.SIGKILL)
            self.assertEqual(client.finish(), 137)
        self.in_each_style(run)

    def test_a_reader_that_has_had_enough(self):
        with self.client() as client:
            client.launch("student/student flood")
            client.take(acknowledge=False)
            client.acknowledge("stdout", closed=True)
            self.assertEqual(client.finish(), 141)
        with self.client() as client:
            client.launch(script("trap \"\" PIPE; read x; echo lost; echo kept >&2"))
            client.acknowledge("stdout", closed=True)
            client.stdin(b"\n")
            self.assertEqual((client.finish(), client.output), (0, {"stdout": b"", "stderr": client.output["stderr"]}))
            self.assertIn(b"kept", client.output["stderr"])

    def test_output_that_waits_after_the_end(self):
        """The run is over and its sandbox gone; what it wrote is still there."""
        def run(client):
            client.launch("student/student pattern 60000")
            studentfs.eventually(lambda: not self.agent.students(), what="the end")
            self.assertEqual((client.finish(), len(client.output["stdout"])), (0, 60000))
        self.in_each_style(run)


class Input(MessageTest):
    def test_a_block_is_answered_when_it_is_taken(self):
        with self.client() as client, contextlib.closing(client.other()) as other:
            client.launch(script("read line; exec cat"))
            client.tell_other(other, client.stdin_map(b"y" * BLOCK_MAX))
            client.tell_other(other, client.stdin_map(b"\n" + b"z" * (BLOCK_MAX - 1)))
            client.tell_other(other, client.stdin_map(b"", eof=True))
            self.assertEqual(client.finish(), 0)
            self.assertEqual([client.answer_of(other) for _ in range(3)], [DUMMY] * 3)
            self.assertEqual(client.output["stdout"], b"z" * (BLOCK_MAX - 1))

    def test_signals_pass_input_that_is_stuck(self):
        def run(client):
            client.launch("student/student catch")
            client.take_until("stdout", b"ready\n")
            with contextlib.closing(client.other()) as other:
                client.tell_other(other, client.stdin_map(b"y" * BLOCK_MAX))
                self.assertFalse(other.poll(100), "taken by nobody")
                self.assertEqual(client.signal(b"010"), DUMMY)
                client.take_until("stdout", b"10\n")
                for digits in (b"099", b"000", b"-01", b"---", b"12", b"", b"0010"):
                    self.assertEqual(client.signal(digits), DUMMY)
                self.assertEqual(client.signal(b"012"), DUMMY)
                client.take_until("stdout", b"12\n")
                self.assertEqual(client.output["stdout"], b"ready\n10\n12\n")
                client.signal(b"015")
                self.assertEqual(client.finish(), 7)
                self.assertEqual(client.answer_of(other), CLOSED)
        self.in_each_style(run)

    def test_signals_after_the_end_of_input(self):
        with self.client() as client:
            client.launch("student/student catch")
            self.assertEqual(client.stdin(b"", eof=True), DUMMY)
            self.assertEqual(client.stdin(b"more"), CLOSED)
            client.take_until("stdout", b"ready\n")
            client.signal(b"015")
            self.assertEqual(client.finish(), 7)

    def test_a_command_that_closes_its_input(self):
        with self.client() as client:
            client.launch(script("exec 0<&-; echo closed; exec student/student sleep"))
            client.take_until("stdout", b"closed\n")
            while not client.is_input_closed:  # said, and nobody asked
                client.take()
            self.assertEqual(client.stdin(b"x"), CLOSED)
            self.assertEqual(client.stdin(b"", eof=True), CLOSED)

    def test_one_that_is_closed_while_a_block_waits(self):
        with self.client() as client, contextlib.closing(client.other()) as other:
            client.launch(script("echo ready; kill -STOP $$; exec 0<&-; exec student/student sleep"))
            client.take_until("stdout", b"ready\n")
            client.tell_other(other, client.stdin_map(b"y" * BLOCK_MAX))
            self.assertFalse(other.poll(100))
            client.signal(b"%03d" % signal.SIGCONT)
            self.assertEqual(client.answer_of(other), CLOSED)

    def test_a_client_that_does_not_wait(self):
        """What is kept is bounded; the rest is refused, and nothing follows a gap."""
        with self.client() as client, contextlib.closing(client.other()) as other:
            client.launch(script("read line; exec cat"))
            for number in range(20):
                client.tell_other(other, client.stdin_map(b"%d" % (number % 10) * BLOCK_MAX))
            refused = [client.answer_of(other) for _ in range(16)]
            self.assertEqual(refused, [CLOSED] * 16)
            self.assertEqual(client.finish(), 0)
            self.assertEqual([client.answer_of(other) for _ in range(4)], [DUMMY] * 4)
            self.assertEqual(client.output["stdout"], b"")

    def test_a_block_that_is_too_long(self):
        with self.client() as client:
            client.launch("cat")
            self.assertEqual(client.stdin(b"short"), DUMMY)
            self.assertEqual(client.stdin(b"x" * (BLOCK_MAX + 1)), CLOSED)
            self.assertEqual((client.finish(), client.output["stdout"]), (0, b"short"))
        with self.client() as client:
            client.launch("cat")
            self.assertEqual(client.stdin(b"x", padding="y" * 2 * BLOCK_MAX), CLOSED)
            self.assertEqual((client.finish(), client.output["stdout"]), (0, b""))

    def test_nobody_else_s_run(self):
        with self.client() as client:
            client.launch("cat")
            own = client.container_id
            for guess in ("", "x", own[:-1], own + "0", own[:-16] + "0" * 16, own.replace("studentfs", "p")):
                client.container_id = guess
                self.assertEqual(client.stdin(b"not mine", eof=True), CLOSED)
                self.assertEqual(client.signal(b"009"), DUMMY)
            client.container_id = own
            client.stdin(b"mine", eof=True)
            self.assertEqual((client.finish(), client.output["stdout"]), (0, b"mine"))

    def test_container_ids_cannot_be_counted(self):
        seen = set()
        for _ in range(3):
            with self.client() as client:
                client.launch("true")
                client.finish()
                seen.add(client.container_id[-16:])
        self.assertEqual(len(seen), 3)

    def test_input_of_a_run_in_fd_mode(self):
        with self.agent.client() as client, self.client() as stranger:
            client.start("student/student sleep", receives_freely=True).close()
            stranger.container_id = client.container_id
            self.assertEqual(stranger.stdin(b"x"), CLOSED)


class Silence(MessageTest):
    agent_options = ("--handover-timeout", "1")

    def test_no_command(self):
        with self.client() as client:
            client.request(receives_freely=True)
            client.started()
            began = time.monotonic()
            self.assertEqual(client.finish(), 254)
            self.assertLess(time.monotonic() - began, 9)  # 10 s is the default
            self.assertEqual(client.retval["reason"], "the client did not hand over a command in time")


class HandOver(MessageTest):
    def test_another_run_s(self):
        for changes in ({"student_container_id": "another"}, {"socket_id": "another"}):
            for style in STYLES.values():
                with self.subTest(**changes, **style), self.client(**style) as client:
                    client.request(receives_freely=True if client.free else "absent")
                    client.started()
                    client.send(client.init_map("true", **changes))
                    if client.free:
                        client.finish()
                    else:
                        client.retval = client.receive()
                    self.assertEqual(client.retval["retval"], 254)
                    self.assertRegex(client.retval["reason"], "another run")

    def test_twice(self):
        def run(client):
            client.launch(script("read x; echo $x"))
            client.send(client.init_map("false"))
            self.assertEqual(client.receive(), DUMMY)
            client.stdin(b"first\n")
            self.assertEqual((client.finish(), client.output["stdout"]), (0, b"first\n"))
        self.in_each_style(run)

    def test_of_a_client_that_listens_too(self):
        """One that falls back from fd mode though init was there: answered, and its run ended in time."""
        with self.agent.client() as client:
            client.request(receives_freely=True)
            client.started()
            client.accept()
            client.send(MessageClient.init_map(client, "true"))
            self.assertEqual(client.receive(), DUMMY)
            client.give(client.command_map("student/student exit 6")).close()
            self.ends(client, 6)

    def test_after_the_end(self):
        with self.client(kind=zmq.REQ) as client:
            client.request()
            client.started()
            for pid, _ in studentfs.descendants(self.agent.process.pid):
                if studentfs.program_of(pid) == "student-init":
                    os.kill(pid, signal.SIGKILL)
            client.send(client.init_map("true"))
            message = client.receive()
            if message["type"] == "dummy_message":
                message = client.take()
            self.assertEqual((message["type"], message["retval"]), ("run_student_retval", 254), message)

    def test_commands_of_all_sizes(self):
        for size in (0, 1, 30, 300, 70_000, 120_000):
            with self.subTest(size=size), self.client() as client:
                client.launch("student/student exit 3 " + "x" * size)
                self.assertEqual(client.finish(), 3)

    def test_missing_keys(self):
        for missing in ("socket_id", "student_container_id", "working_dir", "user"):
            with self.subTest(missing=missing), self.client() as client:
                client.request(receives_freely=True)
                client.started()
                message = client.init_map("true")
                del message[missing]
                client.send(message)
                self.assertEqual(client.receive()["retval"], 254)
        with self.client() as client:
            client.request(receives_freely=True)
            client.started()
            message = client.init_map("student/student exit 8")
            for missing in ("teardown_script", "ssh"):
                del message[missing]
            client.send(message)
            self.assertEqual((client.receive(), client.finish()), (DUMMY, 8))

    def test_garbage_besides_a_run(self):
        """Each is answered where a REQ would wait, and harms nobody."""
        with self.client() as client:
            client.launch(script("read x; echo $x"))
            for body in (b"", b"\xc1", os.urandom(1000), pack({"type": "stdin"}), pack({"type": "stdin", "message": 5}),
                         pack({"type": "stdin", "message": b"x"}), pack({"type": "student_signal"}),
                         pack({"type": "student_signal", "student_container_id": client.container_id}),
                         pack({"type": "stdout", "message": b"x", "socket_id": client.socket_id}),
                         pack({"type": "stdin", "student_container_id": [1], "message": b""}),
                         pack(client.stdin_map(b"x"))[:-1]):
                with contextlib.closing(self.agent.context.socket(zmq.REQ)) as other:
                    other.linger = 0
                    other.connect(f"ipc://{self.agent.sockets}/main.sock")
                    other.send(body)
                    self.assertEqual(client.answer_of(other)["retval"], 254)
            for acknowledged in ("stdin", "", "x" * 1000):
                client.acknowledge(acknowledged)
            client.stdin(b"alive\n")
            self.assertEqual((client.finish(), client.output["stdout"]), (0, b"alive\n"))

    def test_old_encodings(self):
        """Older peers pack without the bin type."""
        with self.client() as client:
            client.launch("cat")
            body = msgpack.packb(client.stdin_map(b"old"), use_bin_type=False)
            with contextlib.closing(client.other()) as other:
                other.send_multipart([b"", body])
                self.assertEqual(client.answer_of(other), DUMMY)
            client.stdin("text", eof=True)
            self.assertEqual((client.finish(), client.output["stdout"]), (0, b"oldtext"))


class Bytes(MessageTest):
    """What the agent sends, byte for byte."""

    def test_recorded(self):
        def text(string):
            return bytes([0xA0 + len(string)]) + string if len(string) < 32 else b"\xd9" + bytes([len(string)]) + string

        with self.client() as client:
            client.request(receives_freely=True)
            client.started()
            name = client.socket_id.encode()
            client.send(client.init_map(script("printf out; read x; printf err >&2; exec 2>&-; read x")))
            self.assertEqual(client.zmq.recv_multipart(), [b"", b"\x81\xa4type\xaddummy_message"])
            stdout = b"\x83\xa4type\xa6stdout\xa9socket_id" + text(name) + b"\xa7message\xc4"
            self.assertEqual(client.zmq.recv_multipart(), [b"", stdout + b"\x03out"])
            client.acknowledge("stdout")
            client.stdin(b"\n")
            stderr = b"\xa4type\xa6stderr\xa9socket_id" + text(name) + b"\xa7message\xc4"
            self.assertEqual(client.zmq.recv_multipart(), [b"", b"\x83" + stderr + b"\x03err"])
            self.assertEqual(client.zmq.recv_multipart(), [b"", b"\x84" + stderr + b"\x00\xa3eof\xc3"])
            with contextlib.closing(client.other()) as other:
                other.send_multipart([b"", pack(client.stdin_map(b"", eof=True))])
                self.assertEqual(other.recv_multipart(), [b"", b"\x81\xa4type\xaddummy_message"])
                other.send_multipart([b"", pack(client.stdin_map(b"x"))])
                self.assertEqual(other.recv_multipart(), [b"", b"\x82\xa4type\xaddummy_message\xa6closed\xc3"])
            while client.retval is None:
                client.take()

    def test_a_paced_client_sees_nothing_new(self):
        """Only the keys of section 5, and no message for the end of a stream."""
        with self.client(kind=zmq.REQ) as client:
            client.launch(script("echo out; echo err >&2"))
            messages = []
            while client.retval is None:
                messages.append(client.take())
            for message in messages[:-1]:
                self.assertEqual(set(message), {"type", "socket_id", "message"})
                self.assertTrue(message["message"])
            self.assertEqual(len(messages), 3)


class Death(MessageTest):
    """Clients that go: their runs end, and their files with them."""

    def dies(self, step, **style):
        """A client's process, killed after step(client)."""
        ready = self.agent.base / "ready"
        ready.unlink(missing_ok=True)
        pid = os.fork()
        if pid == 0:
            with contextlib.suppress(BaseException):
                self.agent.context = zmq.Context()
                client = MessageClient(self.agent, **style)
                step(client)
                ready.touch()
                signal.pause()
            os._exit(0)
        studentfs.eventually(ready.exists)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        studentfs.eventually(lambda: not self.agent.students(), 5, "the student's end")
        studentfs.eventually(lambda: os.listdir(self.agent.sockets) == ["main.sock"], 5, "the files' end")

    def test_of_each_style_while_it_runs(self):
        def running(client):
            client.launch("student/student stubborn")
            client.take_until("stdout", b"ignoring\n")
        for name, style in STYLES.items():
            with self.subTest(style=name):
                self.dies(running, **style)

    def test_at_other_steps(self):
        def asked(client):
            client.request(receives_freely=True)
            client.started()

        def stuck(client):
            client.launch("student/student flood")
            studentfs.eventually(lambda: self.students_state("S"))

        def ended(client):
            client.launch("student/student pattern 3000000")
            client.take(acknowledge=False)
            for pid in self.agent.students():
                os.kill(pid, signal.SIGKILL)

        def feeding(client):
            client.launch("student/student sleep")
            client.tell_other(client.other(), client.stdin_map(b"x" * BLOCK_MAX))
        for step in (asked, stuck, ended, feeding):
            with self.subTest(step=step.__name__):
                self.dies(step)
        with self.client() as client:
            client.launch("true")
            self.assertEqual(client.finish(), 0)

    def test_nothing_else_is_removed(self):
        """Names that are no client's, and files that are not empty."""
        (self.agent.sockets / "pfull").write_text("kept")
        (self.agent.sockets / "other").touch()
        for name in ("pfull", "other", "main"):
            with self.client() as client:
                client.socket_id = name
                client.request(receives_freely=True)
                client.receive()
            self.assertTrue((self.agent.sockets / "main.sock").is_socket())
        with self.client() as client:
            client.launch("true")
            self.assertEqual(client.finish(), 0)
        for name in ("pfull", "other"):
            (self.agent.sockets / name).unlink()

    def test_of_a_connection_whose_descriptor_is_used_again(self):
        """Each new client has the descriptor that the last one left; none takes another along."""
        for _ in range(20):
            with self.client() as client:
                client.launch("student/student sleep")
            with self.client() as client:
                client.launch("true")
                self.assertEqual(client.finish(), 0)


if __name__ == "__main__":
    studentfs.main()
