"""Who he is: nobody, with nothing, and no way to become more."""

import os
import pathlib
import re
import shutil

import hostile
import studentfs

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
# CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID
ROOTS = 0b11111011


class Privileges(hostile.TestCase):
    def output(self, command, **settings):
        run = self.mount.run(command, **settings)
        self.assertEqual(run.retval(), 0, run.text("stderr") + run.text("status"))
        text = run.text("stdout")
        run.remove()
        return text

    def status(self, **settings):
        text = self.output("cat /proc/self/status", **settings)
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def test_ids_and_capabilities(self):
        status = self.status()
        self.assertEqual(status["Uid"].split(), ["4242"] * 4)
        self.assertEqual(status["Gid"].split(), ["4242"] * 4)
        self.assertEqual(status["Groups"].split(), [])
        self.assertEqual({status[name] for name in CAPABILITIES}, {"0" * 16})
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))

    def test_of_who_is_to_be_root(self):
        for settings in self.as_root_too("1"):
            status = self.status(**settings)
            self.assertEqual(status["Uid"].split(), ["0"] * 4)
            for name in CAPABILITIES:
                self.assertEqual(int(status[name], 16) & ~ROOTS, 0, name)
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            run = self.mount.run("sleep 1000", stdin=None, **settings)
            pids = studentfs.eventually(lambda: [pid for pid, _ in studentfs.descendants(self.mount.daemon[0])
                                                 if studentfs.program_of(pid) == "sleep"])
            uids = re.search(r"^Uid:(.*)$", pathlib.Path(f"/proc/{pids[0]}/status").read_text(), re.M)[1].split()
            self.assertEqual(uids, ["4242"] * 4)
            run.remove()

    def test_descriptors(self):
        """Only 0, 1 and 2, and these are the run's pipes."""
        for settings in self.as_root_too():
            self.assertEqual(self.output("sh -c 'ls /proc/$$/fd'", **settings).split(), ["0", "1", "2"])
        for target in self.output("sh -c 'for i in 0 1 2; do readlink /proc/$$/fd/$i; done'").split():
            self.assertRegex(target, r"^pipe:\[\d+\]$")

    def test_environment(self):
        """The daemon's, with whatever secrets are in it, is not the student's."""
        mount = self.own_mount(environment={"SECRET": "the solution", "LD_PRELOAD": "", "LANG": "xx"})
        run = mount.run("cat /proc/self/environ")
        self.assertEqual(sorted(run.text("stdout").rstrip("\0").split("\0")),
                         ["HOME=/task", "LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin"])

    def test_setuid_programs(self):
        """Neither the machine's nor one that is put into his directory gives anything."""
        shutil.copy("/usr/bin/id", self.mount.student / "setuid")
        self.addCleanup(os.unlink, self.mount.student / "setuid")
        os.chmod(self.mount.student / "setuid", 0o6755)
        self.assertEqual(self.output("sh -c 'student/setuid -u; student/setuid -g'"), "4242\n4242\n")
        for program in ("su", "passwd", "mount", "newgrp"):
            if shutil.which(program, path="/usr/bin"):
                run = self.mount.run(f"sh -c '/usr/bin/{program} </dev/null; id -u'")
                self.assertEqual(run.text("stdout").split()[-1], "4242", program)
                run.remove()

    def test_becoming_another(self):
        for program in ("import os; os.setuid(0)", "import os; os.setgid(0)", "import os; os.setgroups([0])",
                        "import os; os.setresuid(1000, 1000, 1000)", "import os; os.chown('/task/student', 0, 0)"):
            run = self.mount.run(f'python3 -c "{program}"')
            self.assertEqual(run.retval(), 1)
            self.assertIn("Operation not permitted", run.text("stderr"))
            run.remove()

    def test_limits_are_not_raised(self):
        run = self.mount.run("python3 -c 'import resource\n"
                             "for name in \"NOFILE\", \"FSIZE\", \"CORE\":\n"
                             "    number = getattr(resource, \"RLIMIT_\" + name)\n"
                             "    try: resource.setrlimit(number, (resource.RLIM_INFINITY,) * 2); print(name)\n"
                             "    except (ValueError, PermissionError): pass'")
        self.assertEqual((run.retval(), run.text("stdout")), (0, ""), run.text("stderr"))


if __name__ == "__main__":
    hostile.main()
