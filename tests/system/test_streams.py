"""Input and output: byte for byte, whoever reads when; limits and ends."""

import errno
import hashlib
import mmap
import os
import shutil
import subprocess
import threading

import studentfs

SIZE = 100 * 1000 * 1000
AHEAD = 64 << 20


def sha256_of(path):
    """Read to the end by another process, as graders do."""
    result = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True, timeout=60)
    return result.stdout.split()[0]


class Pattern:
    """What `student pattern N` writes."""

    def __init__(self, size):
        self.bytes = subprocess.run([studentfs.STUDENT, "pattern", str(size)], capture_output=True, check=True,
                                    timeout=60).stdout
        self.sha256 = hashlib.sha256(self.bytes).hexdigest()


class Output(studentfs.TestCase):
    @classmethod
    def prepare(cls):
        cls.pattern = Pattern(SIZE)

    def start(self, **settings):
        run = self.mount.make()
        self.addCleanup(run.remove)
        return run.start(f"student/student pattern {SIZE}", output_limit=0, **settings)

    def test_no_reader(self):
        run = self.start()
        self.assert_ended(run, 0, "exited")
        self.assertEqual(run.status()["stdout"], f"{SIZE} (closed)")
        self.assertEqual(run.usage()["stdout_bytes"], SIZE)

    def test_reader_at_once(self):
        run = self.start()
        self.assertEqual(sha256_of(run.file("stdout")), self.pattern.sha256)
        self.assert_ended(run, 0, "exited")

    def test_late_reader(self):
        run = self.start()
        self.assert_ended(run, 0, "exited")
        self.assertEqual(os.stat(run.file("stdout")).st_size, SIZE)
        for _ in range(2):
            self.assertEqual(sha256_of(run.file("stdout")), self.pattern.sha256)

    def test_three_readers_at_once(self):
        run = self.mount.make()
        self.addCleanup(run.remove)
        found = []
        readers = [threading.Thread(target=lambda: found.append(sha256_of(run.file("stdout"))), daemon=True)
                   for _ in range(3)]
        for reader in readers[:2]:
            reader.start()
        run.start(f"student/student pattern {SIZE}", output_limit=0)
        readers[2].start()
        for reader in readers:
            reader.join()
        self.assertEqual(found, [self.pattern.sha256] * 3)

    def test_any_offset_and_size(self):
        run = self.start()
        fd = os.open(run.file("stdout"), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        run.retval()
        for offset, size in ((0, 1), (4095, 3), (131071, 2), (131072, 4096), (2 << 20, 1 << 20), (SIZE - 1, 10),
                             (SIZE, 10), (SIZE + 1, 10), (33554431, 3 << 20)):
            piece = b""
            while len(piece) < size and (part := os.pread(fd, size - len(piece), offset + len(piece))):
                piece += part
            self.assertEqual(piece, self.pattern.bytes[offset:offset + size], (offset, size))

    def test_mapped_after_the_end(self):
        run = self.start()
        run.retval()
        with open(run.file("stdout"), "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            self.assertEqual(hashlib.sha256(view).hexdigest(), self.pattern.sha256)

    def test_opened_before_the_end_and_read_after_it(self):
        run = self.start()
        with open(run.file("stdout"), "rb") as file:
            run.retval()
            self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), self.pattern.sha256)

    def test_both_streams_at_once(self):
        run = self.mount.run(
            "sh -c 'student/student pattern 20000000 >&2 & student/student pattern 30000000; wait'")
        self.addCleanup(run.remove)
        self.assertEqual(hashlib.sha256(run.read("stderr")).digest(),
                         hashlib.sha256(self.pattern.bytes[:20_000_000]).digest())
        self.assertEqual(sha256_of(run.file("stdout")), hashlib.sha256(self.pattern.bytes[:30_000_000]).hexdigest())
        self.assert_ended(run, 0, "exited")

    def test_recordings_beyond_the_memory_go_to_a_file(self):
        spill = self.mount.base / "spill"
        spill.mkdir()
        mount = self.own_mount("--recording-memory", "16", environment={"TMPDIR": str(spill)})
        runs = [mount.run(f"student/student pattern {SIZE // 2}") for _ in range(3)]
        for run in runs:
            self.assertEqual(sha256_of(run.file("stdout")),
                             hashlib.sha256(self.pattern.bytes[:SIZE // 2]).hexdigest())
        for run in runs:
            run.remove()
        self.assertEqual(list(spill.iterdir()), [])


class Limits(studentfs.TestCase):
    def check(self, written, limit, truncated):
        run = self.mount.run(f"student/student pattern {written}", output_limit=limit)
        self.assert_ended(run, 0, "exited")
        kept = min(written, limit)
        self.assertEqual(run.status()["stdout"], f"{kept} ({'truncated' if truncated else 'closed'})")
        self.assertEqual(run.read("stdout"), Pattern(written).bytes[:kept])
        run.remove()

    def test_reached_exactly(self):
        for limit in (1, 4096, 131072, 1_000_003):
            with self.subTest(limit=limit):
                self.check(limit, limit, False)

    def test_passed_by_one_byte_and_by_much(self):
        for limit in (1, 4095, 131072, 1_000_003):
            for more in (1, 10_000_000):
                with self.subTest(limit=limit, more=more):
                    self.check(limit + more, limit, True)

    def test_the_default(self):
        run = self.mount.run(f"student/student pattern {SIZE}")
        self.assert_ended(run, 0, "exited")
        self.assertEqual(run.status()["stdout"], "67108864 (truncated)")
        run.remove()

    def test_a_reader_gets_the_end_only_with_the_end(self):
        """What is dropped is no end: the reader waits until the command ends."""
        run = self.mount.run("sh -c 'echo 12345; echo dropped; read x'", stdin=None, output_limit=6)
        fd = os.open(run.file("stdout"), os.O_RDONLY | os.O_NONBLOCK)
        studentfs.eventually(lambda: "truncated" in run.status()["stdout"])
        self.assertEqual(os.read(fd, 100), b"12345\n")
        self.assert_errno(errno.EAGAIN, os.read, fd, 100)
        run.write("stdin", "x")
        run.retval()
        self.assertEqual(os.read(fd, 100), b"")
        os.close(fd)

    def test_stderr_has_a_limit_of_its_own(self):
        run = self.mount.run("sh -c 'printf 1234567890; printf 1234567890 >&2'", output_limit=10)
        self.assert_ended(run, 0, "exited")
        self.assertEqual((run.text("stdout"), run.text("stderr")), ("1234567890", "1234567890"))
        self.assertEqual((run.status()["stdout"], run.status()["stderr"]), ("10 (closed)", "10 (closed)"))

    def test_fused(self):
        run = self.mount.run("""sh -c 'for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done'""",
                             stdout_err_fuse=1)
        self.assertEqual(run.text("stdout"), "".join(f"out {i}\nerr {i}\n" for i in range(1, 6)))
        self.assertEqual(run.text("stderr"), "")
        self.assert_ended(run, 0, "exited")


class End(studentfs.TestCase):
    """The end of a stream: when every writer has closed, or the run has ended."""

    def test_closed_by_the_command(self):
        run = self.mount.run("sh -c 'echo a; exec >&-; read x'", stdin=None)
        self.assertEqual(run.text("stdout"), "a\n")
        run.wait_for("running")
        run.write("stdin", "go")
        run.retval()

    def test_a_daemon_that_holds_it(self):
        run = self.mount.run("student/student daemon 3")
        self.assert_ended(run, 3, "exited")
        self.assertEqual(run.text("stdout"), "left\n")

    def test_output_right_before_the_end(self):
        for n in range(20):
            run = self.mount.run(f"sh -c 'echo {n}; echo {n} >&2'")
            self.assertEqual(run.retval(), 0)
            self.assertEqual((run.text("stdout"), run.text("stderr")), (f"{n}\n", f"{n}\n"))
            run.remove()


class Input(studentfs.TestCase):
    @classmethod
    def prepare(cls):
        cls.pattern = Pattern(SIZE)

    def test_100_megabytes(self):
        run = self.mount.make()
        run.write("cmd", "sha256sum")
        with open(run.file("stdin"), "wb", buffering=0) as file:
            data = memoryview(self.pattern.bytes)
            while data:
                data = data[file.write(data):]
        self.assertEqual(run.text("stdout").split()[0], self.pattern.sha256)
        self.assertEqual(run.status()["stdin"], f"{SIZE} (closed)")
        run.remove()

    def test_through_and_back(self):
        source = self.mount.base / "source"
        source.write_bytes(self.pattern.bytes)
        run = self.mount.make()
        run.write("output_limit", 0)
        run.write("cmd", "cat")
        subprocess.run(["sh", "-c", f"cat {source} > stdin"], cwd=run.path, check=True, timeout=60)
        self.assertEqual(sha256_of(run.file("stdout")), self.pattern.sha256)
        run.remove()

    def test_kept_before_the_start(self):
        run = self.mount.make()
        size = AHEAD
        with open(run.file("stdin"), "wb", buffering=0) as file:
            data = memoryview(self.pattern.bytes)[:size]
            while data:
                data = data[file.write(data):]
        self.assertEqual(run.status()["stdin"], f"{size} (closed)")
        run.write("cmd", "sha256sum")
        self.assertEqual(run.text("stdout").split()[0], hashlib.sha256(self.pattern.bytes[:size]).hexdigest())
        run.remove()

    def test_past_the_bound_the_writer_waits(self):
        run = self.mount.make()
        fd = os.open(run.file("stdin"), os.O_WRONLY | os.O_NONBLOCK)
        data = memoryview(self.pattern.bytes)
        with self.assertRaises(BlockingIOError):
            while data:
                data = data[os.write(fd, data[:1 << 20]):]
        self.assertEqual(SIZE - len(data), AHEAD)
        os.set_blocking(fd, True)

        def write_rest():
            rest = data
            while rest:
                rest = rest[os.write(fd, rest):]
            os.close(fd)

        writer = threading.Thread(target=write_rest, daemon=True)
        writer.start()
        run.write("cmd", "sha256sum")
        self.assertEqual(run.text("stdout").split()[0], self.pattern.sha256)
        writer.join()
        run.remove()

    def test_the_last_writer_ends_it(self):
        run = self.mount.run("cat", stdin=None)
        self.assertEqual(run.status()["stdin"], "0 (never opened)")
        first = os.open(run.file("stdin"), os.O_WRONLY)
        second = os.open(run.file("stdin"), os.O_WRONLY)
        os.write(first, b"a")
        os.close(first)
        os.write(second, b"b")
        self.assertEqual(run.status()["stdin"], "2 (open)")
        run.wait_for("running")
        os.close(second)
        self.assertEqual(run.text("stdout"), "ab")
        self.assert_ended(run, 0, "exited")

    def test_an_empty_one(self):
        run = self.mount.run("cat", stdin=None)
        run.wait_for("running")
        subprocess.run(["bash", "-c", ": > stdin"], cwd=run.path, check=True, timeout=30)
        self.assert_ended(run, 0, "exited")

    def test_writers_one_after_the_other_before_the_start(self):
        run = self.mount.make()
        for word in ("a", "b", "c"):
            run.write("stdin", word)
        run.write("cmd", "cat")
        self.assertEqual(run.text("stdout"), "a\nb\nc\n")

    def test_ended_before_the_start_and_opened_again(self):
        run = self.mount.make()
        run.write("stdin", "a")
        with open(run.file("stdin"), "wb", buffering=0) as file:
            run.write("cmd", "cat")
            file.write(b"b\n")
        self.assertEqual(run.text("stdout"), "a\nb\n")

    def test_manual_and_now(self):
        run = self.mount.make()
        run.write("stdin_eof", "manual")
        run.write("cmd", "cat")
        for word in ("a", "b"):
            run.write("stdin", word)
        run.wait_for("running")
        self.assert_errno(errno.EBUSY, run.write, "stdin_eof", "auto")
        self.assert_errno(errno.EINVAL, run.write, "stdin_eof", "never")
        run.write("stdin", "c")
        run.write("stdin_eof", "now")
        self.assertEqual(run.text("stdout"), "a\nb\nc\n")
        self.assert_ended(run, 0, "exited")
        self.assert_errno(errno.EBUSY, run.write, "stdin_eof", "now")

    def test_now_before_the_start(self):
        run = self.mount.make()
        run.write("stdin", "all of it")
        run.write("stdin_eof", "now")
        self.assert_errno(errno.EPIPE, run.write, "stdin", "more")
        run.write("cmd", "cat")
        self.assertEqual(run.text("stdout"), "all of it\n")

    def test_written_after_the_end(self):
        run = self.mount.run("true")
        fd = os.open(run.file("stdin"), os.O_WRONLY)
        run.retval()
        self.assert_errno(errno.EPIPE, os.write, fd, b"x")
        os.close(fd)
        self.assert_errno(errno.EPIPE, run.write, "stdin", "x")
        result = subprocess.run(["bash", "-c", "trap '' PIPE; echo x > stdin"], cwd=run.path, capture_output=True,
                                text=True, timeout=30, check=False)
        self.assertIn("Broken pipe", result.stderr)

    def test_a_writer_that_waits_when_the_command_ends(self):
        run = self.mount.run("sh -c 'head -c 100 > /dev/null; echo done'", stdin=None)
        with self.assertRaises(BrokenPipeError), open(run.file("stdin"), "wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 20))
        self.assertEqual(run.text("stdout"), "done\n")

    def test_a_command_that_closes_its_input(self):
        run = self.mount.run("sh -c 'exec <&-; echo closed; student/student sleep'", stdin=None)
        with open(run.file("stdout"), "rb", buffering=0) as file:
            self.assertEqual(file.read(7), b"closed\n")
        self.assert_errno(errno.EPIPE, run.write, "stdin", "x")
        self.assertIn("closed", run.status()["stdin"])
        run.remove()

    def test_a_conversation(self):
        run = self.mount.run("python3 -u -c 'import sys\nfor line in sys.stdin: print(int(line) * 2)'", stdin=None)
        with open(run.file("stdin"), "wb", buffering=0) as to, open(run.file("stdout"), "rb", buffering=0) as back:
            for n in range(200):
                to.write(b"%d\n" % n)
                answer = b""
                while not answer.endswith(b"\n"):
                    answer += back.read(100)
                self.assertEqual(int(answer), 2 * n)
        self.assert_ended(run, 0, "exited")

    def test_devices_of_the_command(self):
        """/dev/stdin and /dev/stdout can be opened by the student."""
        run = self.mount.run("sh -c 'cat /dev/stdin > /dev/stdout; echo e > /dev/stderr'", stdin=b"through\n")
        self.assertEqual((run.text("stdout"), run.text("stderr")), ("through\n", "e\n"))

    def test_copied_in_by_shutil(self):
        source = self.mount.base / "copied"
        source.write_bytes(self.pattern.bytes[:3_000_000])
        run = self.mount.make()
        run.write("cmd", "sha256sum")
        with open(source, "rb") as src, open(run.file("stdin"), "wb") as dst:
            shutil.copyfileobj(src, dst)
        self.assertEqual(run.text("stdout").split()[0], hashlib.sha256(self.pattern.bytes[:3_000_000]).hexdigest())


class WaitingForInput(studentfs.TestCase):
    """`status` tells it, as far as the kernel does."""

    def waits(self, run):
        return run.status().get("waiting") == "stdin"

    def check(self, command, answer=b"x\n"):
        run = self.mount.make()
        self.assertFalse(self.waits(run))
        run.write("cmd", command)
        with open(run.file("stdin"), "wb", buffering=0) as stdin:
            studentfs.eventually(lambda: self.waits(run), 20, f"{command} waits")
            stdin.write(answer)
            # What was written is read at once, and then it waits again.
            studentfs.eventually(lambda: run.usage()["stdout_bytes"] == len(answer) and self.waits(run), 20)
        self.assertEqual(run.retval(), 0)
        self.assertFalse(self.waits(run))
        self.assertEqual(run.read("stdout"), answer)
        run.remove()

    def test_readers(self):
        for command in ("cat", "sh -c 'cat; true'", "python3 -uc 'import sys; [print(l, end=\"\") for l in sys.stdin]'",
                        "sh -c '(sleep 1000 & cat); kill $!; true'"):
            with self.subTest(command=command):
                self.check(command)

    def test_a_thread_of_its(self):
        self.check("python3 -uc 'import os, threading; "
                   "t = threading.Thread(target=lambda: [os.write(1, d) for d in iter(lambda: os.read(0, 9), b\"\")]);"
                   " t.start(); t.join()'")

    def test_those_who_do_not(self):
        for command in ("sleep 1000", "sh -c 'while :; do :; done'", "sh -c 'cat /dev/zero'",
                        "python3 -c 'import os; r, w = os.pipe(); os.read(r, 1)'"):
            with self.subTest(command=command):
                run = self.mount.run(command, stdin=None)
                run.wait_for("running")
                studentfs.eventually(lambda r=run: r.usage()["stdout_bytes"] or r.usage()["wall_usec"] > 300_000)
                self.assertFalse(self.waits(run))
                run.remove()

    def test_a_root_of_its_own(self):
        run = self.mount.make()
        run.write("start_student_as_root", "1")
        run.write("cmd", "cat")
        studentfs.eventually(lambda: self.waits(run) or run.state() == "ended", 20)
        if run.state() == "ended" and run.retval() == 251:
            self.skipTest(f"no root for students here: {run.status()['reason']}")
        self.assertTrue(self.waits(run))
        run.remove()

    def test_more_processes_than_are_looked_at(self):
        """It stays quick, and may say nothing."""
        run = self.mount.run("sh -c 'for n in $(seq 400); do sleep 1000 & done; echo; cat'", stdin=None)
        studentfs.eventually(lambda: run.usage()["stdout_bytes"] == 1, 30)
        self.assertEqual(run.state(), "running")
        run.remove()


if __name__ == "__main__":
    studentfs.main()
