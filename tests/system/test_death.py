"""Whoever dies: nobody hangs, no student's process survives, and the next mount works."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile

import studentfs


class Death(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        self.mount = self.own_mount()
        self.run_ = self.mount.run("sh -c 'student/student stubborn & student/student stubborn'", stdin=None)
        self.run_.wait_for("running")
        studentfs.eventually(lambda: self.run_.usage()["stdout_bytes"] == 18, what="both students run")

    def processes(self, program):
        return [p for p in studentfs.descendants(self.mount.daemon[0]) if studentfs.program_of(p[0]) == program]

    def readers(self, *names):
        processes = [subprocess.Popen(["cat", self.run_.file(name)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                     for name in names for _ in range(3)]
        for process in processes:
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            studentfs.eventually(
                lambda pid=process.pid: "request_wait" in open(f"/proc/{pid}/wchan", encoding="ascii").read())
        return processes

    def works(self):
        """A run from beginning to end; a new agent may have to be started first."""
        run = self.mount.run("echo works")
        self.assertEqual((run.text("stdout"), run.retval()), ("works\n", 0), run.text("status"))
        run.remove()

    def ends_as_failed(self, readers):
        for reader in readers:
            self.assertEqual(reader.wait(20), 0)
            self.assertEqual(reader.stdout.read(), b"254\n")
        self.assert_ended(self.run_, 254, "failed")
        self.assertTrue(self.run_.status()["reason"])

    def are_gone(self, processes):
        self.assertTrue(processes)
        studentfs.eventually(lambda: not [p for p in processes if studentfs.is_alive(p)], what="their end")

    def test_of_the_agent(self):
        students, readers = self.processes("student"), self.readers("retval")
        agent = self.mount.agent()
        below = studentfs.descendants(agent[0])
        os.kill(agent[0], signal.SIGKILL)
        self.ends_as_failed(readers)
        self.are_gone(students)
        self.are_gone(below)
        studentfs.eventually(self.mount.agent, what="another agent")
        self.works()
        studentfs.eventually(lambda: not studentfs.cgroups_of_agent(agent[0]),
                             what="removal of the dead agent's groups")

    def test_of_the_agent_twice(self):
        for _ in range(2):
            agent = studentfs.eventually(self.mount.agent)
            os.kill(agent[0], signal.SIGKILL)
            studentfs.eventually(lambda a=agent: self.mount.agent() not in (None, a), what="another agent")
            self.works()

    def test_of_the_agent_while_runs_start(self):
        runs = [self.mount.make() for _ in range(20)]
        for run in runs:
            run.write("cmd", "true")
        os.kill(self.mount.agent()[0], signal.SIGKILL)
        for run in runs:
            self.assertIn(run.retval(), (0, 254))
        self.works()

    def test_of_the_agent_s_children(self):
        """Its spawner and every sandbox's outer process, one after the other."""
        agent = self.mount.agent()
        for pid, started in studentfs.descendants(agent[0])[1:]:
            if studentfs.program_of(pid) == "student":
                continue
            if studentfs.is_alive((pid, started)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.run_.retval(), 254)
        studentfs.eventually(lambda: not self.processes("student"))
        studentfs.eventually(lambda: self.mount.agent() not in (None, agent), what="another agent")
        self.works()

    def test_of_the_sandbox_s_init(self):
        students, readers = self.processes("student"), self.readers("retval")
        inits = [pid for pid, _ in self.processes("student-init") if self.has_below(pid, students)]
        self.assertEqual(len(inits), 1, self.processes("student-init"))
        os.kill(inits[0], signal.SIGKILL)
        self.ends_as_failed(readers)
        self.are_gone(students)
        self.works()

    def has_below(self, pid, processes):
        return bool(set(studentfs.descendants(pid)) & set(processes))

    def test_of_an_idle_sandbox(self):
        def idle():
            return [p for p in self.processes("student-init")
                    if not self.has_below(p[0], self.processes("student"))]

        killed = studentfs.eventually(idle)
        for pid, _ in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        studentfs.eventually(lambda: len(set(idle()) - set(killed)) >= len(killed), what="others in their place")
        for _ in range(5):
            self.works()
        self.assertEqual(self.run_.state(), "running")

    def test_of_idle_sandboxes_that_are_then_given_a_run(self):
        """Their outer processes are stopped: to the agent they look alive until it speaks to them."""
        inits = studentfs.eventually(lambda: len(self.processes("student-init")) >= 4 and self.processes("student-init"))
        idle = [p for p in inits if not self.has_below(p[0], self.processes("student"))]
        for init in idle[:2]:
            pid = init[0]
            outer = studentfs.process_stat(pid)[1]
            os.kill(outer, signal.SIGSTOP)
            self.addCleanup(self.resume, outer)
            os.kill(pid, signal.SIGKILL)
            studentfs.eventually(lambda init=init: not studentfs.is_alive(init))
        for _ in range(len(idle)):
            self.works()

    def resume(self, pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def test_of_the_daemon(self):
        everything = studentfs.descendants(self.mount.daemon[0])
        agents = [pid for pid, _ in everything if studentfs.program_of(pid) == "studentfs-agent"]
        readers = self.readers("retval", "stdout")
        os.kill(self.mount.daemon[0], signal.SIGKILL)
        for reader in readers:
            self.assertNotEqual(reader.wait(5), 0)
        self.are_gone(everything)
        self.assertRaises(OSError, os.listdir, self.mount.point)
        # The next one clears the stale mount, its sockets and control groups.
        self.mount.start()
        self.works()
        self.assertEqual([group for pid in agents for group in studentfs.cgroups_of_agent(pid)], [])
        self.assertEqual(list(studentfs.mounts()).count(self.mount.point), 1)

    def test_of_the_daemon_while_somebody_is_in_the_mount(self):
        inside = subprocess.Popen(["sleep", "100"], cwd=self.run_.path)
        self.addCleanup(inside.wait)
        self.addCleanup(inside.kill)
        everything = studentfs.descendants(self.mount.daemon[0])
        os.kill(self.mount.daemon[0], signal.SIGKILL)
        self.are_gone(everything)
        self.mount.start()
        self.works()

    def test_of_the_daemon_by_each_polite_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(signal=number):
                everything = studentfs.descendants(self.mount.daemon[0])
                agents = [pid for pid, _ in everything if studentfs.program_of(pid) == "studentfs-agent"]
                os.kill(self.mount.daemon[0], number)
                self.mount.check_nothing_left(everything, agents)
                self.assertEqual(os.listdir(self.mount.point), [])
                self.mount.start()
                self.works()

    def test_of_the_daemon_and_the_agent(self):
        everything = studentfs.descendants(self.mount.daemon[0])
        agent = self.mount.agent()
        os.kill(self.mount.daemon[0], signal.SIGSTOP)
        os.kill(agent[0], signal.SIGKILL)
        os.kill(self.mount.daemon[0], signal.SIGKILL)
        self.are_gone(everything)
        self.mount.start()
        self.works()
        self.assertEqual(studentfs.cgroups_of_agent(agent[0]), [])

    def test_unmounting_kills_what_goes_on(self):
        everything = studentfs.descendants(self.mount.daemon[0])
        agent = self.mount.agent()
        self.mount.unmount()
        self.mount.check_nothing_left(everything, [agent[0]])


class Foreground(studentfs.TestCase):
    mount_options = None

    def test_ends_with_0_when_unmounted(self):
        with tempfile.TemporaryDirectory() as base:
            for name in ("mnt", "run", "task"):
                os.mkdir(f"{base}/{name}")
            process = subprocess.Popen(
                [studentfs.BIN / "studentfs", "-f", "--task", f"{base}/task", f"{base}/mnt"],
                env=dict(os.environ, XDG_RUNTIME_DIR=f"{base}/run"), stderr=subprocess.PIPE, text=True)
            try:
                studentfs.eventually(lambda: f"{base}/mnt" in studentfs.mounts())
                everything = studentfs.descendants(process.pid)
                subprocess.run(["fusermount3", "-u", f"{base}/mnt"], check=True, timeout=20)
                self.assertEqual(process.wait(20), 0)
                self.assertEqual(process.stderr.read(), "")
                studentfs.eventually(lambda: not any(map(studentfs.is_alive, everything)))
            finally:
                process.kill()
                process.stderr.close()
                process.wait()
                subprocess.run(["umount", "-l", f"{base}/mnt"], check=False, stderr=subprocess.DEVNULL, timeout=20)

    def test_its_private_directory_is_in_memory(self):
        """Runs make files there: on a disk these take longer than all the rest."""
        default = "/run" if os.geteuid() == 0 else "/tmp"
        kinds = {path: subprocess.check_output(["stat", "-f", "-c", "%T", path], text=True).strip()
                 for path in (default, "/dev/shm")}
        expected = default if kinds[default] == "tmpfs" or kinds["/dev/shm"] != "tmpfs" else "/dev/shm"
        with tempfile.TemporaryDirectory() as base:
            os.mkdir(f"{base}/mnt")
            environment = {key: value for key, value in os.environ.items() if key != "XDG_RUNTIME_DIR"}
            subprocess.run([studentfs.BIN / "studentfs", "--task", base, f"{base}/mnt"], env=environment, check=True,
                           timeout=30)
            try:
                agents = [studentfs.command_line(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))]
                [sockets] = {words[words.index("--sockets") + 1] for words in agents
                             if base in words and "--sockets" in words}
                self.assertTrue(sockets.startswith(f"{expected}/studentfs-"), sockets)
            finally:
                subprocess.run(["fusermount3", "-u", f"{base}/mnt"], check=True, timeout=20)
            studentfs.eventually(lambda: not os.path.exists(os.path.dirname(sockets)), what="its end")

    def test_an_agent_that_does_not_start(self):
        with tempfile.TemporaryDirectory() as base:
            os.mkdir(f"{base}/mnt")
            for agent in ("/bin/false", "/nonexistent"):
                result = subprocess.run([studentfs.BIN / "studentfs", "--agent", agent, f"{base}/mnt"],
                                        env=dict(os.environ, XDG_RUNTIME_DIR=base), capture_output=True, text=True,
                                        timeout=50, check=False)
                self.assertEqual(result.returncode, 1)
                self.assertIn("studentfs-agent", result.stderr)
                self.assertNotIn(f"{base}/mnt", studentfs.mounts())
                self.assertEqual(os.listdir(base), ["mnt"])


