"""studentfs-agent in message mode, by a client that shares no code with it: in the style of
INGInious's own (a REQ socket, which loses what it has not asked for) and in that of one that
receives freely.
"""

import contextlib
import hashlib
import itertools
import os
import signal
import threading

import msgpack
import zmq

import studentfs
from test_agent import Agent, AgentTest, Client, pack

BLOCK_MAX = 512_000
WINDOW = 4


class MessageClient(Client):
    """A run over messages: it makes the placeholder, and listens nowhere."""

    def __init__(self, agent, kind=zmq.DEALER, free=True):
        super().__init__(agent, kind)
        self.listener.close()
        self.path.unlink()
        self.free = free and kind == zmq.DEALER
        self.retval = None
        self.output = {"stdout": b"", "stderr": b""}
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
        self.request(receives_freely=True if self.free else "absent", **asked)
        self.started()
        self.send(self.init_map(command, **(changes or {})))
        answer = self.receive()
        assert answer == {"type": "dummy_message"}, answer

    def take(self, acknowledge=True):
        """One message of the run's, as a client of its style takes it."""
        if not self.free:
            self.dummy()
        message = self.receive(60)
        if message["type"] == "run_student_retval":
            self.retval = message
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


class MessageTest(AgentTest):
    def client(self, **style):
        return contextlib.closing(MessageClient(self.agent, **style))

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
            client.launch("sh -c 'echo out; echo err >&2; exit 3'")
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
                    self.assertEqual(client.answer_of(other), {"type": "dummy_message"})
                answer = client.ask_other(other, client.stdin_map(b"", eof=True))
                self.assertEqual(answer, {"type": "dummy_message"})
            self.assertEqual(client.finish(), 0)
            self.assertEqual(client.output["stdout"], b"first\0\xff" + b"x" * BLOCK_MAX)
        self.in_each_style(run)


if __name__ == "__main__":
    studentfs.main()
