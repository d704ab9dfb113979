"""Mounting and unmounting as people and mount(8) do it."""

import contextlib
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

import studentfs
from test_access import ALICE, as_user


class MountTest(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(self.clear)
        self.base.chmod(0o755)
        self.point, self.task = self.base / "mnt", self.base / "task"
        for directory in (self.point, self.task, self.task / "student", self.base / "run"):
            directory.mkdir()

    def mounted(self):
        return [point for point in studentfs.mounts() if point.startswith(f"{self.base}/")]

    def clear(self):
        """Its end, and that nothing is left."""
        for point in self.mounted():
            subprocess.run(["umount", "-l", point], check=True, timeout=60)

        def left():
            return [pid for pid in studentfs.process_table()
                    if any(str(self.base) in word for word in studentfs.command_line(pid))] + list(
                        (self.base / "run").iterdir())

        try:
            studentfs.eventually(lambda: not left(), 20, "the end of the daemons")
        finally:
            shutil.rmtree(self.base)

    def environment(self):
        return dict(os.environ, XDG_RUNTIME_DIR=str(self.base / "run"), PATH=f"{studentfs.BIN}:{os.environ['PATH']}")

    def command(self, *words, check=True, **more):
        result = subprocess.run(list(map(str, words)), env=self.environment(), capture_output=True, text=True,
                                timeout=50, check=False, **more)
        if check:
            self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def studentfs(self, *words, **more):
        return self.command(studentfs.BIN / "studentfs", *words, **more)

    def refused(self, *words, **more):
        """What it says."""
        before = self.mounted()
        result = self.studentfs(*words, check=False, **more)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(self.mounted(), before)
        return result.stderr

    def works(self, point=None):
        run = studentfs.Run((point or self.point) / "works")
        os.mkdir(run.path)
        self.assertEqual(run.start("echo ok").text("stdout"), "ok\n", run.text("status"))
        run.remove()


class Options(MountTest):
    def test_all_in_o(self):
        self.studentfs("-o", f"task={self.task},max_runs=2,allow_other", "-o", "recording-memory=64", self.point)
        self.assertEqual(os.readlink(self.point / "task"), str(self.task))
        self.works()
        for name in "ab":
            os.mkdir(self.point / name)
        self.assert_errno(errno.ENOSPC, os.mkdir, self.point / "c")
        as_user(ALICE, lambda: os.listdir(self.point))

    def test_what_the_agent_gets(self):
        self.studentfs("-o", f"task={self.task},time_limit=1,environment=other=/", self.point)
        run = studentfs.Run(self.point / "loop")
        os.mkdir(run.path)
        self.assertEqual(run.start("sh -c 'while :; do :; done'", hard_time_limit=50).retval(), 253)

    def test_a_comma_in_a_name(self):
        odd = self.base / "a,b\\c"
        odd.mkdir()
        escaped = str(odd).replace("\\", "\\\\").replace(",", "\\,")
        self.studentfs("-o", f"task={escaped}", self.point)
        self.assertEqual(os.readlink(self.point / "task"), str(odd))

    def test_mistakes(self):
        self.assertIn("--max-runs x: not a number", self.refused("-o", "max_runs=x", self.point))
        self.assertIn("--max-runs 0: out of range", self.refused("-o", "max-runs=0", self.point))
        self.assertIn("nonsense", self.refused("--task", self.task, "-o", "nonsense", self.point))
        self.assertIn("nonsense", self.refused("--task", self.task, "-o", "allow_other,nonsense=1", self.point))
        self.assertIn("/nowhere", self.refused("-o", "task=/nowhere", self.point))

    def test_the_task_before_the_mount_point(self):
        self.studentfs(self.task, self.point)
        self.assertEqual(os.readlink(self.point / "task"), str(self.task))
        self.assertIn("twice", self.refused("--task", self.task, self.task, self.point))
        self.assertIn("one task and one mount point", self.refused(self.task, self.point, self.point))
        self.assertIn("no mount point", self.refused())

    def test_read_only(self):
        self.studentfs("-o", "ro", self.task, self.point)
        self.assert_errno(errno.EROFS, os.mkdir, self.point / "t")
        self.assertIn("mkdir t1", (self.point / "README").read_text())

    def test_by_mount(self):
        """As a line of fstab(5) has it."""
        if not shutil.which("mount.fuse"):
            self.skipTest("no mount.fuse")
        for source, options in ((self.task, "rw,allow_other,max_runs=7"), ("none", f"task={self.task},nofail")):
            with self.subTest(source=source):
                # Installed it is `mount -t fuse.studentfs SOURCE`, which looks in the system's PATH only.
                self.command("mount", "-t", "fuse", "-o", options, f"{studentfs.BIN}/studentfs#{source}", self.point)
                self.assertEqual(studentfs.mounts()[str(self.point)], "fuse.studentfs")
                self.assertEqual(os.readlink(self.point / "task"), str(self.task))
                self.works()
                self.command("umount", self.point)


class Places(MountTest):
    def test_two_at_the_same_time(self):
        other = self.base / "other"
        other.mkdir()
        self.studentfs(self.task, self.point)
        self.studentfs(self.task, other)
        self.works()
        self.works(other)
        os.mkdir(self.point / "here")
        self.assertNotIn("here", os.listdir(other))
        self.command("fusermount3", "-u", other)
        self.works()

    def test_the_same_again(self):
        self.studentfs(self.task, self.point)
        (self.base / "link").symlink_to("mnt")
        for point in (self.point, self.base / "link", f"{self.base}//mnt/", f"{self.base}/task/../mnt"):
            self.assertIn("mounted there already; fusermount3 -u", self.refused(self.task, point))
        self.works()
        # Nor what is not the mounting user's to see.
        shutil.copy(studentfs.BIN / "studentfs", self.base)  # the build may lie where only root gets to
        outsider = self.command(self.base / "studentfs", self.task, self.point, check=False, user=ALICE, group=ALICE,
                                extra_groups=[])
        self.assertEqual(outsider.returncode, 1)
        self.assertIn("Permission denied", outsider.stderr)

    def test_not_empty(self):
        """As with mount(8): what is there is hidden meanwhile, and that is said."""
        (self.point / "precious").write_text("x")
        result = self.studentfs(self.task, self.point)
        self.assertIn("is not empty: what is in it is hidden", result.stderr)
        self.assertFalse((self.point / "precious").exists())
        self.works()
        self.command("fusermount3", "-u", self.point)
        self.assertEqual((self.point / "precious").read_text(), "x")

    def test_not_there(self):
        self.assertIn("make it with mkdir", self.refused(self.task, self.base / "missing"))
        (self.base / "file").write_text("")
        self.assertIn("not a directory", self.refused(self.task, self.base / "file"))

    def test_another_file_system_s_root(self):
        """Its inode number is that of a studentfs, too."""
        self.command("mount", "-t", "tmpfs", "none", self.point)
        self.studentfs(self.task, self.point)
        self.works()
        self.command("fusermount3", "-u", self.point)
        self.assertEqual(studentfs.mounts()[str(self.point)], "tmpfs")

    def test_where_it_would_hide_the_task_or_be_seen_by_students(self):
        inside = self.task / "student/inside"
        inside.mkdir()
        (self.base / "link").symlink_to("task/student")
        self.assertIn("would be hidden", self.refused(self.task, self.task))
        self.assertIn("would be hidden", self.refused(self.task, self.base))
        self.assertIn("would be hidden", self.refused(".", cwd=self.task))
        self.assertIn("which the students see", self.refused(self.task, inside))
        self.assertIn("which the students see", self.refused(self.task, self.base / "link/inside"))
        beside = self.task / "students"
        beside.mkdir()
        self.studentfs(self.task, beside)
        self.works(beside)

    def test_from_within_the_task(self):
        self.studentfs("../mnt", cwd=self.task)
        self.assertEqual(os.readlink(self.point / "task"), str(self.task))
        self.works()

    def test_a_stale_one_with_a_path_through_a_link(self):
        self.studentfs(self.task, self.point)
        (self.base / "link").symlink_to("mnt")
        [daemon] = [pid for pid in studentfs.process_table()
                    if studentfs.program_of(pid) == "studentfs" and str(self.point) in studentfs.command_line(pid)]
        os.kill(daemon, signal.SIGKILL)
        studentfs.eventually(lambda: studentfs.process_stat(daemon) is None)
        self.assertRaises(OSError, os.listdir, self.point)
        self.studentfs(self.task, self.point)
        self.works()
        self.assertEqual(self.mounted(), [str(self.point)])


class Unmounting(MountTest):
    def going_on(self):
        run = studentfs.Run(self.point / "going_on")
        os.mkdir(run.path)
        run.write("cmd", "sleep 1000")
        run.wait_for("running")
        return run

    def test_with_runs_that_go_on(self):
        for command in (["fusermount3", "-u"], ["umount"], ["umount", "-l"], ["fusermount3", "-u", "-z"]):
            with self.subTest(command=command):
                self.studentfs(self.task, self.point)
                self.going_on()
                self.command(*command, self.point)
                self.assertEqual(self.mounted(), [])
                studentfs.eventually(lambda: not list((self.base / "run").iterdir()), 20, "the daemon's end")

    def test_in_use(self):
        self.studentfs(self.task, self.point)
        run = self.going_on()
        reader = subprocess.Popen(["cat", run.file("retval")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            # As the first that it opens after its loader.
            studentfs.eventually(lambda: studentfs.program_of(reader.pid) == "cat" and os.path.realpath(
                f"/proc/{reader.pid}/fd/3") == run.file("retval"), what="the reader's open")
            for command in (["fusermount3", "-u"], ["umount"]):
                result = self.command(*command, self.point, check=False)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn("busy", result.stderr)
            self.assertEqual(run.state(), "running")
            # Lazily it goes; who waits is told once nobody can come any more.
            self.command("fusermount3", "-u", "-z", self.point)
            self.assertEqual(self.mounted(), [])
        finally:
            reader.terminate()
            reader.communicate()

    def test_a_signal_ends_it_though_it_is_in_use(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(signal=number):
                self.studentfs(self.task, self.point)
                run = self.going_on()
                reader = subprocess.Popen(["cat", run.file("retval")], stderr=subprocess.PIPE, text=True)
                inside = subprocess.Popen(["sleep", "100"], cwd=run.path)
                try:
                    studentfs.eventually(lambda: studentfs.program_of(reader.pid) == "cat")
                    [daemon] = [pid for pid in studentfs.process_table() if studentfs.program_of(pid) == "studentfs"
                                and str(self.point) in studentfs.command_line(pid)]
                    os.kill(daemon, number)
                    self.assertNotEqual(reader.wait(20), 0)
                    studentfs.eventually(lambda: not self.mounted(), 20, "the mount's end")
                finally:
                    for process in reader, inside:
                        with contextlib.suppress(ProcessLookupError):
                            process.kill()
                        process.communicate()
                studentfs.eventually(lambda: not list((self.base / "run").iterdir()), 20, "the daemon's end")


if __name__ == "__main__":
    studentfs.main()
