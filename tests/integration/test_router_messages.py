"""run_student in message mode, against a router that is played here as INGInious's is, and worse.

One thread has the router; each test says how it goes on from one message of the client's to the next.
"""

import os
import pathlib
import resource
import signal
import subprocess
import time

import msgpack

import studentfs
import test_router
import test_run_student

BLOCK = 512_000
DUMMY = {"type": "dummy_message"}
# What waits in the client, in ZeroMQ's queue before it, and the program itself: MiB.
MEMORY_MAX = 64 + 128 + 50


class Case(test_run_student.Case):
    def setUp(self):
        super().setUp()
        self.router = test_router.Router(sndhwm=0)  # it drops nothing: what is lost is lost by the client
        self.addCleanup(self.router.close)

    def start(self, *options, command="true", **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        process = self.place.start("--transport", "message", "--start-timeout", "3", "--handover-timeout", "2",
                                   "--router-grace", "0.2", "--sockets", self.router.sockets, *options, command, **streams)
        self.addCleanup(self.end, process)
        self.client, self.request = self.router.receive("run_student", 20)
        return process

    def say(self, **message):
        self.router.send(self.client, message)

    def running(self, *options, **more):
        """A command that was taken, as INGInious's router tells."""
        process = self.start(*options, **more)
        self.say(type="run_student_started", container_id="c1")
        self.command = self.router.receive("run_student_init")[1]
        self.say(**DUMMY)
        return process

    def out(self, data, stream="stdout"):
        self.say(type=stream, socket_id=self.request["socket_id"], message=data)

    def next(self, *kinds, seconds=20):
        """The next message of one of those kinds, of any socket; others are dropped."""
        end = time.monotonic() + seconds
        while self.router.zmq.poll(max(0, int((end - time.monotonic()) * 1000))):
            identity, _, body = self.router.zmq.recv_multipart()
            message = msgpack.unpackb(body, raw=False)
            if message["type"] in kinds:
                return identity, message
        raise AssertionError(f"none of {kinds}")

    def ends(self, process, retval, out=b"", err=b"", seconds=30):
        found_out, found_err = process.communicate(timeout=seconds)
        self.assertEqual((process.returncode, found_err), (retval, err))
        self.assertEqual(len(found_out or b""), len(out))
        self.assertTrue((found_out or b"") == out)
        studentfs.eventually(lambda: os.listdir(self.router.sockets) == ["main.sock"], what="no file left")


class Recorded(Case):
    """What the client says, whole and in order; the encoding byte for byte is test_message.c's."""

    def test_the_whole_of_a_run(self):
        process = self.running("--working-dir", "/task/student", "--teardown-script", "down it", command="a 'b c'",
                               stdin=subprocess.PIPE)
        socket_id = self.request["socket_id"]
        self.assertTrue(socket_id.startswith("p") and (self.router.sockets / socket_id).is_file())
        self.assertFalse((self.router.sockets / f"{socket_id}.sock").exists(), "nobody listens in message mode")
        self.assertEqual(self.command, {
            "type": "run_student_init", "socket_id": socket_id, "student_container_id": "c1", "command": "a 'b c'",
            "teardown_script": "down it", "working_dir": "/task/student", "ssh": False, "user": "worker"})
        process.stdin.write(b"x\0\xff")
        process.stdin.flush()
        other, block = self.next("stdin")
        self.assertNotEqual(other, self.client)
        self.assertEqual(block, {"type": "stdin", "message": b"x\0\xff", "student_container_id": "c1"})
        process.send_signal(signal.SIGUSR1)
        third, told = self.next("student_signal")
        self.assertNotIn(third, (other, self.client))
        self.assertEqual(told, {"type": "student_signal", "student_container_id": "c1", "signal_data": b"010"})
        for identity in (other, third):
            self.router.send(identity, DUMMY)
        process.stdin.close()
        process.stdin = None
        self.assertEqual(self.next("stdin")[1],
                         {"type": "stdin", "message": b"", "student_container_id": "c1", "eof": True})
        # One dummy for each message that is not the last, as a REQ would send.
        self.out(b"1")
        self.assertEqual(self.next("dummy_message"), (self.client, DUMMY))
        self.say(type="run_student_retval", retval=7)
        self.ends(process, 7, b"1")

    def test_a_student_who_is_root(self):
        process = self.running("--run-as-root")
        self.assertEqual((self.request["run_as_root"], self.command["user"]), (True, "root"))
        self.say(type="run_student_retval", retval=0)
        self.ends(process, 0)

    def test_input_in_blocks(self):
        """Two at a time, none longer than the protocol has it, whatever the router's answers are."""
        source = self.place.base / "input"
        source.write_bytes(os.urandom(3 * BLOCK + 5))
        with source.open("rb") as stdin:
            process = self.running(stdin=stdin)
        blocks = [self.next("stdin") for _ in range(2)]
        with self.assertRaises(AssertionError):
            self.next("stdin", seconds=0.2)
        for n, answer in enumerate((DUMMY, {"type": "what"}, {"type": "dummy_message", "closed": False})):
            self.router.send(blocks[n][0], answer)
            blocks.append(self.next("stdin"))
        self.assertEqual([len(block["message"]) for _, block in blocks], [BLOCK, BLOCK, BLOCK, 5, 0])
        self.assertEqual(b"".join(block["message"] for _, block in blocks), source.read_bytes())
        self.assertTrue(blocks[-1][1]["eof"])
        self.say(type="run_student_retval", retval=0)
        self.ends(process, 0)

    def test_input_that_is_refused(self):
        """None is read any more, and nothing of it is sent, its end neither."""
        for answer in ({"type": "dummy_message", "closed": True}, None):
            process = self.running(stdin=subprocess.PIPE)
            process.stdin.write(b"x")
            process.stdin.flush()
            other, _ = self.next("stdin")
            if answer:
                self.router.send(other, answer)
            else:  # unasked, on the run's own socket
                self.router.send(other, DUMMY)
                self.say(type="dummy_message", acknowledges="stdin", closed=True)
            studentfs.eventually(lambda p=process: self.holders(p) == 1, what="that it closes its own of the pipe")
            process.stdin.write(b"y")
            process.stdin.close()
            process.stdin = None
            process.send_signal(signal.SIGUSR1)
            self.assertEqual(self.next("stdin", "student_signal")[1]["type"], "student_signal")
            self.say(type="run_student_retval", retval=0)
            self.ends(process, 0)

    @staticmethod
    def holders(process):
        """How many of the program's descriptors are the other end of its standard input: 0 always is."""
        found = os.fstat(process.stdin.fileno()).st_ino
        links = pathlib.Path(f"/proc/{process.pid}/fd").iterdir()
        return sum(link.stat().st_ino == found for link in links if link.exists())


class Output(Case):
    def test_thousands_with_no_dummy_between(self):
        process = self.running()
        out = [os.urandom(n % 50) for n in range(5000)]
        for n, data in enumerate(out):
            self.out(data, "stderr" if n % 3 == 0 else "stdout")
        self.say(type="run_student_retval", retval=9)
        self.ends(process, 9, b"".join(data for n, data in enumerate(out) if n % 3),
                  b"".join(out[::3]))

    def test_blocks_of_all_sizes(self):
        """Also those that no router of ours would send."""
        process = self.running()
        blocks = [os.urandom(size) for size in (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 0, 5_000_000, 1)]
        for block in blocks:
            self.out(block)
        self.say(type="run_student_retval", retval=0)
        self.ends(process, 0, b"".join(blocks))

    def test_old_encodings(self):
        process = self.running()
        self.router.send(self.client, {b"message": b"a\xff", b"type": b"stdout", b"socket_id": b"p"}, use_bin_type=False)
        self.say(type="stdout", socket_id="p", message="text")
        self.say(type="run_student_retval", retval=0)
        self.ends(process, 0, b"a\xfftext")

    def test_before_the_command_was_said_to_be_taken(self):
        process = self.start()
        self.say(type="run_student_started", container_id="c1")
        self.router.receive("run_student_init")
        self.out(b"early ")
        self.say(**DUMMY)
        self.out(b"late")
        self.say(type="run_student_retval", retval=0)
        self.ends(process, 0, b"early late")

    def test_more_than_is_kept_for_a_slow_reader(self):
        """A router that pushes: what the client keeps is bounded, and nothing is lost."""
        reader, writer = os.pipe()
        process = self.running(stdout=writer)
        os.close(writer)
        block = os.urandom(BLOCK)
        n = 600
        for _ in range(n):
            self.out(block)
        self.say(type="run_student_retval", retval=3)
        self.wait_until_full(process)
        size = 0
        with open(reader, "rb") as stdout:
            while data := stdout.read(BLOCK):
                self.assertTrue(data == block)
                size += len(data)
        self.assertEqual(size, n * BLOCK)
        if not studentfs.SANITIZED:
            _, _, used = os.wait4(process.pid, 0)
            self.assertLess(used.ru_maxrss // 1024, MEMORY_MAX)
            self.assertGreater(used.ru_maxrss // 1024, 64)
            process.returncode = 3

    @staticmethod
    def wait_until_full(process):
        """Its memory grows, and then no more."""
        before = 0

        def is_still():
            nonlocal before
            now, last = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]), before
            before = now
            time.sleep(0.3)  # growth would show: it takes a block each millisecond
            return now == last and now * resource.getpagesize() > 64 << 20

        studentfs.eventually(is_still, 30, "that it is full")

    def test_a_reader_that_goes_away(self):
        """The router need not know what that is: nothing is said to one that has not said so."""
        reader, writer = os.pipe()
        process = self.running(stdout=writer)
        os.close(writer)
        self.out(b"x" * BLOCK)
        os.close(reader)
        for _ in range(20):
            self.out(b"y" * BLOCK)
        self.say(type="run_student_retval", retval=5)
        self.ends(process, 5)


class Oddities(Case):
    def test_wrong_messages_while_it_runs(self):
        """They are passed over, and each is answered by a dummy, as any is."""
        process = self.running()
        for message in ({"type": "stdout", "socket_id": "p", "message": 5},
                        {"type": "stdout", "socket_id": "p", "message": None},
                        {"type": "stdout", "socket_id": "p", "message": [b"x"]},
                        {"type": "stdout", "socket_id": 5, "message": b"x"},
                        {"type": "stdout", "socket_id": "p"},
                        {"type": "stdin", "message": b"x", "student_container_id": "c1"},
                        {"type": "student_signal", "student_container_id": "c1", "signal_data": b"009"},
                        {"type": "run_student", "socket_id": "p"},
                        {"type": "run_student_started", "container_id": 5},
                        {"type": "run_student_started", "container_id": "c2", "features": ["fd", 5, None, {}]},
                        {"type": "run_student_retval"},
                        {"type": "run_student_retval", "retval": 0, "signal": "x"},
                        {"type": "run_student_retval", "retval": 0, "usage": [1]},
                        {"type": "run_student_retval", "retval": 0, "usage": {"cpu_usec": "x"}},
                        {"type": "run_student_retval", "retval": 0, "reason": 7},
                        {"type": "run_student_retval", "retval": 0, "termination": ["exited"]},
                        {"type": "ssh_student", "ssh_user": "u", "ssh_key": "k", "container_id": "c1"},
                        {"type": "ok", "host": 5, "port": "x"}, {"type": "dummy_message", "acknowledges": 5},
                        {"type": "dummy_message", "closed": "x"}, {5: 6, "type": "stdout"}, [], 5, None, "x",
                        {"type": "what", "x": msgpack.ExtType(5, b"y")}, {"type": msgpack.ExtType(1, b"stdout")},
                        {"type": "stdout", "message": msgpack.ExtType(1, b"x"), "socket_id": "p"}):
            self.router.send(self.client, message)
        deep = b"\x82\xa4type\xa6stdout\xa1x" + b"\x91" * 1000 + b"\xc0"
        for body in (deep, b"\x82\xa4type\xa6stdout\xa7message\xc6\xff\xff\xff\xf0x", b"\x81\xa4type\xdb\x7f\xff\xff\xff",
                     b"\x81\xa4type\xc9\xff\xff\xff\xff\x01", b"\xdf\xff\xff\xff\xff", b"\xdd\x00\xff\xff\xff" + b"\xc0" * 1000,
                     b"\x91" * 100_000, os.urandom(1000)):
            self.router.zmq.send_multipart([self.client, b"", body])
        self.out(b"still here")
        self.say(type="run_student_retval", retval=4)
        self.ends(process, 4, b"still here")

    def test_stops_of_the_signals_socket(self):
        """Answers that nobody asked for, and of other kinds."""
        process = self.running()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
            third, _ = self.next("student_signal")
            for answer in (DUMMY, {"type": "run_student_retval", "retval": 1}, {"type": "what"}, []):
                self.router.send(third, answer)
        self.say(type="run_student_retval", retval=0)
        self.ends(process, 0)

    def test_more_answers_than_blocks(self):
        process = self.running(stdin=subprocess.PIPE)
        process.stdin.write(b"1")
        process.stdin.flush()
        other, _ = self.next("stdin")
        for _ in range(10):
            self.router.send(other, DUMMY)
        process.stdin.write(b"2")
        process.stdin.close()
        process.stdin = None
        self.assertEqual(self.next("stdin")[1]["message"], b"2")
        self.assertTrue(self.next("stdin")[1]["eof"])
        self.say(type="run_student_retval", retval=0)
        self.ends(process, 0)

    def test_silence_to_each_other_socket(self):
        """The return value ends a run whose input and signals nobody answers."""
        process = self.running(stdin=subprocess.PIPE)
        process.stdin.write(b"x" * 100)
        process.stdin.flush()
        for _ in range(5):
            process.send_signal(signal.SIGUSR1)
            self.next("student_signal")
        self.say(type="run_student_retval", retval=0)
        self.assertEqual(process.wait(20), 0)

    def test_a_router_that_forgets_the_run(self):
        """It lives, and says nothing any more: that is waited for beyond the limit, and not for ever."""
        process = self.running("--hard-time", "1", "--retval-timeout", "0.2")
        self.assertEqual(self.request["hard_time_limit"], 1)
        self.out(b"some")
        out, err = process.communicate(timeout=30)
        self.assertEqual((process.returncode, out), (254, b"some"))
        self.assertIn(b"the run's time is over, and no return value came", err)

    def test_no_such_bound_while_output_waits(self):
        """The return value comes behind it, however long its reader takes."""
        process = self.running("--hard-time", "1", "--retval-timeout", "0.2")
        self.out(bytes(BLOCK))
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(2.5)
        self.assertEqual(process.stdout.read(BLOCK), bytes(BLOCK))
        self.say(type="run_student_retval", retval=3)
        self.ends(process, 3)

    def test_a_router_that_dies_with_output_on_its_way(self):
        process = self.running()
        self.out(b"some")
        self.next("dummy_message")
        self.assertEqual(process.stdout.read(4), b"some")
        self.router.die()
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 254)
        self.assertRegex(err, rb"^run_student: 254: the router at .* went away\n$")

    def test_what_comes_in_the_wrong_order(self):
        """Output, answers and sessions of a run that does not exist yet mean nothing."""
        process = self.start()
        self.out(b"nothing")
        self.say(**DUMMY)
        self.say(type="ssh_student", ssh_user="u", ssh_key="k", container_id="c1")
        self.say(type="run_student_started", container_id="c1")
        self.router.receive("run_student_init")
        self.say(**DUMMY)
        self.say(type="run_student_started", container_id="c2")
        self.say(**DUMMY)
        self.out(b"one")
        self.say(type="run_student_retval", retval=0)
        self.say(type="run_student_retval", retval=1)
        self.out(b"two")
        self.ends(process, 0, b"one")


if __name__ == "__main__":
    studentfs.main()
