"""Programs that take what they can get: each ends with the right value in the right time,
and the next run is unharmed."""

import os
import subprocess
import time

import studentfs

# Beyond a limit of 1 s: the watching's period, a machine that is busy with other tests.
SLACK = 100 if studentfs.SLOW else 6 if studentfs.SANITIZED else 3
# Seconds that a program which only fills its memory is through with it in.
FILLING = 6 if studentfs.SLOW else 1


class Limits(studentfs.TestCase):
    mount_options = ("--time-limit", "300") if studentfs.SLOW else ()

    def tearDown(self):
        """The next run is unharmed."""
        if self.mount.is_mounted():
            run = self.mount.run("sh -c 'echo fine'")
            self.assertEqual((run.text("stdout"), run.retval()), ("fine\n", 0))
            run.remove()

    def ends(self, command, seconds, retval, termination, reason=None, **settings):
        began = time.monotonic()
        run = self.mount.run(command, **settings)
        run.retval()
        took = time.monotonic() - began
        self.assert_ended(run, retval, termination, reason)
        self.assertLess(took, seconds + SLACK)
        self.students_are_gone()
        return run

    def students_are_gone(self):
        studentfs.eventually(
            lambda: not [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                         if studentfs.program_of(pid) == "student"], what="the student's end")

    def test_memory_hog(self):
        run = self.ends("student/student hog", 2, 252, "memory", "64 MiB", memory_limit=64)
        self.assertLessEqual(run.usage()["memory_peak"], 66 << 20)
        self.assertGreater(run.usage()["memory_peak"], 50 << 20)

    def test_memory_hog_at_the_default(self):
        self.ends("student/student hog", 4, 252, "memory", "200 MiB")

    def test_memory_of_a_child_counts(self):
        """The command itself is small, lives on and would hide it."""
        self.ends("sh -c 'student/student hog; student/student sleep'", 3, 252, "memory", memory_limit=64)

    def test_memory_of_many_processes_counts_together(self):
        self.ends("sh -c 'for i in 1 2 3 4; do (head -c 40M /dev/zero | tail -c 40M; :) & done; wait'",
                  5, 252, "memory", memory_limit=64)

    def test_memory_in_files_of_tmp_counts(self):
        for directory in ("/tmp", "/dev/shm"):
            with self.subTest(directory=directory):
                run = self.mount.run(f"sh -c 'head -c 300M /dev/zero > {directory}/file; wc -c < {directory}/file'",
                                     memory_limit=100)
                if run.retval() == 0:
                    self.assertLess(int(run.text("stdout")), 100 << 20, "bounded by its own size")
                else:
                    self.assert_ended(run, 252, "memory")

    def test_within_the_limit(self):
        self.ends("student/student hog 100", 3, 0, "exited", memory_limit=150)

    def test_more_memory_than_by_default(self):
        """The default is set ahead, and is no bound for who asks for more; nor is what was used before counted."""
        run = self.ends("student/student hog 300", 3, 0, "exited", memory_limit=400)
        self.assertGreater(run.usage()["memory_peak"], 300 << 20)
        self.ends("student/student hog", 4, 252, "memory", "400 MiB", memory_limit=400)

    def test_killed_by_itself_is_no_verdict(self):
        self.ends("student/student raise 9", 1, 137, "signal")

    def test_fork_bomb(self):
        """Ended by its CPU or wall-clock limit; meanwhile the mount and the machine answer."""
        began = time.monotonic()
        run = self.mount.run("student/student forkbomb", time_limit=2, hard_time_limit=4)
        run.wait_for("running")
        slowest = 0
        while run.state() == "running":
            at = time.monotonic()
            self.assertEqual(subprocess.run(["true"], check=False).returncode, 0)
            os.listdir(self.mount.point)
            slowest = max(slowest, time.monotonic() - at)
            self.assertLess(at - began, 27 + SLACK)
        self.assertIn(run.retval(), (252, 253))
        self.assertIn(run.status()["termination"], ("cpu_time", "wall_time", "memory"))
        # The one processor of a slow machine is shared with all of the bomb.
        self.assertLess(slowest, 100 if studentfs.SLOW else 5)
        self.students_are_gone()

    def test_the_process_limit(self):
        mount = self.own_mount("--process-limit", "20")
        run = mount.run("python3 -c 'import subprocess\nn = 0\ntry:\n while n < 50:\n"
                        "  subprocess.Popen([\"sleep\", \"100\"]); n += 1\nexcept BlockingIOError: pass\nprint(n)'")
        self.assertIn(int(run.text("stdout") or -1), range(10, 21), run.text("stderr"))
        self.assertEqual(run.retval(), 0)

    def test_cpu_spinner(self):
        run = self.ends("student/student spin 1", 1, 253, "cpu_time", "CPU", time_limit=1, hard_time_limit=40)
        self.assertGreater(run.usage()["cpu_usec"], 900_000)
        self.assertLess(run.usage()["cpu_usec"], 3_000_000)

    def test_cpu_spinner_with_four_threads(self):
        """All threads count together: with two processors the time is up in half of it."""
        run = self.ends("student/student spin 4", 2, 253, "cpu_time", "CPU", time_limit=2, hard_time_limit=40)
        self.assertLess(run.usage()["cpu_usec"], 4_000_000)

    def test_cpu_of_children_counts(self):
        self.ends("sh -c 'while :; do sh -c \"i=0; while [ \\$i -lt 9999 ]; do i=\\$((i+1)); done\"; done'",
                  1, 253, "cpu_time", time_limit=1, hard_time_limit=40)

    def test_sleeper(self):
        run = self.ends("student/student sleep", 1, 253, "wall_time", "longer than 1 s", hard_time_limit=1)
        self.assertLess(run.usage()["cpu_usec"], 500_000)
        self.assertGreater(run.usage()["wall_usec"], 950_000)

    def test_wall_clock_is_three_times_the_cpu_time(self):
        began = time.monotonic()
        self.ends("student/student sleep", 3, 253, "wall_time", time_limit=1)
        self.assertGreater(time.monotonic() - began, 2.8)

    def test_waiting_for_input_is_bounded_too(self):
        run = self.mount.run("cat", stdin=None, hard_time_limit=1)
        self.assert_ended(run, 253, "wall_time")

    def test_no_way_to_ignore_it(self):
        self.ends("student/student stubborn", 1, 253, "wall_time", hard_time_limit=1)

    def test_ignores_sigterm_and_is_killed(self):
        run = self.mount.run("student/student stubborn", stdin=None)
        with open(run.file("stdout"), "rb", buffering=0) as file:
            self.assertEqual(file.read(9), b"ignoring\n")
        for name in ("TERM", "INT", "HUP"):
            run.write("signal", name)
        self.assertEqual(run.state(), "running")
        run.write("signal", "KILL")
        self.assert_ended(run, 137, "signal")
        self.students_are_gone()

    def test_a_daemon_that_is_left(self):
        self.ends("student/student daemon 5", 1, 5, "exited")

    def test_prints_for_ever(self):
        # By messages it waits for its readers more than it computes: the wall clock goes on meanwhile.
        seconds = 12 if studentfs.TRANSPORT == "message" else 2
        run = self.ends("student/student flood", seconds, 253, "cpu_time", time_limit=1, hard_time_limit=20,
                        output_limit=1 << 20)
        self.assertEqual(run.status()["stdout"], f"{1 << 20} (truncated)")
        self.assertEqual(run.read("stdout"), b"x" * (1 << 20))

    def test_prints_for_ever_and_is_removed(self):
        run = self.mount.run("student/student flood")
        studentfs.eventually(lambda: run.usage()["stdout_bytes"] > 10 << 20)
        run.remove()
        self.students_are_gone()

    def test_ends_just_in_time(self):
        """A limit is disarmed by the end: no verdict afterwards."""
        run = self.mount.run("sh -c 'sleep 0.7; exit 6'", hard_time_limit=1)
        self.assert_ended(run, 6, "exited")
        end = time.monotonic() + 0.6
        studentfs.eventually(lambda: time.monotonic() > end)
        self.assertEqual(run.retval(), 6)

    def test_maxima_of_the_mount(self):
        mount = self.own_mount("--max-hard-time-limit", str(FILLING), "--max-memory-limit", "40", "--time-limit", "7")
        run = mount.run("student/student sleep", hard_time_limit=1000)
        self.assert_ended(run, 253, "wall_time", f"longer than {FILLING} s")
        self.assert_ended(mount.run("student/student hog", memory_limit=1000), 252, "memory", "40 MiB")

    def test_defaults_of_the_mount(self):
        mount = self.own_mount("--time-limit", str(FILLING), "--memory-limit", "50")
        self.assert_ended(mount.run("student/student spin 2", hard_time_limit=40), 253, "cpu_time", f" {FILLING} s")
        self.assert_ended(mount.run("student/student hog"), 252, "memory", "50 MiB")
        self.assert_ended(mount.run("student/student sleep"), 253, "wall_time", f" {3 * FILLING} s")


