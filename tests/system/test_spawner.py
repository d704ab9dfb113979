"""The process that sandboxes are started from."""

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

import studentfs


# Of linux/capability.h.
CAPABILITIES = {0: "chown", 1: "dac_override", 5: "kill", 6: "setgid", 7: "setuid", 8: "setpcap", 10: "net_bind_service",
                12: "net_admin", 19: "sys_ptrace", 21: "sys_admin"}
SPAWNERS = {"dac_override", "kill", "setgid", "setuid", "setpcap", "net_admin", "sys_admin"}


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())


def names(hexadecimal):
    bits = int(hexadecimal, 16)
    return {CAPABILITIES.get(bit, bit) for bit in range(64) if bits >> bit & 1}


class Spawner(studentfs.TestCase):
    def spawner(self):
        for pid, _ in studentfs.descendants(self.mount.daemon[0]):
            if studentfs.name_of(pid) == "agent-spawner":
                return pid
        raise AssertionError("no spawner")

    def test_view_of_the_mounts(self):
        """bwrap reads the table of mounts two dozen times: what no sandbox needs is not in it."""
        if os.geteuid() != 0:
            self.skipTest("only root's spawner has a view of its own")
        def types(pid):
            return {line.split()[2] for line in pathlib.Path(f"/proc/{pid}/mounts").read_text().splitlines()}
        spawner, here = types(self.spawner()), types("self")
        useless = {"cgroup", "cgroup2", "securityfs", "debugfs", "bpf"}
        self.assertTrue(here & useless, "a machine with none of these cannot tell")
        self.assertFalse(spawner & useless)
        self.assertLessEqual({"proc", "tmpfs"} & here, spawner)
        self.assert_ended(self.mount.run("true"), 0, "exited")

    def test_other_mounts_are_not_held(self):
        """A mount that is there when another's spawner starts goes when it is unmounted."""
        first = studentfs.Mount()
        self.addCleanup(first.close)
        second = self.own_mount()
        self.assert_ended(second.run("true"), 0, "exited")
        first.unmount()
        studentfs.eventually(lambda: not studentfs.is_alive(first.daemon), what="the end of the first daemon")


    def test_gains_no_privileges(self):
        if os.geteuid() != 0:
            self.skipTest("bwrap may be setuid for an ordinary user")
        for pid in (self.mount.agent()[0], self.spawner()):
            self.assertEqual(status(pid)["NoNewPrivs"], "1")

    def capabilities(self, pid):
        """Those that it has, and those that it could ever get: the same."""
        found = status(pid)
        self.assertEqual({found[name] for name in ("CapBnd", "CapEff")}, {found["CapPrm"]})
        self.assertIn(found["CapInh"], (found["CapPrm"], "0" * 16))
        return names(found["CapPrm"])

    def test_capabilities(self):
        """Of root's each keeps what it needs, and can get no other."""
        if os.geteuid() != 0:
            self.skipTest("another's agent has none")
        run = self.mount.run("student/student sleep", stdin=None)
        run.wait_for("running")
        self.addCleanup(run.remove)
        student = studentfs.eventually(lambda: [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                                                if studentfs.program_of(pid) == "student"], what="the student")[0]
        init = studentfs.process_stat(student)[1]
        bwrap = studentfs.process_stat(init)[1]
        self.assertEqual([studentfs.program_of(pid) for pid in (init, bwrap)], ["student-init", "bwrap"])
        spawners = [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                    if studentfs.parent_of(pid) == self.mount.agent()[0]]
        self.assertEqual(len(spawners), 2)  # the students' and the ssh servers'
        for pid in spawners:
            self.assertEqual(self.capabilities(pid), SPAWNERS)
        self.assertEqual(self.capabilities(self.mount.agent()[0]),
                         {"chown", "dac_override", "kill", "net_bind_service", "sys_ptrace", "sys_admin"})
        self.assertLessEqual(names(status(bwrap)["CapBnd"]), SPAWNERS)  # it drops more
        self.assertEqual(names(status(init)["CapPrm"]), {"kill", "setgid", "setuid", "setpcap"})
        self.assertEqual(names(status(init)["CapBnd"]), set())
        self.assertEqual(self.capabilities(student), set())


class AllDie(studentfs.TestCase):
    """Sandboxes that all die when they are ready are not made again and again without a pause."""

    mount_options = ("--pool", "4", "--pool-max", "4")

    def test_they_are_made_ever_more_seldom(self):
        made = set()

        def nine_were_made():
            for pid, started in studentfs.ready_inits(self.mount.agent()[0]):
                if (pid, started) not in made:
                    made.add((pid, started))
                    os.kill(pid, signal.SIGKILL)
            return len(made) >= 9
        studentfs.eventually(nine_were_made, 50, what="nine of them")
        # Not more than four are there at once: before the ninth five have died, and then there is a pause of
        # 20 ms, doubled four times. Without one nine take some hundredths of a second.
        times = sorted(started / os.sysconf("SC_CLK_TCK") for _, started in made)
        self.assertGreater(times[8] - times[0], 0.3)
        studentfs.eventually(lambda: not [process for process in made if studentfs.is_alive(process)], what="their end")
        # And one that is asked for is made at once.
        self.assert_ended(self.mount.run("true"), 0, "exited")


