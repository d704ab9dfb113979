"""What all tests of hostile students share: the attack, run through the mount as a grader would, and that nobody
else is harmed: the machine, the daemon, the agent, and a neighbour's run that goes on meanwhile.
"""

import os
import pathlib
import shutil
import time

import studentfs

PROGRAM = pathlib.Path(os.environ.get("STUDENTFS_HOSTILE", studentfs.BIN.parent / "tests/hostile"))

# Not what lies in a file: the daemon's recordings past their bound in memory.
DAEMON_MIB = 250
AGENT_MIB = 60


def resident_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) >> 10
    return 0


def machine():
    """What of the machine an attack could change for all."""
    proc = pathlib.Path("/proc/sys/kernel")
    names = ("hostname", "domainname", "core_pattern", "modprobe", "randomize_va_space", "random/boot_id")
    state = {name: (proc / name).read_text() for name in names if (proc / name).exists()}
    state["passwd"] = pathlib.Path("/etc/passwd").read_bytes()
    state["usr"] = sorted(os.listdir("/usr")) + sorted(os.listdir("/"))
    state["cwd"] = os.getcwd()
    return state


def clock():
    """When the machine was started; seconds."""
    return time.time() - time.monotonic()


class TestCase(studentfs.TestCase):
    """With a neighbour, which says back what it is told, before the attack and after it."""

    seconds = 120

    @classmethod
    def prepare(cls):
        shutil.copy(PROGRAM, cls.mount.student / "hostile")
        (cls.mount.task / "expected.txt").write_text("the solution")
        (cls.mount.task / "expected.txt").chmod(0o644)

    def setUp(self):
        super().setUp()
        if self.mount_options is None:
            return
        self.machine, self.clock = machine(), clock()
        self.processes = (self.mount.daemon, self.mount.agent())
        self.neighbour = self.mount.run("cat", stdin=None, hard_time_limit=300, time_limit=100)
        self.neighbour.wait_for("running")
        self.input = os.open(self.neighbour.file("stdin"), os.O_WRONLY)
        self.heard = open(self.neighbour.file("stdout"), "rb", buffering=0)
        self.said = b""
        self.say(b"before\n")
        self.addCleanup(self.nobody_is_harmed)

    def say(self, line):
        os.write(self.input, line)
        answer = b""
        while len(answer) < len(line):
            answer += self.heard.read(len(line) - len(answer))
        self.assertEqual(answer, line)
        self.said += line

    def nobody_is_harmed(self):
        self.say(b"after " * 1000 + b"\n")
        os.close(self.input)
        self.assertEqual(self.heard.read(), b"")
        self.heard.close()
        self.assertEqual((self.neighbour.retval(), self.neighbour.read("stdout")), (0, self.said))
        self.assertEqual(self.neighbour.read("stderr"), b"")
        self.neighbour.remove()
        self.assertEqual((self.mount.find_daemon(), self.mount.agent()), self.processes)
        if not studentfs.SANITIZED:
            self.assertLess(resident_mib(self.processes[0][0]), DAEMON_MIB)
            self.assertLess(resident_mib(self.processes[1][0]), AGENT_MIB)
        self.assertEqual(machine(), self.machine)
        self.assertAlmostEqual(clock(), self.clock, delta=10)
        self.next_run_is_unharmed()

    def next_run_is_unharmed(self):
        run = self.mount.run("sh -c 'cat; echo fine'", stdin=b"all ")
        self.assertEqual((run.retval(), run.text("stdout")), (0, "all fine\n"), run.text("status"))
        run.remove()

    def attack(self, command, retval=0, termination=None, **settings):
        """Its output, by lines."""
        run = self.mount.run(f"/task/student/hostile {command}", **settings)
        self.assertEqual(run.retval(), retval, run.text("stdout") + run.text("stderr") + run.text("status"))
        if termination:
            self.assertEqual(run.status()["termination"], termination)
        lines = run.text("stdout").splitlines()
        run.remove()
        return lines

    def got(self, command, **settings):
        """What each attempt got, by its name."""
        lines = self.attack(command, **settings)
        self.assertTrue(lines)
        return dict(line.rsplit(" ", 1) for line in lines)

    def is_struck(self, command, retval, termination, **settings):
        run = self.mount.run(f"/task/student/hostile {command}", **settings)
        self.assert_ended(run, retval, termination)
        usage = run.usage()
        run.remove()
        self.students_are_gone()
        return usage

    def students_are_gone(self):
        studentfs.eventually(
            lambda: not [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                         if studentfs.program_of(pid) == "hostile"], what="the attacker's end")

    def as_root_too(self, ways=("0", "1")):
        """Settings for a student who is an ordinary user, and for one who is root where that can be had."""
        for way in ways:
            run = self.mount.run("true", start_student_as_root=way)
            if run.retval() == 0:
                yield {"start_student_as_root": way}
            run.remove()


main = studentfs.main
