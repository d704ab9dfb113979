"""What stat tells: the kernel keeps it, and is told when it has changed."""

import os

import studentfs


ECHO = "sh -c 'read line; echo $line'"


class Attributes(studentfs.TestCase):
    def look(self, run):
        """Twice: the second answer is one that was kept, where the kernel may."""
        names = ["", *os.listdir(run.path)]
        for name in names:
            os.stat(run.file(name))
        return {name: os.stat(run.file(name)) for name in names}

    def check_the_end(self, run, before):
        for name, then in before.items():
            self.assertGreater(os.stat(run.file(name)).st_mtime_ns, then.st_mtime_ns, name)
        for name in ("cmd", "stdout", "stderr", "transcript", "status", "usage", "retval"):
            self.assertEqual(os.stat(run.file(name)).st_size, len(run.read(name)), name)

    def test_the_end_is_seen_at_once(self):
        run = self.mount.run(ECHO, stdin=None)
        before = self.look(run)
        self.assertEqual(before["stdout"].st_size, 0)
        run.write("stdin", b"five\n")
        self.assertEqual(run.retval(), 0)
        self.check_the_end(run, before)

    def test_also_of_what_was_seen_before_the_start(self):
        run = self.mount.make()
        before = self.look(run)
        run.start("true")
        self.assertEqual(run.retval(), 0)
        self.check_the_end(run, before)

    def test_by_who_waits_for_the_end_of_its_output(self):
        run = self.mount.run(ECHO, stdin=None)
        self.look(run)
        with open(run.file("stdout"), "rb") as stdout:
            run.write("stdin", b"five\n")
            self.assertEqual(stdout.read(), b"five\n")
            self.assertEqual(os.fstat(stdout.fileno()).st_size, 5)

    def test_a_removed_one_s_too(self):
        run = self.mount.run("sleep 60")
        before = self.look(run)
        with open(run.file("status"), "rb") as status:
            run.remove()
            self.assertGreater(os.fstat(status.fileno()).st_mtime_ns, before["status"].st_mtime_ns)


if __name__ == "__main__":
    studentfs.main()
