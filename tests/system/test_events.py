"""`events`: a line per change of state, of every run that its reader may see."""

import os
import select
import subprocess
import time

import studentfs
from test_access import ALICE, BOB, as_user

# As fs/events.c has it.
RING_SIZE = 4096


class Reader:
    """Reads line by line, as much as there is."""

    def __init__(self, mount, *names):
        self.fd = os.open(mount.path("events"), os.O_RDONLY | os.O_NONBLOCK)
        self.names = set(names)
        self.rest = b""

    def close(self):
        os.close(self.fd)

    def lines(self):
        """(state, retval, termination, name) of each, of those runs."""
        found = []
        while True:
            try:
                self.rest += os.read(self.fd, 65536)
            except BlockingIOError:
                return found
            *whole, self.rest = self.rest.split(b"\n")
            for line in whole:
                when, *words, name = line.decode().split(" ", 4)
                assert abs(float(when) - time.time()) < 300, line
                if not self.names or name in self.names:
                    found.append((*words, name))

    def until(self, *last):
        found = []
        studentfs.eventually(lambda: found.extend(self.lines()) or found[-1:] == [last], 20,
                             f"the line {last} after {found}")
        return found


class Events(studentfs.TestCase):
    def reader(self, *names):
        reader = Reader(self.mount, *names)
        self.addCleanup(reader.close)
        return reader

    def test_the_life_of_a_run(self):
        reader = self.reader("alive")
        self.assertEqual(reader.lines(), [])
        run = self.mount.make("alive")
        run.write("cmd", "sh -c 'read x; exit 3'")
        run.wait_for("running")
        self.assertEqual(reader.lines(), [("new", "-", "-", "alive"), ("starting", "-", "-", "alive"),
                                          ("running", "-", "-", "alive")])
        run.write("stdin", "x")
        self.assertEqual(reader.until("ended", "3", "exited", "alive"), [("ended", "3", "exited", "alive")])
        run.remove()
        self.assertEqual(reader.lines(), [("removed", "3", "exited", "alive")])

    def test_one_that_is_removed_while_it_goes_on(self):
        run = self.mount.make("killed")
        run.start("sleep 1000")
        run.wait_for("running")
        reader = self.reader("killed")
        self.assertEqual(reader.lines(), [("running", "-", "-", "killed")])
        run.remove()
        self.assertEqual(reader.lines(), [("ended", "254", "removed", "killed"), ("removed", "254", "removed", "killed")])

    def test_who_comes_late_is_told_the_present_states(self):
        runs = [self.mount.make(name) for name in ("late1", "late2", "late3")]
        runs[1].start("true").retval()
        runs[2].start("no-such-program").retval()
        expected = [("new", "-", "-", "late1"), ("ended", "0", "exited", "late2"), ("ended", "127", "failed", "late3")]
        reader = self.reader("late1", "late2", "late3")
        self.assertEqual(reader.lines(), expected)
        runs[0].start("true").retval()
        self.assertEqual(reader.lines(), [("starting", "-", "-", "late1"), ("running", "-", "-", "late1"),
                                          ("ended", "0", "exited", "late1")])
        for run in runs:
            run.remove()

    def test_nothing_twice_and_nothing_missed_while_it_is_told(self):
        """The present states are told in pieces, while things change."""
        runs = [self.mount.make(f"piece{n}") for n in range(40)]
        fd = os.open(self.mount.path("events"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        text = b""
        while text.count(b" piece") < 20:
            text += os.read(fd, 1)
        for n in (1, 39):
            runs[n].start("true").retval()
        self.mount.make("piece40")
        while True:
            try:
                text += os.read(fd, 7)
            except BlockingIOError:
                break
        lines = [line.split(" ", 1)[1] for line in text.decode().splitlines()]
        for n in range(41):
            states = [line.split()[0] for line in lines if line.endswith(f" piece{n}")]
            expected = {1: ["new", "starting", "running", "ended"], 39: ["ended"]}.get(n, ["new"])
            self.assertEqual(states, expected, n)
        for n in range(41):
            os.rmdir(self.mount.path(f"piece{n}"))

    def test_waiting_for_any_of_many_in_each_shell(self):
        script = """
            exec 3< events
            for n in 1 2 3; do mkdir any$n; echo "sh -c 'read x; exit $n'" > any$n/cmd; done
            for n in 3 1 2; do echo > any$n/stdin; done
            left=3
            while [ $left -gt 0 ] && read -r time state retval termination name <&3; do
                [ "$state" = ended ] || continue
                case $name in any*) echo "$name $retval"; left=$((left - 1));; esac
            done
            rm -r any1 any2 any3"""
        for shell in studentfs.shells():
            with self.subTest(shell=shell):
                result = subprocess.run([shell, "-c", script], cwd=self.mount.point, capture_output=True, text=True,
                                        timeout=50, check=False)
                self.assertEqual((sorted(result.stdout.splitlines()), result.stderr), (["any1 1", "any2 2", "any3 3"], ""))

    def test_programs_that_follow(self):
        for command in (["cat"], ["stdbuf", "-oL", "tail", "-f", "-n", "+1"], ["grep", "--line-buffered", "follow"], ["sed", "-u", ""],
                        ["dd", "bs=64k", "status=none"], ["python3", "-uc", "import sys\nfor x in open(sys.argv[1]): print(x, end='')"]):
            with self.subTest(command=command):
                reader = subprocess.Popen([*command, f"if={self.mount.path('events')}" if command[0] == "dd"
                                           else self.mount.path("events")], stdout=subprocess.PIPE, text=True)
                try:
                    self.mount.make("follow").start("true").retval()
                    while not (line := reader.stdout.readline()).endswith(" ended 0 exited follow\n"):
                        self.assertNotEqual(line, "")
                finally:
                    reader.kill()
                    reader.communicate()
                    studentfs.Run(self.mount.path("follow")).remove()

    def test_poll(self):
        reader = self.reader()
        poll, epoll = select.poll(), select.epoll()
        self.addCleanup(epoll.close)
        poll.register(reader.fd, select.POLLIN)
        epoll.register(reader.fd, select.EPOLLIN)
        reader.lines()
        self.assertEqual((poll.poll(0), epoll.poll(0)), ([], []))
        run = self.mount.make()
        self.assertEqual((len(poll.poll(10_000)), len(epoll.poll(10)), len(select.select([reader.fd], [], [], 10)[0])),
                         (1, 1, 1))
        reader.rest = os.read(reader.fd, 3)  # the rest of the line is still there
        self.assertEqual(len(poll.poll(0)), 1)
        reader.lines()
        self.assertEqual(poll.poll(0), [])
        run.remove()

    def test_names_are_one_word_of_the_line_s_end(self):
        name = "a b\n\\ \xe9"
        os.mkdir(self.mount.path(name))
        reader = self.reader("a b\\n\\\\ \xe9")
        self.assertEqual(reader.lines(), [("new", "-", "-", "a b\\n\\\\ \xe9")])
        os.rmdir(self.mount.path(name))

    def test_offsets(self):
        run = self.mount.make("offset")
        fd = os.open(self.mount.path("events"), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        text = os.read(fd, 65536)
        # What was read last can be read again, as shells do; nothing else can.
        self.assertEqual(os.pread(fd, 65536, 0), text)
        self.assertEqual(os.pread(fd, 5, 3), text[3:8])
        self.assert_errno(22, os.pread, fd, 10, len(text) + 1)
        run.remove()
        more = os.read(fd, 65536)
        self.assertTrue(more.endswith(b" removed 254 removed offset\n"), more)
        self.assert_errno(22, os.pread, fd, 10, 0)
        self.assertEqual(os.pread(fd, 65536, len(text)), more)

    def test_who_is_overtaken_is_told_so(self):
        """Nobody waits for a reader that does not read, and nothing is kept for it for ever."""
        stays = self.mount.make("stays")
        reader = self.reader()
        reader.lines()
        for n in range(RING_SIZE // 3 + 1):
            os.mkdir(self.mount.path("comes"))
            os.rmdir(self.mount.path("comes"))
        last = self.mount.make("last")
        self.assertEqual(reader.lines(), [("lost", "-", "-", "-"), ("new", "-", "-", "stays"), ("new", "-", "-", "last")])
        stays.remove()
        self.assertEqual([line[0] for line in reader.lines()], ["ended", "removed"])
        last.remove()


class Shared(studentfs.TestCase):
    mount_options = ("-o", "allow_other")

    def test_each_sees_what_he_may(self):
        def mine(name, mode):
            os.mkdir(self.mount.path(name), mode)

        as_user(ALICE, lambda: mine("before", 0o700))
        bob = subprocess.Popen(["setpriv", "--reuid", str(BOB), "--regid", str(BOB), "--clear-groups",
                                "cat", self.mount.path("events")], stdout=subprocess.PIPE, text=True)
        try:
            as_user(ALICE, lambda: mine("private", 0o700))
            as_user(ALICE, lambda: studentfs.Run(self.mount.path("private")).write("cmd", "true"))
            as_user(ALICE, lambda: mine("public", 0o755))
            as_user(BOB, lambda: mine("own", 0o700))
            names = [bob.stdout.readline().split()[4] for _ in range(2)]
            self.assertEqual(sorted(names), ["own", "public"])
        finally:
            bob.kill()
            bob.communicate()
        reader = Reader(self.mount)
        self.addCleanup(reader.close)
        self.assertLessEqual({"before", "private", "public", "own"}, {line[3] for line in reader.lines()})

    def test_supplementary_groups_count(self):
        os.mkdir(self.mount.path("group"), 0o750)
        os.chown(self.mount.path("group"), ALICE, 61999)
        for group, shown, seconds in ((61999, True, 3), (61998, False, 0.5)):
            for file in "runs", "events":
                command = ["setpriv", "--reuid", str(BOB), "--regid", str(BOB), "--groups", str(group),
                           "timeout", str(seconds), "cat", self.mount.path(file)]
                text = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
                self.assertEqual("group" in text, shown, (group, file))
        os.rmdir(self.mount.path("group"))


if __name__ == "__main__":
    studentfs.main()
