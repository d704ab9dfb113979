"""student-init in the place of INGInious's own init, in a container of its own, beside an agent
and a client that are scripts: with a socket at /__parent.sock, and over messages.
"""

import array
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile

import msgpack

import studentfs

BLOCK_MAX = 512_000
ID = "the container"


def pack(message):
    return msgpack.packb(message, use_bin_type=True)


def framed(message):
    body = pack(message)
    return struct.pack(">I", len(body)) + body


class Container:
    """bwrap around student-init: as root of a container, as Docker starts it."""

    def __init__(self, parent=False, system_files=None):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.base.chmod(0o755)
        self.student = self.base / "student"
        self.student.mkdir()
        self.student.chmod(0o777)
        shutil.copy(studentfs.STUDENT, self.student / "student")
        self.listener = self.connection = None
        words = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--ro-bind", "/usr", "/usr"]
        for name in ("bin", "lib", "lib64"):
            words += ["--symlink", f"usr/{name}", f"/{name}"]
        words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp", "--perms", "0755",
                  "--dir", "/task", "--bind", self.student, "/task/student", "--ro-bind",
                  studentfs.BIN / "student-init", "/student-init"]
        if system_files is not None:
            (self.base / "etc").mkdir()
            (self.base / "etc/hosts").write_text("127.0.0.1 localhost\n")
            (self.base / "etc/resolv.conf").write_text("nameserver 1.1.1.1\nnameserver 2.2.2.2\n")
            (self.base / "systemfiles").mkdir()
            for name, text in system_files.items():
                (self.base / "systemfiles" / name).write_text(text)
            words += ["--bind", self.base / "etc", "/etc", "--ro-bind", self.base / "systemfiles", "/task/systemfiles"]
        if parent:
            path = self.base / "parent.sock"
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            path.chmod(0o666)
            self.listener.listen(1)
            self.listener.settimeout(20)
            words += ["--bind", path, "/__parent.sock"]
        self.process = subprocess.Popen([*words, "--as-pid-1", "--die-with-parent", "/student-init"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        bufsize=0)

    # --- fd mode ---

    def accept(self):
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(20)
        assert self.connection.recv(1) == b"H"

    def hand_over(self, command, *rest, **changes):
        """Returns its input and its output."""
        message = {"type": "run_student_command", "student_container_id": ID, "command": command,
                   "teardown_script": "", "working_dir": "/task", "ssh": False, "user": "worker", **changes}
        theirs_in, ours_in = os.pipe()
        ours_out, theirs_out = os.pipe()
        rights = array.array("i", [theirs_in, theirs_out, theirs_out])
        self.connection.sendmsg([b"S"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        self.connection.sendall(pack(message) + b"".join(rest))
        os.close(theirs_in)
        os.close(theirs_out)
        return open(ours_in, "wb", buffering=0), open(ours_out, "rb", buffering=0)

    # --- message mode ---

    def init_map(self, command, **changes):
        return {"type": "run_student_init", "socket_id": "p1", "student_container_id": ID, "command": command,
                "teardown_script": "", "working_dir": "/task", "ssh": False, "user": "worker", **changes}

    def send(self, *messages):
        self.process.stdin.write(b"".join(map(framed, messages)))

    def stdin(self, data, **more):
        return {"type": "stdin", "message": data, "student_container_id": ID, **more}

    def signal(self, digits):
        return {"type": "student_signal", "student_container_id": ID, "signal_data": digits}

    def exactly(self, size):
        data = b""
        while len(data) < size:
            more = self.process.stdout.read(size - len(data))
            if not more:
                assert not data, "the stream ends within a message"
                return None
            data += more
        return data

    def receive(self):
        """None: the end."""
        header = self.exactly(4)
        return header and msgpack.unpackb(self.exactly(struct.unpack(">I", header)[0]), raw=False)

    def output(self):
        """All of it, by stream, with the order of keys and the bounds checked."""
        found = {"stdout": b"", "stderr": b""}
        while True:
            message = self.receive()
            if message is None:
                return found
            assert list(message) == ["type", "socket_id", "message"] and message["socket_id"] == "p1", message
            assert 0 < len(message["message"]) <= BLOCK_MAX
            found[message["type"]] += message["message"]

    # --- the end ---

    def code(self):
        return self.process.wait(20)

    def words(self):
        """What it wrote to its log."""
        return self.process.stderr.read().decode()

    def close(self):
        self.process.kill()
        self.process.wait()
        for one in (self.process.stdin, self.process.stdout, self.process.stderr, self.listener, self.connection):
            if one:
                one.close()
        shutil.rmtree(self.base, ignore_errors=True)


class InitTest(studentfs.TestCase):
    mount_options = None

    def container(self, **options):
        container = Container(**options)
        self.addCleanup(container.close)
        return container

    def students(self, container):
        return [pid for pid, _ in studentfs.descendants(container.process.pid)
                if studentfs.program_of(pid) == "student"]


class Messages(InitTest):
    def run_of(self, command, *messages, **changes):
        container = self.container()
        container.send(container.init_map(command, **changes), *messages)
        output = container.output()
        return container.code(), output["stdout"], output["stderr"]

    def test_output_and_return_value(self):
        self.assertEqual(self.run_of("sh -c 'echo out; echo err >&2; exit 7'"), (7, b"out\n", b"err\n"))
        self.assertEqual(self.run_of("student/student exit 250")[0], 250)
        self.assertEqual(self.run_of("student/student raise 9")[0], 137)
        self.assertEqual(self.run_of("true", type="run_student_command", socket_id="p1")[0], 0)

    def test_recorded_bytes(self):
        container = self.container()
        container.send(container.init_map("printf out"))
        self.assertEqual(container.process.stdout.read(1 << 20),
                         b"\0\0\0\x27\x83\xa4type\xa6stdout\xa9socket_id\xa2p1\xa7message\xc4\x03out")

    def test_input_and_its_end(self):
        container = self.container()
        blocks = [b"first", b"\0\xff", b"x" * BLOCK_MAX]
        container.send(container.init_map("cat"), *map(container.stdin, blocks), container.stdin(b"", eof=True))
        self.assertEqual(container.output()["stdout"], b"".join(blocks))
        self.assertEqual(container.code(), 0)

    def test_the_end_of_the_messages_is_that_of_the_input(self):
        container = self.container()
        container.send(container.init_map("cat"), container.stdin(b"all"))
        container.process.stdin.close()
        self.assertEqual((container.output()["stdout"], container.code()), (b"all", 0))

    def test_a_stream_that_comes_in_pieces(self):
        container = self.container()
        data = b"".join(map(framed, (container.init_map("cat"), container.stdin(b"piecemeal"),
                                     container.stdin(b"", eof=True))))
        for byte in data:
            container.process.stdin.write(bytes([byte]))
        self.assertEqual((container.output()["stdout"], container.code()), (b"piecemeal", 0))

    def test_signals_pass_input_that_is_stuck(self):
        """Twenty blocks that nobody takes, then the signal on the same stream."""
        container = self.container()
        container.send(container.init_map("student/student catch"))
        self.assertEqual(container.receive()["message"], b"ready\n")
        for _ in range(20):
            container.send(container.stdin(b"y" * BLOCK_MAX))
        container.send(container.signal(b"010"))
        self.assertEqual(container.receive()["message"], b"10\n")
        container.send(*(container.signal(digits) for digits in (b"099", b"---", b"x", b"000", b"015")))
        self.assertEqual(container.output()["stdout"], b"15\n")
        self.assertEqual(container.code(), 7)

    def test_input_that_nobody_takes_is_bounded(self):
        """Past a bound the stream waits."""
        container = self.container()
        container.send(container.init_map("student/student sleep"))
        os.set_blocking(container.process.stdin.fileno(), False)
        data = framed(container.stdin(b"y" * BLOCK_MAX)) * 100
        sent, idle = 0, 0

        def stands_still():
            nonlocal sent, idle
            before = sent
            while sent < len(data) and (more := container.process.stdin.write(data[sent:sent + 65536])):
                sent += more
            idle = idle + 1 if sent == before and sent > 20 * BLOCK_MAX else 0
            return idle == 5
        studentfs.eventually(stands_still, 30, "the stream's standstill")
        self.assertLess(sent, 40 * BLOCK_MAX)

    def test_a_reader_that_waits(self):
        """The student waits with it, and nothing is lost."""
        container = self.container()
        container.send(container.init_map("student/student pattern 5000000"))
        student = studentfs.eventually(lambda: self.students(container), what="the student")[0]
        studentfs.eventually(lambda: studentfs.process_stat(student)[0] == "S", what="its standstill")
        self.assertEqual(len(container.output()["stdout"]), 5000000)
        self.assertEqual(container.code(), 0)

    def test_thousands_of_tiny_writes(self):
        program = ("python3 -c 'import os\n"
                   "for i in range(5000): os.write(1 + i % 2, b\"%d\\n\" % i)'")
        code, out, err = self.run_of(program)
        self.assertEqual(code, 0)
        self.assertEqual(out, b"".join(b"%d\n" % i for i in range(0, 5000, 2)))
        self.assertEqual(err, b"".join(b"%d\n" % i for i in range(1, 5000, 2)))

    def test_one_stream_ends_before_the_other(self):
        self.assertEqual(self.run_of("sh -c 'echo a; exec 1>&-; sleep 0.1; echo b >&2'"), (0, b"a\n", b"b\n"))

    def test_what_is_left_behind(self):
        self.assertEqual(self.run_of("student/student daemon 5"), (5, b"left\n", b""))

    def test_who_the_student_is(self):
        code, out, _ = self.run_of("sh -c 'id -u; id -g; id -G; pwd; echo $HOME; prlimit -u -o soft --noheadings; ls /proc/self/fd | wc -l'")
        self.assertEqual((code, out.split()), (0, [b"4242", b"4242", b"4242", b"/task", b"/task", b"1000", b"4"]))
        code, out, _ = self.run_of("id -u", user="root")
        self.assertEqual((code, out), (0, b"0\n"))
        self.assertEqual(self.run_of("true", user="somebody")[0], 254)

    def test_failures(self):
        self.assertEqual(self.run_of("no-such-program")[0], 127)
        self.assertEqual(self.run_of("sh -c 'open")[0], 254)
        self.assertEqual(self.run_of("true", working_dir="/nowhere")[0], 254)
        self.assertEqual(self.run_of("true", ssh=True)[0], 251)
        self.assertIn(b"No command", self.run_of(None)[1])
        container = self.container()
        container.send(container.init_map("no-such-program"))
        self.assertIn("no-such-program", container.words())

    def test_teardown(self):
        container = self.container()
        container.send(container.init_map("student/student exit 3",
                                          teardown_script="sh -c 'echo unseen; cat; echo ran > student/teardown'"))
        self.assertEqual((container.output(), container.code()), ({"stdout": b"", "stderr": b""}, 3))
        self.assertEqual((container.student / "teardown").read_text(), "ran\n")

    def test_system_files(self):
        container = self.container(system_files={"hosts": "10.0.0.1 server\n", "resolv.conf": "nameserver 9.9.9.9\n"})
        container.send(container.init_map("cat /etc/hosts /etc/resolv.conf"))
        self.assertEqual(container.output()["stdout"],
                         b"127.0.0.1 localhost\n10.0.0.1 server\nnameserver 9.9.9.9\n")
        container = self.container(system_files={})
        container.send(container.init_map("cat /etc/hosts"))
        self.assertEqual(container.output()["stdout"], b"127.0.0.1 localhost\n")

    def test_system_files_that_cannot_be_had(self):
        container = self.container(system_files={})
        (container.base / "systemfiles/hosts").symlink_to("/proc/1/environ")
        container.send(container.init_map("echo started"))
        self.assertEqual((container.output()["stdout"], container.code()), (b"", 254))
        self.assertIn("/task/systemfiles/hosts", container.words())

    def test_an_agent_that_goes(self):
        container = self.container()
        container.send(container.init_map("student/student stubborn"))
        container.receive()
        container.process.stdout.close()
        container.process.stdin.close()
        self.assertEqual(container.code(), 254)

    def test_garbage_instead_of_a_command(self):
        ways = {"nothing": b"", "half a length": b"\0\0", "half a message": framed({"type": "x" * 100})[:50],
                "too long": b"\xff\xff\xff\xff" + b"x" * 1000, "no map": framed([1]), "bytes": os.urandom(100),
                "another type": framed({"type": "stdin", "message": b"", "student_container_id": ID}),
                "an empty message": b"\0\0\0\0", "a number": framed({"type": "run_student_init", "command": 5})}
        for name, data in ways.items():
            with self.subTest(way=name):
                container = self.container()
                container.process.stdin.write(data)
                container.process.stdin.close()
                self.assertEqual(container.code(), 254)
                self.assertTrue(container.words())

    def test_garbage_while_it_runs(self):
        """Passed over, where it is known how long it is; else the end of the messages."""
        container = self.container()
        container.send(container.init_map("cat"), [1], {"type": "no such"}, {"type": "stdin"}, "text",
                       {"type": "student_signal", "student_container_id": ID}, container.stdin(b"kept"))
        container.process.stdin.write(b"\0\0\0\0" + b"\0\0\0\x03\xc1\xc1\xc1")
        container.send(container.stdin(b" on"))
        container.process.stdin.write(b"\xff\0\0\0" + os.urandom(1000))
        self.assertEqual((container.output()["stdout"], container.code()), (b"kept on", 0))


class Descriptors(InitTest):
    def test_a_run(self):
        container = self.container(parent=True)
        container.accept()
        in_, out = container.hand_over("sh -c 'cat; id -u; exit 6'")
        with in_, out:
            in_.write(b"through\n")
            in_.close()
            self.assertEqual(out.read(), b"through\n4242\n")
        self.assertEqual(container.code(), 6)

    def test_signals(self):
        container = self.container(parent=True)
        container.accept()
        in_, out = container.hand_over("student/student catch")
        with in_, out:
            self.assertEqual(out.read(6), b"ready\n")
            container.connection.sendall(b"010")
            self.assertEqual(out.read(3), b"10\n")
            container.connection.sendall(b"015---")
        self.assertEqual(container.code(), 7)

    def test_root_is_not_to_be_had(self):
        container = self.container(parent=True)
        container.accept()
        for one in container.hand_over("true", user="root"):
            one.close()
        self.assertEqual(container.code(), 251)

    def test_a_client_that_goes(self):
        container = self.container(parent=True)
        container.accept()
        in_, out = container.hand_over("student/student stubborn")
        with in_, out:
            self.assertEqual(out.readline(), b"ignoring\n")
            container.connection.close()
            self.assertEqual(container.code(), 254)

    def test_a_client_that_says_nothing(self):
        container = self.container(parent=True)
        container.accept()
        container.connection.close()
        self.assertEqual(container.code(), 254)

    def test_teardown_has_no_streams(self):
        container = self.container(parent=True)
        container.accept()
        in_, out = container.hand_over("echo said", teardown_script="sh -c 'cat; echo unseen'")
        with in_, out:
            self.assertEqual(out.read(), b"said\n")
        container.process.stdin.write(b"not for it")
        self.assertEqual(container.code(), 0)


class ByHand(InitTest):
    def test_not_as_process_1(self):
        """It ends all that it may signal: somebody's try at a shell must not be their whole session."""
        result = subprocess.run([studentfs.BIN / "student-init"], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=20, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("process 1", result.stderr)


if __name__ == "__main__":
    studentfs.main()
