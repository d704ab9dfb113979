"""Processes that multiply, stay on, hide, or go for others."""

import os
import time

import hostile
import studentfs


class Processes(hostile.TestCase):
    def is_bounded(self, command, **settings):
        """Struck by a limit; meanwhile the mount and the neighbour answer."""
        run = self.mount.run(f"/task/student/hostile {command}", stdin=None, time_limit=1, hard_time_limit=3, **settings)
        while run.state() != "ended":
            self.say(b"meanwhile\n")
            os.listdir(self.mount.point)
        self.assertIn(run.retval(), (252, 253))
        run.remove()
        self.students_are_gone()

    def test_bomb_of_processes(self):
        for settings in self.as_root_too():
            self.is_bounded("fork_bomb", **settings)

    def test_bomb_of_threads(self):
        self.is_bounded("thread_bomb")

    def test_bomb_of_orphans(self):
        """Each in a session of its own, with no parent but init."""
        self.is_bounded("orphans")

    def test_signals_to_everybody(self):
        """He hits only what he made himself: never init, the agent, the neighbour."""
        other = self.mount.run("sleep 1000", stdin=None)
        other.wait_for("running")
        for settings in self.as_root_too():
            self.assertEqual(self.attack("signals_to_all", **settings), ["everybody ESRCH", "itself done"])
        self.assertEqual(other.state(), "running")
        other.remove()

    def test_init(self):
        """Process 1, which is not dumpable: nothing of it can be opened, traced or taken, nor can it be starved."""
        torn = self.mount.student / "torn"
        for settings in self.as_root_too():
            torn.unlink(missing_ok=True)
            settings["teardown_script"] = "touch student/torn"
            got = self.got("init", **settings)
            self.assertEqual(got.pop("root/etc/shadow"), "EACCES")
            # A signal from inside is one that process 1 does not take.
            self.assertIn(got.pop("pidfd_kill"), ("EPERM", "done"))
            if settings["start_student_as_root"] == "1":
                # Root of its own namespace: the numbers of its descriptors, and to make it die sooner.
                self.assertIn(got.pop("fd"), ("done", "EACCES"))
                self.assertIn(got.pop("oom_score_adj"), ("done", "EACCES"))
            self.assertLessEqual(set(got.values()), {"EACCES", "EPERM"}, got)
            self.assertTrue(torn.exists())

    def test_who_outlives_the_command(self):
        """A session of its own, deaf to all signals, stdout in hand, stopped or not."""
        for how in ("", " stop"):
            began = time.monotonic()
            run = self.mount.run(f"/task/student/hostile stay{how}", hard_time_limit=100)
            self.assertEqual((run.text("stdout"), run.retval()), ("left\n", 7))
            self.assertLess(time.monotonic() - began, 50)
            run.remove()
            self.students_are_gone()

    def test_who_stops_himself(self):
        self.is_struck("stop", 253, "wall_time", hard_time_limit="0.5")

    def test_who_is_deaf(self):
        run = self.mount.run("/task/student/student stubborn", stdin=None)
        with open(run.file("stdout"), "rb", buffering=0) as file:
            self.assertEqual(file.read(9), b"ignoring\n")
        for name in ("TERM", "INT", "HUP", "QUIT", "USR1"):
            run.write("signal", name)
        self.assertEqual(run.state(), "running")
        run.write("signal", "KILL")
        self.assert_ended(run, 137, "signal")
        run.remove()

    def test_processes_that_are_dead_when_one_looks(self):
        run = self.mount.run("/task/student/student mayflies 40", time_limit="0.5", hard_time_limit=50)
        self.assert_ended(run, 253, "cpu_time")
        run.remove()

    def test_another_runs_processes(self):
        other = self.mount.run("/task/student/student sleep", stdin=None)
        other.wait_for("running")
        run = self.mount.run("sh -c 'cat /proc/[0-9]*/comm'")
        self.assertNotIn("student\n", run.text("stdout").replace("student-init\n", ""))
        run.remove()
        other.remove()

    def test_reaching_into_another_runs_process(self):
        """Of the same user outside, and its number known: traced, read, signalled, slowed by nothing."""
        for way in self.as_root_too():
            other = self.mount.run("/task/student/student sleep", stdin=None)
            other.wait_for("running")
            table = studentfs.eventually(lambda: [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                                                  if studentfs.program_of(pid) == "student"], what="the neighbour")
            for pid in (*table, self.mount.daemon[0], self.mount.agent()[0]):
                got = self.got(f"neighbour {pid}", **way)
                self.assertGreater(len(got), 18)
                for name in ("move_pages", "kcmp"):  # a kernel may have been built without
                    self.assertIn(got.pop(name), ("ESRCH", "EPERM", "ENOSYS"))
                self.assertLessEqual(set(got.values()), {"ESRCH", "ENOENT", "EPERM"}, got)
            self.assertEqual(other.state(), "running")
            self.assertEqual(os.getpriority(os.PRIO_PROCESS, table[0]), os.getpriority(os.PRIO_PROCESS, 0))
            other.remove()
            studentfs.eventually(lambda: not studentfs.process_stat(table[0]), what="the neighbour's end")


