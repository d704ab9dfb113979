"""What has passed between a run and the world, in order, a line each."""

import os
import re
import select
import subprocess

import studentfs

WAY_MAX = 256 << 10
LINE = re.compile(r"(\d+\.\d{6}) (stdin|stdout|stderr|end|signal|state|truncated) (.*)")


def parse(text):
    """(seconds, way, text) of each line."""
    found = []
    for line in text.decode("utf-8").splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        found.append((float(match[1]), match[2], match[3]))
    return found


def unescape(text):
    """As printf %b does it."""
    return subprocess.run(["printf", "%b", text], capture_output=True, check=True).stdout


class Transcript(studentfs.TestCase):
    def transcript(self, run):
        lines = parse(run.read("transcript"))
        self.assertEqual([line[0] for line in lines], sorted(line[0] for line in lines))
        return lines

    def of(self, run, way):
        return [text for _, which, text in self.transcript(run) if which == way]

    def test_a_conversation(self):
        run = self.mount.make()
        run.write("cmd", "sh -c 'echo name?; read name; printf \"hello %s\" $name; echo oops >&2; read x; exit 3'")
        with open(run.file("stdin"), "wb", buffering=0) as stdin, open(run.file("stdout"), "rb", buffering=0) as stdout:
            self.assertEqual(stdout.read(100), b"name?\n")
            stdin.write(b"Zo\xc3\xa9\n")
            self.assertEqual(stdout.read(100), b"hello Zo\xc3\xa9")
            studentfs.eventually(lambda: run.usage()["stderr_bytes"] == 5)
        self.assertEqual(run.retval(), 3)
        lines = [(way, text) for _, way, text in self.transcript(run)]
        self.assertEqual(lines[:6], [
            ("state", "starting"), ("state", "running"), ("stdout", "name?\\n"), ("stdin", "Zoé\\n"),
            ("stdout", "hello Zoé"), ("stderr", "oops\\n")])
        self.assertEqual(lines[6], ("end", "stdin"))
        self.assertEqual(set(lines[7:9]), {("end", "stdout"), ("end", "stderr")})
        self.assertEqual(lines[9:], [("state", "ended 3 exited")])

    def test_the_times(self):
        """Since the write of cmd; what was written before that has 0."""
        run = self.mount.make()
        with open(run.file("stdin"), "wb", buffering=0) as stdin:
            stdin.write(b"early\n")
            run.write("cmd", "sh -c 'read x; sleep 0.3; echo $x; read y'")
            run.wait_for("running")
            with open(run.file("stdout"), "rb", buffering=0) as stdout:
                stdout.read(10)
            stdin.write(b"late\n")
        run.retval()
        lines = self.transcript(run)
        self.assertEqual(lines[:2], [(0, "stdin", "early\\n"), (lines[1][0], "state", "starting")])
        at = {text: time for time, _, text in lines}
        self.assertGreaterEqual(at["early\\n"], 0.3)  # on its way out
        self.assertGreaterEqual(at["late\\n"], at["early\\n"])
        self.assertLess(at["starting"], 5)
        self.assertLessEqual(at["ended 0 exited"], run.usage()["wall_usec"] / 1e6 + 5)

    def test_signals(self):
        run = self.mount.run("student/student catch", stdin=None)
        with open(run.file("stdout"), "rb", buffering=0) as stdout:
            self.assertEqual(stdout.read(100), b"ready\n")
            for value, shown in (("USR1", b"10\n"), ("40", b"40\n"), ("SIGTERM", b"15\n")):
                run.write("signal", value)
                self.assertEqual(stdout.read(100), shown)
        self.assertEqual(run.retval(), 7)
        self.assertEqual(self.of(run, "signal"), ["USR1", "40", "TERM"])
        for value in ("9", "nothing"):
            self.assertRaises(OSError, run.write, "signal", value)
        self.assertEqual(len(self.of(run, "signal")), 3)

    def test_how_it_ended(self):
        run = self.mount.run("sh -c 'kill -9 $$'")
        run.retval()
        self.assertEqual(self.of(run, "state")[-1], "ended 137 signal killed by signal 9 (Killed)")
        run = self.mount.run("true", container="nowhere")
        run.retval()
        self.assertRegex(self.of(run, "state")[-1], "^ended 254 failed .+")

    def test_any_bytes_come_back(self):
        data = bytes(range(256)) * 3 + "é€🙂\u2028\x85\u2067\u200f\u061c".encode() + b"\\n \\x41 %s\xff\n" + b"x" * 5000
        (self.mount.student / "data").write_bytes(data)
        run = self.mount.run("cat student/data")
        run.retval()
        lines = self.of(run, "stdout")
        self.assertEqual(b"".join(unescape(line) for line in lines), data)
        self.assertLessEqual(max(len(unescape(line)) for line in lines), 1024)
        for line in lines:
            self.assertTrue(line.isprintable(), line)

    def test_a_flood_one_way_leaves_room_for_the_others(self):
        run = self.mount.run("sh -c 'seq 100000; echo err >&2; read x; echo more; exit 1'", stdin=None)
        studentfs.eventually(lambda: run.usage()["stderr_bytes"] == 4)
        run.write("stdin", "x")
        self.assertEqual(run.retval(), 1)
        text = run.read("transcript")
        lines = parse(text)
        shown = [text for _, way, text in lines if way == "stdout"]
        whole = "".join(shown)
        self.assertTrue("".join(f"{n}\\n" for n in range(1, 100001)).startswith(whole))
        self.assertGreater(whole.count("\\n"), 5000)
        size = sum(len(line) + 1 for line in text.splitlines() if b" stdout " in line and b" end " not in line
                   and b" truncated " not in line)
        self.assertGreaterEqual(size, WAY_MAX)
        self.assertLess(size, WAY_MAX + 4200)
        self.assertEqual(self.of(run, "truncated"), ["stdout"])
        self.assertEqual((self.of(run, "stderr"), self.of(run, "stdin")), (["err\\n"], ["x\\n"]))
        self.assertEqual(self.of(run, "state")[-1], "ended 1 exited")
        # The stream itself is whole.
        self.assertEqual(run.usage()["stdout_bytes"], 588895 + 5)

    def test_a_line_stays_whole_wherever_it_lies(self):
        """Across the parts that a recording is made of, in one write of the student's."""
        run = self.mount.run("python3 -c 'import os; os.write(1, b\"0123456789\\n\" * 5900)'")
        run.retval()
        self.assertEqual(self.of(run, "stdout"), ["0123456789\\n"] * 5900)

    def test_it_is_small_whatever_happens(self):
        run = self.mount.run("sh -c 'exec 3<&0; cat <&3 & head -c 3000000 /dev/zero >&2; wait'", stdin=b"\n" * 3_000_000)
        run.retval()
        self.assertLess(len(run.read("transcript")), 4 * WAY_MAX)
        self.assertEqual(sorted(self.of(run, "truncated")), ["stderr", "stdin"] if not run.read("stdout")
                         else ["stderr", "stdin", "stdout"])

    def test_reading_waits_until_the_end(self):
        run = self.mount.run("cat", stdin=None)
        run.wait_for("running")
        fd = os.open(run.file("transcript"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        self.assertEqual(len(parse(os.read(fd, 4096))), 2)
        self.assertRaises(BlockingIOError, os.read, fd, 4096)
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        self.assertEqual(poll.poll(0), [])
        reader = subprocess.Popen(["cat", run.file("transcript")], stdout=subprocess.PIPE)
        self.addCleanup(reader.stdout.close)
        self.addCleanup(reader.wait)
        for expected in (b" state starting", b" state running"):
            self.assertIn(expected, reader.stdout.readline())
        run.write("stdin", "x")
        self.assertEqual(len(poll.poll(10_000)), 1)
        self.assertIn(b"state ended 0 exited\n", reader.stdout.read())
        self.assertEqual(os.stat(run.file("transcript")).st_size, len(run.read("transcript")))

    def test_fused_streams(self):
        run = self.mount.run("sh -c 'echo a; echo b >&2'", stdout_err_fuse=1)
        run.retval()
        self.assertEqual(self.of(run, "stdout"), ["a\\n", "b\\n"])
        self.assertEqual(self.of(run, "stderr"), [])

    def test_a_removed_one(self):
        run = self.mount.make()
        with open(run.file("transcript"), "rb") as file:
            run.remove()
            self.assertEqual(parse(file.read())[-1][1:], ("state", "ended 254 removed removed"))


if __name__ == "__main__":
    studentfs.main()
