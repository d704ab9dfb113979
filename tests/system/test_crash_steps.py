"""kill -9 of each of our processes at each step of a run: it ends with a return value or goes with its
daemon, and nothing is left: what a crash could leave, the next start removes."""

import contextlib
import os
import pathlib
import signal

import studentfs


def waiting(mount):
    """For a sandbox that takes its time: none is prepared. What is killed is what comes up first."""
    run = mount.make()
    run.write("cmd", "sh -c 'read line'")
    run.goes_on = True  # in another sandbox, where the first one dies before it was given away
    return run


def running(mount):
    run = mount.run("student/student sleep", stdin=None)
    run.wait_for("running")
    return run


def handing_over(mount):
    """What the client hands over has been sent to an init that does not take it: it is stopped."""
    [init] = studentfs.eventually(lambda: held_inits(mount), what="a prepared sandbox")
    os.kill(init, signal.SIGSTOP)
    run = mount.make()
    run.write("cmd", "student/student sleep")
    # From then on it is the agent's no longer, but the run's: another is prepared.
    studentfs.eventually(lambda: len(named(mount, "student-init")) > 1, what="that sandbox's being given away")
    assert run.state() == "starting", run.text("status")
    return run


def cleaning_up(mount):
    """The command has ended and its sandbox cannot: a process of it does not die before it is thawed."""
    run = mount.run("sh -c 'student/student sleep > /dev/null 2>&1 & read line'", stdin=None)
    run.wait_for("running")
    [sleeper] = studentfs.eventually(lambda: named(mount, "student"), what="the process in the background")
    group = mount.case.freezer
    (group / "cgroup.procs").write_text(str(sleeper))
    (group / "freezer.state").write_text("FROZEN")
    mount.release = lambda: (group / "freezer.state").write_text("THAWED")
    run.write("stdin", "end\n")
    assert run.retval() == 0, run.text("status")
    assert named(mount, "student") == [sleeper]
    return run


def tearing_down(mount):
    run = mount.make()
    run.write("teardown_script", "student/student sleep")
    run.write("cmd", "sh -c 'echo done'")
    assert run.text("stdout") == "done\n"
    studentfs.eventually(lambda: named(mount, "student"), what="the teardown script")
    return run


def ending(mount):
    run = mount.run("true")
    run.retval()
    return run


def named(mount, *programs):
    return [pid for pid, _ in studentfs.descendants(mount.daemon[0]) if studentfs.program_of(pid) in programs]


def held_inits(mount):
    """Those that the agent has a process descriptor of: they have said that they are ready."""
    agent = mount.agent()[0]
    held = ""
    for path in pathlib.Path(f"/proc/{agent}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            held += path.read_text()
    return [pid for pid in named(mount, "student-init") if f"Pid:\t{pid}\n" in held]


def sandbox_of(pid):
    """Those that die with this bwrap or this init."""
    stat = studentfs.process_stat(pid)
    if not stat:
        return []
    maker = stat[1] if studentfs.program_of(pid) == "student-init" else pid
    maker_stat = studentfs.process_stat(maker)
    if not maker_stat or studentfs.program_of(maker) != "bwrap":
        return [(pid, stat[2])]
    return [(maker, maker_stat[2]), *studentfs.descendants(maker)]


VICTIMS = {
    "agent": lambda mount: [mount.agent()[0]],
    "spawner": lambda mount: [pid for pid in named(mount, "studentfs-agent")
                              if studentfs.name_of(pid) == "agent-spawner"],
    "bwrap": lambda mount: named(mount, "bwrap"),
    "init": lambda mount: named(mount, "student-init"),
    "daemon": lambda mount: [mount.daemon[0]],
}


class CrashSteps(studentfs.TestCase):
    mount_options = None

    def kill(self, mount, victim):
        victims = studentfs.eventually(lambda: VICTIMS[victim](mount), what=f"a {victim}")
        dying = [process for pid in victims for process in sandbox_of(pid)]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        mount.release()
        if victim in ("bwrap", "init"):
            # What is dying, and not dead yet, looks alive to the agent too: it might be given the next run.
            studentfs.eventually(lambda: not [p for p in dying if studentfs.is_alive(p)], what="the sandboxes' end")

    def crash(self, step, victim, *options):
        mount = self.own_mount(*options)
        mount.case, mount.release = self, lambda: None  # for the steps
        everything = studentfs.descendants(mount.daemon[0])
        first = mount.agent()
        agents = [first[0]]
        run = step(mount)
        everything += studentfs.descendants(mount.daemon[0])
        self.kill(mount, victim)
        if victim == "daemon":
            studentfs.eventually(lambda: not [p for p in everything if studentfs.is_alive(p)], what="the end of all")
            mount.start()  # over the stale mount
        else:
            if hasattr(run, "goes_on"):
                with contextlib.suppress(OSError):  # it does not
                    run.write("stdin", "end\n")
            self.assertIn(run.retval(), (0, 254), run.text("status"))
        dies = victim in ("agent", "spawner", "daemon")

        def there_is_one():
            agent = mount.agent()  # once: between two looks the first may go
            return agent and not (dies and agent == first)

        studentfs.eventually(there_is_one, what="an agent")
        works = mount.run("echo works")
        self.assertEqual((works.text("stdout"), works.retval()), ("works\n", 0), works.text("status"))
        studentfs.eventually(lambda: not [pid for pid in named(mount, "student")], what="the students' end")
        everything += studentfs.descendants(mount.daemon[0])
        agents.append(mount.agent()[0])
        mount.unmount()
        mount.check_nothing_left(everything, agents)
        self.assertEqual([group for pid in agents for group in studentfs.cgroups_of_agent(pid)], [])
        self.assertEqual(os.listdir(mount.runtime), [])

    def each(self, step, *options):
        for victim in VICTIMS:
            with self.subTest(victim=victim):
                self.crash(step, victim, *options)

    def test_waiting_for_a_sandbox(self):
        self.each(waiting, "--pool", "0")

    def test_running(self):
        self.each(running)

    def test_in_the_teardown(self):
        self.each(tearing_down)

    def test_in_the_hand_over(self):
        self.each(handing_over, "--pool", "1", "--pool-max", "1")

    def test_in_the_clean_up(self):
        self.freezer = studentfs.freezer_group(self)
        self.each(cleaning_up)

    def test_just_ended(self):
        self.each(ending)


if __name__ == "__main__":
    studentfs.main()