class Isolation(studentfs.TestCase):
    """What a student sees of the machine, and of the next student."""

    def test_no_network(self):
        run = self.mount.run("sh -c 'ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | cut -d: -f1'")
        self.assertEqual(run.text("stdout").split(), ["lo"])

    def test_only_its_own_processes(self):
        run = self.mount.run("python3 -c 'import os; print(sorted(int(p) for p in os.listdir(\"/proc\") if p.isdigit()))'")
        pids = eval(run.text("stdout"))  # pylint: disable=eval-used
        self.assertEqual(pids[0], 1)
        self.assertLessEqual(len(pids), 3)

    def test_files_of_the_machine_are_out_of_reach(self):
        run = self.mount.run("sh -c 'cat /etc/shadow; ls /root /home /var; echo x > /usr/x; echo x > /x; echo x > /task/x;"
                             f" ls {self.mount.base}; kill -9 1; echo alive'")
        self.assertEqual(run.text("stdout"), "alive\n")
        self.assertEqual(run.retval(), 0)
        self.assertFalse(os.path.exists("/usr/x"))

    def test_nothing_stays_for_the_next_one(self):
        self.mount.run("sh -c 'echo a > /tmp/file; echo a > /dev/shm/file'").retval()
        run = self.mount.run("sh -c 'ls -A /tmp /dev/shm'")
        self.assertEqual(run.text("stdout"), "/dev/shm:\n\n/tmp:\n")

    def test_student_directory_is_shared_and_writable(self):
        self.assert_ended(self.mount.run("sh -c 'echo kept > student/kept'"), 0, "exited")
        self.assertEqual((self.mount.student / "kept").read_text(), "kept\n")

    def test_no_privileges(self):
        run = self.mount.run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
        status = dict(line.split(":\t") for line in run.text("stdout").splitlines())
        self.assertEqual({status[name] for name in status if name.startswith("Cap")}, {"0" * 16})
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))

    def test_no_user_namespace(self):
        self.assertNotEqual(self.mount.run("unshare -U true").retval(), 0)


if __name__ == "__main__":
    studentfs.main()
