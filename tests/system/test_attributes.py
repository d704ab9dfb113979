"""What stat tells: the kernel keeps it, and is told when it has changed."""

import os
import subprocess
import sys
import time

import studentfs


ECHO = "sh -c 'read line; echo $line'"
# How much can be read of each file that it is told of, opened at the time that it is told. It does
# not ask for a size.
READER = """
import os, sys, time
for line in sys.stdin:
    path, at = line.split()
    while time.monotonic() < float(at):
        pass
    file, size = os.open(path, os.O_RDONLY), 0
    while data := os.read(file, 4096):
        size += len(data)
    os.close(file)
    print(size, flush=True)
"""


class Attributes(studentfs.TestCase):
    def look(self, run):
        """Twice: the second answer is one that was kept, where the kernel may."""
        names = ["", *os.listdir(run.path)]
        for name in names:
            os.stat(run.file(name))
        return {name: os.stat(run.file(name)) for name in names}

    def check_the_end(self, run, before):
        for name, then in before.items():
            self.assertGreater(os.stat(run.file(name)).st_mtime_ns, then.st_mtime_ns, name)
        for name in ("cmd", "stdout", "stderr", "transcript", "status", "usage", "retval"):
            self.assertEqual(os.stat(run.file(name)).st_size, len(run.read(name)), name)

    def test_the_end_is_seen_at_once(self):
        run = self.mount.run(ECHO, stdin=None)
        before = self.look(run)
        self.assertEqual(before["stdout"].st_size, 0)
        run.write("stdin", b"five\n")
        self.assertEqual(run.retval(), 0)
        self.check_the_end(run, before)

    def test_also_of_what_was_seen_before_the_start(self):
        run = self.mount.make()
        before = self.look(run)
        run.start("true")
        self.assertEqual(run.retval(), 0)
        self.check_the_end(run, before)

    def test_by_who_waits_for_the_end_of_its_output(self):
        run = self.mount.run(ECHO, stdin=None)
        self.look(run)
        with open(run.file("stdout"), "rb") as stdout:
            run.write("stdin", b"five\n")
            self.assertEqual(stdout.read(), b"five\n")
            self.assertEqual(os.fstat(stdout.fileno()).st_size, 5)

    def test_a_removed_one_s_too(self):
        run = self.mount.run("sleep 60")
        before = self.look(run)
        with open(run.file("status"), "rb") as status:
            run.remove()
            self.assertGreater(os.fstat(status.fileno()).st_mtime_ns, before["status"].st_mtime_ns)

    def test_a_stream_that_is_opened_as_the_run_ends(self):
        """Whatever the kernel is told to forget in that moment, it is whole."""
        reader = subprocess.Popen([sys.executable, "-c", READER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.addCleanup(reader.wait)
        self.addCleanup(reader.stdout.close)
        self.addCleanup(reader.stdin.close)
        for n in range(400):
            run = self.mount.run("cat", stdin=None)
            with open(run.file("stdin"), "wb", buffering=0) as stdin:
                stdin.write(b"text\n")
                studentfs.eventually(lambda run=run: run.usage()["stdout_bytes"] == 5, what="the text")
                os.stat(run.file("stdout"))
                # At 0 to 2 ms after the end of its input: what it meets there is chance.
                reader.stdin.write(f"{run.file('stdout')} {time.monotonic() + 5e-4 + n % 100 * 2e-5}\n".encode())
                time.sleep(5e-4)
            self.assertEqual(reader.stdout.readline(), b"5\n", n)
            run.remove()


if __name__ == "__main__":
    studentfs.main()
