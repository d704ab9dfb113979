"""Environments: a run's own root file system, chosen by `container`.

The one that is tested is made here, of a few programs of the machine and the libraries they need.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import studentfs

PROGRAMS = ("sh", "cat", "ls", "id", "touch")
HIDDEN = ("boot", "dev", "home", "media", "mnt", "proc", "root", "run", "srv", "sys", "task", "tmp")


def copy_program(name, root):
    """Into bin/, and the libraries it needs to where they are on the machine."""
    path = os.path.realpath(shutil.which(name, path="/usr/bin:/bin"))
    shutil.copy(path, root / "bin" / name)
    needed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"(/\S+)", needed):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            shutil.copy(library, place)


def make_root(root, marker):
    """A root file system with more at its top than a student is to see."""
    for name in (*HIDDEN, "bin", "etc", "opt/tool", "var/lib"):
        (root / name).mkdir(parents=True)
    for name in HIDDEN:
        (root / name / "secret").write_text("secret")
    for program in PROGRAMS:
        copy_program(program, root)
    os.symlink("bin", root / "sbin")
    (root / "secret").write_text("secret")
    (root / "opt/tool/marker").write_text(marker)
    (root / "etc/os-release").write_text(f"NAME={marker}\n")
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nadmin:x:1000:1000::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    return root


class Environments(studentfs.TestCase):
    mount_options = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.base)
        cls.base.chmod(0o755)
        cls.small = make_root(cls.base / "small", "small")
        # Below a directory that nobody but root may enter.
        (cls.base / "private").mkdir(mode=0o700)
        cls.hidden = make_root(cls.base / "private/hidden", "hidden")
        (cls.base / "gone/bin").mkdir(parents=True)
        os.symlink(cls.small, cls.base / "link")
        cls.mount = studentfs.Mount("--environment", f"small={cls.small}", "--environment", f"hidden={cls.hidden}",
                                    "--environment", f"gone={cls.base}/gone", "--environment", f"link={cls.base}/link")
        cls.addClassCleanup(cls.mount.close)

    def output(self, command, retval=0, **settings):
        run = self.mount.run(command, **settings)
        self.assertEqual(run.retval(), retval, run.text("stderr") + run.text("status"))
        text = run.text("stdout")
        run.remove()
        return text

    def test_chosen_by_container(self):
        for name, marker in (("small", "small"), ("hidden", "hidden"), ("link", "small")):
            self.assertEqual(self.output("cat /etc/os-release /opt/tool/marker", container=name), f"NAME={marker}\n{marker}")

    def test_the_default_is_the_machine(self):
        machine = pathlib.Path(os.path.realpath(shutil.which("python3", path="/usr/bin:/bin"))).name
        for name in ("", "default"):
            self.assertIn(machine, self.output("ls /usr/bin", container=name))

    def test_nothing_of_the_machine_is_there(self):
        run = self.mount.run("python3 -c 1", container="small")
        self.assert_ended(run, 127, "failed", "not found")
        run.remove()

    def test_what_it_shows(self):
        """Its directories and links, read-only; the sandbox's own; no files of its top, nothing for people."""
        top = set(self.output("ls -A /", container="small").split())
        libraries = {path.name for path in self.small.iterdir() if path.name.startswith(("lib", "usr"))}
        self.assertEqual(top, {"bin", "sbin", "etc", "opt", "var", "dev", "proc", "run", "task", "tmp", "student-init"} | libraries)
        for name in HIDDEN:
            self.assertNotIn("secret", self.output(f"sh -c 'ls -A /{name}; :'", container="small"))
        self.assertEqual(self.output("sh -c 'ls /sbin/sh'", container="small"), "/sbin/sh\n")

    def test_read_only(self):
        for place in ("/", "/bin", "/etc", "/opt/tool", "/var/lib"):
            self.output(f"touch {place}/x", container="small", retval=1)
        self.output("touch /tmp/x /task/student/x", container="small")
        self.assertFalse((self.small / "opt/tool/x").exists())

    def test_its_users(self):
        text = self.output("sh -c 'cat /etc/passwd; id -u; id -un'", container="small")
        self.assertIn("\n4242\nworker\n", text)
        self.assertNotIn("admin", text)

    def test_the_student_may_be_root_in_it(self):
        """Where it lies out of an ordinary user's reach, too."""
        run = self.mount.run("sh -c 'id -u; cat /opt/tool/marker'", container="hidden", start_student_as_root=1)
        if run.retval() == 251:
            self.skipTest(run.status()["reason"])
        self.assertEqual(run.text("stdout"), "0\nhidden")

    def test_unknown(self):
        run = self.mount.run("true", container="other")
        self.assert_ended(run, 254, "failed", "no container 'other' here; there is: default, small, hidden, gone, link$")
        run.remove()

    def test_as_default(self):
        defaults = studentfs.Run(self.mount.path("defaults"))
        defaults.write("container", "small")
        self.addCleanup(defaults.write, "container", "")
        self.assertEqual(self.output("cat /opt/tool/marker"), "small")

    def test_kinds_do_not_mix(self):
        """At the same time, and one after the other: each gets the one that it asked for."""
        asked = ["small", "default", "hidden"] * 6
        runs = [self.mount.run("sh -c 'cat /opt/tool/marker 2>/dev/null || echo default'", container=name) for name in asked]
        self.assertEqual([run.text("stdout").strip() for run in runs], asked)
        for run in runs:
            run.remove()

    def test_one_that_is_gone(self):
        """The run ends with the reason; the others go on."""
        shutil.rmtree(self.base / "gone")
        run = self.mount.run("true", container="gone")
        self.assert_ended(run, 254, "failed", "No such file")
        run.remove()
        self.output("ls /", container="small")

    def test_nonsense_is_refused_at_the_start(self):
        for options, words in ((["x"], "not NAME=ROOTFS"), (["=/usr"], "not NAME=ROOTFS"), (["x="], "No such file"),
                               (["x=/nowhere"], "No such file"), (["x=/etc/passwd"], "Not a directory"),
                               (["x=/usr", "x=/usr"], "taken"), (["default=/usr"], "taken")):
            with self.assertRaises(AssertionError, msg=options) as caught:
                studentfs.Mount(*[word for option in options for word in ("--environment", option)])
            self.assertIn(words, str(caught.exception))


if __name__ == "__main__":
    studentfs.main()
