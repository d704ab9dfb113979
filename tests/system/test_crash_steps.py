"""kill -9 of each of our processes at each step of a run: it ends with a return value or goes with its
daemon, and nothing is left: what a crash could leave, the next start removes."""

import os
import signal

import studentfs


def waiting(mount):
    """For a sandbox that takes its time: none is prepared. What is killed is what comes up first."""
    run = mount.make()
    run.write("cmd", "student/student sleep")
    return run


def running(mount):
    run = mount.run("student/student sleep", stdin=None)
    run.wait_for("running")
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
                              if open(f"/proc/{pid}/comm", encoding="ascii").read().strip() == "agent-spawner"],
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
        if victim in ("bwrap", "init"):
            # What is dying, and not dead yet, looks alive to the agent too: it might be given the next run.
            studentfs.eventually(lambda: not [p for p in dying if studentfs.is_alive(p)], what="the sandboxes' end")

    def crash(self, step, victim, *options):
        mount = self.own_mount(*options)
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
            self.assertIn(run.retval(), (0, 254), run.text("status"))
        dies = victim in ("agent", "spawner", "daemon")
        studentfs.eventually(lambda: mount.agent() and not (dies and mount.agent() == first), what="an agent")
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

    def test_just_ended(self):
        self.each(ending)


if __name__ == "__main__":
    studentfs.main()