class Joined(studentfs.TestCase):
    """A router that studentfs only joined."""

    mount_options = None

    def start_agent(self, base):
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [studentfs.BIN / "studentfs-agent", "--sockets", f"{base}/sockets", "--task", f"{base}/task",
             "--ready-fd", str(writer)], pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        with open(reader, "rb") as ready:
            self.assertTrue(ready.read(1), "the agent did not start")
        return process

    def test_that_dies(self):
        base = tempfile.mkdtemp(prefix="studentfs-test-")
        self.addCleanup(shutil.rmtree, base, True)
        for name in ("sockets", "task", "task/student"):
            os.mkdir(f"{base}/{name}")
        agent = self.start_agent(base)
        mount = self.own_mount(sockets=f"{base}/sockets")
        self.assert_ended(mount.run("true"), 0, "exited")
        run = mount.run("cat", stdin=None)
        run.wait_for("running")
        below = studentfs.descendants(agent.pid)
        agent.kill()
        agent.wait()
        self.assert_ended(run, 254, "failed")
        self.assertTrue(run.status()["reason"])
        studentfs.eventually(lambda: not any(map(studentfs.is_alive, below)))
        self.assertTrue(mount.is_mounted())
        self.start_agent(base)
        self.assert_ended(mount.run("true"), 0, "exited")


if __name__ == "__main__":
    studentfs.main()
