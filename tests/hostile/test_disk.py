"""The growth of the student's directory: bounded, at the expense of who does it."""

import os
import shutil

import hostile

LIMIT = 24  # MiB


class Disk(hostile.TestCase):
    mount_options = ("--disk-limit", str(LIMIT))

    def setUp(self):
        super().setUp()
        self.place = self.mount.student / "place"
        self.place.mkdir()
        self.place.chmod(0o777)
        self.addCleanup(os.system, f"rm -rf {self.place}")

    def is_too_much(self, command, **settings):
        run = self.mount.run(command, hard_time_limit=100, time_limit=60, **settings)
        self.assert_ended(run, 252, "disk", f"grew by more than {LIMIT} MiB")
        run.remove()
        self.students_are_gone()

    def test_a_file(self):
        self.is_too_much("sh -c 'head -c 900M /dev/zero > student/place/x; sleep 90'")

    def test_many_files_with_something_in_them(self):
        self.is_too_much("sh -c 'i=0; while :; do i=$((i+1)); head -c 100000 /dev/zero > student/place/$i; done'")

    def test_a_million_files_with_nothing_in_them(self):
        self.is_too_much("/task/student/hostile many_files /task/student/place")

    def test_a_file_that_has_no_name(self):
        self.is_too_much("python3 -c 'import os, time\n"
                         "file = open(\"student/place/x\", \"wb\"); os.unlink(\"student/place/x\")\n"
                         "for _ in range(300): file.write(bytes(1 << 20))\n"
                         "file.flush(); os.fsync(file.fileno()); time.sleep(90)'")

    def test_space_that_is_only_asked_for(self):
        self.is_too_much("python3 -c 'import os, time\n"
                         "os.posix_fallocate(os.open(\"student/place/x\", os.O_CREAT | os.O_RDWR), 0, 300 << 20)\n"
                         "time.sleep(90)'")

    def test_where_one_looks_last(self):
        """In a directory below the deepest that is looked into, behind links that lead elsewhere."""
        self.is_too_much("python3 -c 'import os, time\n"
                         "os.chdir(\"student/place\")\n"
                         "os.symlink(\"/proc\", \"proc\"); os.symlink(\"..\", \"up\"); os.mkfifo(\"fifo\")\n"
                         "for _ in range(200): os.mkdir(\"d\"); os.chdir(\"d\")\n"
                         "open(\"x\", \"wb\").write(bytes(200 << 20)); time.sleep(90)'", memory_limit=500)

    def test_less_is_no_matter(self):
        """Nor the same again and again, nor what is removed in between."""
        run = self.mount.run(f"sh -c 'for i in 1 2 3 4 5 6; do head -c {LIMIT // 3}M /dev/zero > student/place/x; sleep 0.1;"
                             f" head -c {LIMIT // 3}M /dev/zero > student/place/y; rm student/place/y; done'")
        self.assert_ended(run, 0, "exited")
        run.remove()

    def test_what_was_left_is_not_the_next_ones(self):
        for name in "abc":
            run = self.mount.run(f"sh -c 'head -c {LIMIT * 2 // 3}M /dev/zero > student/place/{name}; sleep 0.3'")
            self.assert_ended(run, 0, "exited")
            run.remove()

    def test_the_graders_own(self):
        """What somebody else writes meanwhile, there or elsewhere on the file system, is not the student's."""
        run = self.mount.run("sh -c 'read line; echo $line'", stdin=None)
        run.wait_for("running")
        for path in (self.place / "graders", self.mount.base / "elsewhere"):
            with open(path, "wb") as file:
                for _ in range(3 * LIMIT):
                    file.write(bytes(1 << 20))
                    file.flush()
                os.fsync(file.fileno())
        # Two looks at least: another's run of half a second tells.
        self.assertEqual(self.mount.run("sleep 0.5").retval(), 0)
        with open(run.file("stdin"), "wb", buffering=0) as stdin:
            stdin.write(b"mine\n")
        self.assertEqual((run.retval(), run.text("stdout")), (0, "mine\n"))
        run.remove()

    def test_after_the_command(self):
        """A teardown script is bounded as well; the command's result stays."""
        run = self.mount.run("sh -c 'exit 3'", teardown_script="sh -c 'head -c 900M /dev/zero > student/place/x; sleep 50'")
        self.assert_ended(run, 3, "exited")
        hostile.studentfs.eventually(
            lambda: not [pid for pid, _ in hostile.studentfs.descendants(self.mount.daemon[0])
                         if hostile.studentfs.program_of(pid) in ("sleep", "head")], 40, "the teardown's end")
        run.remove()

    def test_none(self):
        mount = self.own_mount("--disk-limit", "0")
        run = mount.run(f"sh -c 'head -c {4 * LIMIT}M /dev/zero > student/x; sleep 0.6'")
        self.assert_ended(run, 0, "exited")
        self.assertEqual(shutil.disk_usage(mount.student).total > 0, True)


if __name__ == "__main__":
    hostile.main()