class Pool(studentfs.TestCase):
    mount_options = ("--pool", "2", "--pool-max", "9")

    def idle(self):
        return [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                if studentfs.program_of(pid) == "student-init"]

    def test_follows_what_was_in_use(self):
        """After a crowd as many are prepared as there were at once, up to the most."""
        studentfs.eventually(lambda: len(self.idle()) == 2, what="two prepared sandboxes")
        runs = [self.mount.run("student/student sleep", stdin=None) for _ in range(12)]
        for run in runs:
            run.wait_for("running")
        for run in runs:
            run.remove()
        studentfs.eventually(lambda: len(self.idle()) == 9, seconds=20, what="nine prepared sandboxes")

    def test_follows_a_row(self):
        """One after the other, faster than sandboxes are made: never two at once, and more than two are prepared."""
        mount = self.own_mount("--pool", "2", "--pool-max", "9")

        def after_a_row():
            for _ in range(20):
                run = mount.make()
                run.write("cmd", "true")
                self.assertEqual(run.retval(), 0)
                run.remove()
            # Where others kept the machine busy there were pauses, in which two were made again.
            with contextlib.suppress(AssertionError):
                studentfs.eventually(lambda: len(studentfs.ready_inits(mount.agent()[0])) >= 6, seconds=2)
                return True
            return False

        studentfs.eventually(after_a_row, seconds=60, what="six prepared sandboxes")


class Dying(studentfs.TestCase):
    mount_options = ("--pool", "1", "--pool-max", "1")

    def test_an_idle_sandbox_that_takes_its_time_to_die(self):
        """Its bwrap is dead, and what is in it is frozen: no run is given to it."""
        group = studentfs.freezer_group(self)
        init = studentfs.eventually(lambda: studentfs.ready_inits(self.mount.agent()[0]), what="a prepared sandbox")[0][0]
        bwrap = studentfs.process_stat(init)[1]
        dying = (bwrap, studentfs.process_stat(bwrap)[2])
        (group / "cgroup.procs").write_text(str(init))
        (group / "freezer.state").write_text("FROZEN")
        os.kill(bwrap, signal.SIGKILL)
        studentfs.eventually(lambda: not studentfs.is_alive(dying), what="bwrap's end")
        run = self.mount.run("echo works")
        self.assertEqual((run.text("stdout"), run.retval()), ("works\n", 0), run.text("status"))


class Orphans(studentfs.TestCase):
    """bwrap's child waits for it; where bwrap is killed first, and no control group holds the child, it goes all the
    same. A bwrap that never gets on makes that moment last."""

    mount_options = None

    def setUp(self):
        super().setUp()
        self.programs = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, self.programs)
        self.programs.chmod(0o755)
        (self.programs / "bwrap").write_text("#!/bin/sh\nsleep 1000 &\nwait\n")
        (self.programs / "bwrap").chmod(0o755)

    def stuck_mount(self):
        """Without control groups, by which the agent would find it; its mount is out of others' sight."""
        wrap = [*studentfs.OWN_MOUNTS, "sh", "-c", "umount -l -R /sys/fs/cgroup; exec \"$@\"", "sh"]
        mount = self.own_mount("--pool", "1", environment={"PATH": f"{self.programs}:{os.environ['PATH']}"}, wrap=wrap)
        self.addCleanup(lambda: os.kill(mount.daemon[0], signal.SIGTERM))
        return mount

    def orphan(self, choose):
        mount = self.stuck_mount()

        def sleeper():
            found = [process for process in studentfs.descendants(mount.daemon[0])
                     if studentfs.program_of(process[0]) == "sleep"]
            return found[0] if found else None
        child = studentfs.eventually(sleeper, what="a child that waits")
        maker = studentfs.process_stat(child[0])[1]
        os.kill(choose(mount, maker), signal.SIGKILL)
        studentfs.eventually(lambda: not studentfs.is_alive(child), what="the orphan's end")

    def test_of_a_maker_that_was_killed(self):
        self.orphan(lambda mount, maker: maker)

    def test_of_a_maker_that_failed(self):
        told = self.programs / "told"
        (self.programs / "bwrap").write_text(f"#!/bin/sh\nsleep 1000 &\necho $! > {told}.new\nmv {told}.new {told}\nexit 1\n")
        self.stuck_mount()
        child = int(studentfs.eventually(lambda: told.exists() and told.read_text(), what="a bwrap that fails"))
        studentfs.eventually(lambda: studentfs.process_stat(child) is None, what="the orphan's end")

    def test_of_a_spawner_that_was_killed(self):
        self.orphan(lambda mount, maker: studentfs.process_stat(maker)[1])

    def test_of_an_agent_that_was_killed(self):
        self.orphan(lambda mount, maker: mount.agent()[0])


if __name__ == "__main__":
    studentfs.main()