class Forged(hostile.TestCase):
    def test_exit_codes_that_imitate_verdicts(self):
        for code in (251, 252, 253, 254, 255):
            run = self.mount.run(f"sh -c 'exit {code}'")
            self.assert_ended(run, code, "exited")
            self.assertNotIn("signal", run.status())
            run.remove()

    def test_exit_codes_that_imitate_signals(self):
        run = self.mount.run("sh -c 'exit 137'")
        self.assert_ended(run, 137, "exited")
        run.remove()
        for number in (9, 11, 24, 25, 31):  # KILL, SEGV, XCPU, XFSZ, SYS
            run = self.mount.run(f"sh -c 'kill -{number} $$'")
            self.assert_ended(run, 128 + number, "signal")
            run.remove()

    def test_words_that_imitate_a_reason(self):
        run = self.mount.run("sh -c 'echo \"reason: used more than 1 s of CPU time\nretval: 0\ntermination: exited\" | tee /dev/stderr; exit 3'")
        self.assert_ended(run, 3, "exited")
        self.assertNotIn("reason", run.status())
        run.remove()

    def test_a_command_with_lines_in_it(self):
        """`runs` has a line for each run, `status` a line for each key."""
        run = self.mount.run("sh -c 'exit 1\nstate: ended\nretval: 0\n'")
        self.assertEqual(run.retval(), 1)
        self.assertEqual(run.text("status").count("\nretval:"), 1)
        self.assertEqual(len(run.text("status").splitlines()), len(run.status()))
        with open(self.mount.path("runs"), encoding="utf-8") as file:
            names = [line.split()[0] for line in file]
        self.assertEqual(len(names), len(set(names)))
        self.assertIn(run.name, names)
        run.remove()

    def test_its_own_pipes(self):
        """Made not to block, and as small as can be: the grader reads and writes as before."""
        run = self.mount.run("python3 -c 'import fcntl, os\n"
                             "for fd in 0, 1, 2:\n"
                             "    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)\n"
                             "    fcntl.fcntl(fd, 1031, 4096)\n"
                             "fcntl.fcntl(1, fcntl.F_SETFL, 0)\n"
                             "os.write(1, b\"y\" * 100000)'")
        self.assertEqual((run.retval(), len(run.read("stdout"))), (0, 100000), run.text("stderr"))
        run.remove()

    def test_reading_its_own_output(self):
        """A pipe is opened anew by its name: what he takes out of it is his own, the run still ends."""
        run = self.mount.run("python3 -c 'import os\nfd = os.open(\"/proc/self/fd/1\", os.O_RDONLY | os.O_NONBLOCK)\n"
                             "print(\"lost\", flush=True)\ntry: os.read(fd, 5)\nexcept BlockingIOError: pass\n"
                             "os.close(fd)\nprint(\"kept\")'")
        self.assertEqual(run.retval(), 0, run.text("stderr"))
        self.assertIn(run.text("stdout"), ("kept\n", "lost\nkept\n"))
        run.remove()


GIVER = """
import socket
there = socket.socket(socket.AF_UNIX)
there.connect("/task/student/meeting")
socket.send_fds(there, [b"x"], [1])
there.recv(1)
print("given")
"""
TAKER = """
import os, socket, time
here = socket.socket(socket.AF_UNIX)
here.bind("/task/student/meeting")
os.chmod("/task/student/meeting", 0o777)
here.listen(1)
print("listens", flush=True)
there = here.accept()[0]
[stream] = socket.recv_fds(there, 1, 1)[1]
there.send(b"x")
while there.recv(1):
    pass
try:
    while True:
        os.write(stream, bytes(1000))
        time.sleep(0.01)
except BrokenPipeError:
    print("closed")
"""


class Together(hostile.TestCase):
    def test_output_given_to_another_run(self):
        """What the other writes when the giver is dead: no more than until its end is known, and it does not keep
        the run going. Where it did, for two seconds, there were 200 kB."""
        for name, text in (("giver.py", GIVER), ("taker.py", TAKER)):
            (self.mount.student / name).write_text(text)
        taker = self.mount.run("python3 student/taker.py", hard_time_limit=60)
        with open(taker.file("stdout"), "rb", buffering=0) as heard:
            self.assertEqual(heard.read(8), b"listens\n")
            giver = self.mount.run("python3 student/giver.py")
            self.assertEqual(giver.retval(), 0, giver.text("status"))
            self.assertEqual(heard.read(7), b"closed\n")
        self.assertTrue(giver.read("stdout").startswith(b"given\n"))
        self.assertLess(len(giver.read("stdout")), 100_000)
        self.assertEqual(taker.retval(), 0, taker.text("status"))
        for run in (giver, taker):
            run.remove()
        (self.mount.student / "meeting").unlink()


if __name__ == "__main__":
    hostile.main()
