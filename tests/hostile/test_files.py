"""Files in his directory that the grader, the daemon or the agent could fall for."""

import os
import pathlib
import shutil
import stat

import hostile
import studentfs


class Files(hostile.TestCase):
    def directory(self, name):
        """A writable one in the student's, removed afterwards."""
        path = self.mount.student / name
        path.mkdir()
        path.chmod(0o777)
        self.addCleanup(shutil.rmtree, path)
        return path

    def test_traps(self):
        """Links, fifos and devices planted where a teardown or the agent looks."""
        target = self.mount.base / "target"
        target.mkdir(mode=0o700)
        self.addCleanup(target.rmdir)
        place = self.directory("place")
        run = self.mount.make()
        run.write("working_dir", "/task/student/place")
        run.start(f"/task/student/hostile traps {target}", teardown_script="true")
        got = dict(line.split() for line in run.text("stdout").splitlines())
        self.assertEqual(run.retval(), 0, run.text("status"))
        self.assertEqual(got.pop("device"), "EPERM")
        self.assertEqual(got.pop("disk"), "EPERM")
        self.assertIn(got.pop("hard_link"), ("EXDEV", "EPERM"))
        self.assertIn(got.pop("hard_link_to_init"), ("EXDEV", "EPERM"))
        self.assertEqual(set(got.values()), {"done"}, got)
        run.remove()
        self.assertEqual(target.stat().st_mode & 0o777, 0o700)
        for path in place.iterdir():
            self.assertFalse(stat.S_ISCHR(path.lstat().st_mode) or stat.S_ISBLK(path.lstat().st_mode), path)
            self.assertNotEqual(path.lstat().st_uid, 0, path)

    def test_a_link_for_the_scripts(self):
        """In place of the directory that init opens to all after the command: what it leads to stays as it is."""
        for what in ("link", "fifo", "file"):
            with self.subTest(what=what):
                target = self.mount.base / "scripts-target"
                target.mkdir(mode=0o700)
                os.chown(target, 4242, 4242)
                scripts = self.mount.student / "scripts"
                command = {"link": f"ln -s {target} student/scripts", "fifo": "mkfifo student/scripts",
                           "file": "touch student/scripts"}[what]
                run = self.mount.run(command, teardown_script="true")
                self.assertEqual(run.retval(), 0, run.text("stderr"))
                run.remove()
                self.next_run_is_unharmed()
                self.assertEqual(target.stat().st_mode & 0o777, 0o700)
                scripts.unlink()
                target.rmdir()

    def test_the_directory_itself_stays(self):
        """It is a mount point inside: it can be emptied, not replaced."""
        run = self.mount.run("sh -c 'mv student other; rmdir student; ln -s / student; rm -rf /task; ls -d /task/student'")
        run.retval()
        self.assertEqual(run.text("stdout"), "/task/student\n")
        self.assertTrue(stat.S_ISDIR(self.mount.student.lstat().st_mode))
        run.remove()
        self.prepare()
        shutil.copy(studentfs.STUDENT, self.mount.student / "student")

    def test_names(self):
        """Of 255 bytes, with newlines, of no encoding at all: in listings, as working directory, as command."""
        place = self.directory("names")
        self.assertEqual(set(self.got(f"names /task/student/{place.name}").values()), {"done"})
        self.assertEqual(len(os.listdir(place)), 12)
        self.assertIn(b"new\nline", os.listdir(bytes(place)))
        longest = place / ("d" * 255)
        longest.mkdir()
        run = self.mount.run("sh -c 'pwd; exit 4'", working_dir=f"/task/student/names/{'d' * 255}")
        self.assert_ended(run, 4, "exited")
        run.remove()
        odd = place / "a\nstate: ended\nretval: 0"
        odd.mkdir()
        here = os.getcwd()
        try:
            os.chdir(odd)
            run = self.mount.run("sh -c 'pwd; exit 5'")
        finally:
            os.chdir(here)
        self.assert_ended(run, 5, "exited")
        self.assertEqual(run.text("stdout"), "/task/student/names/a\nstate: ended\nretval: 0\n")
        run.remove()

    def test_deeper_than_any_path(self):
        place = self.directory("deep")
        try:
            run = self.mount.run(f"/task/student/hostile deep /task/student/{place.name}")
            self.assertEqual((run.retval(), run.text("stdout")), (0, "5000\n"))
            run.remove()
            self.next_run_is_unharmed()
        finally:
            os.system(f"rm -rf {place}/d")  # what Python's own cannot

    def test_a_working_directory_that_goes(self):
        """Removed or made a link while the run starts there."""
        place = self.directory("going")
        run = self.mount.run("sh -c 'rmdir /task/student/going/here; ln -s / /task/student/going/here; exit 0'",
                             working_dir="/task/student/going/here")
        self.assert_ended(run, 254, "failed")
        run.remove()
        (place / "here").mkdir()
        os.chmod(place / "here", 0o777)
        run = self.mount.run("sh -c 'rmdir /task/student/going/here; ln -s /etc /task/student/going/here'",
                             working_dir="/task/student/going/here", teardown_script="touch x")
        self.assertEqual(run.retval(), 0, run.text("stderr"))
        run.remove()
        self.assertFalse(pathlib.Path("/etc/x").exists())


if __name__ == "__main__":
    hostile.main()
