"""Removing runs: new, going on and ended; what is open stays open."""

import errno
import os
import shutil
import subprocess
import threading

import studentfs


class Remove(studentfs.TestCase):
    def going_on(self):
        run = self.mount.run("student/student stubborn", stdin=None)
        run.wait_for("running")
        # Handed over, which is before the program is executed.
        studentfs.eventually(self.students, what="the student's start")
        return run

    def students(self):
        return [pid for pid, _ in studentfs.descendants(self.mount.daemon[0]) if studentfs.program_of(pid) == "student"]

    def test_rmdir_of_new_and_ended(self):
        run = self.mount.make()
        os.rmdir(run.path)
        self.assertFalse(os.path.exists(run.path))
        run = self.mount.run("true")
        run.retval()
        os.rmdir(run.path)
        self.assert_errno(errno.ENOENT, os.stat, run.path)

    def test_rmdir_of_one_that_goes_on(self):
        run = self.going_on()
        self.assert_errno(errno.EBUSY, os.rmdir, run.path)
        result = subprocess.run(["rmdir", run.path], capture_output=True, text=True, timeout=30, check=False)
        self.assertIn("busy", result.stderr)
        self.assertEqual(run.state(), "running")
        run.remove()

    def test_every_remove_tree_kills_it(self):
        ways = {
            "rm -r": lambda path: subprocess.run(["rm", "-r", path], check=True, timeout=30, stdin=subprocess.DEVNULL),
            "rm -rf": lambda path: subprocess.run(["rm", "-rf", path], check=True, timeout=30),
            "shutil": shutil.rmtree,
            "find": lambda path: subprocess.run(["find", path, "-delete"], check=True, timeout=30),
        }
        for name, way in ways.items():
            for state in ("new", "running", "ended"):
                with self.subTest(way=name, state=state):
                    run = self.mount.make() if state == "new" else self.going_on()
                    if state == "ended":
                        run.write("signal", "KILL")
                        run.retval()
                    way(run.path)
                    self.assertFalse(os.path.exists(run.path))
                    self.assertNotIn(run.name, os.listdir(self.mount.point))
                    studentfs.eventually(lambda: not self.students(), what="the student's end")

    def test_files_disappear_one_by_one(self):
        run = self.going_on()
        names = sorted(os.listdir(run.path))
        for n, name in enumerate(names):
            self.assert_errno(errno.EBUSY, os.rmdir, run.path)
            os.unlink(run.file(name))
            self.assert_errno(errno.ENOENT, os.stat, run.file(name))
            self.assert_errno(errno.ENOENT, os.unlink, run.file(name))
            self.assertEqual(sorted(os.listdir(run.path)), names[n + 1:])
        self.assertTrue(self.students(), "unlinking alone kills nothing")
        os.rmdir(run.path)
        studentfs.eventually(lambda: not self.students())

    def test_open_handles_keep_working(self):
        run = self.mount.run("sh -c 'echo before; exec student/student sleep'", stdin=None)
        handles = {name: os.open(run.file(name), os.O_RDONLY) for name in ("retval", "stdout", "status", "usage")}
        stdin = os.open(run.file("stdin"), os.O_WRONLY)
        for fd in (*handles.values(), stdin):
            self.addCleanup(os.close, fd)
        self.assertEqual(os.read(handles["stdout"], 100), b"before\n")
        run.remove()
        self.assertEqual(os.read(handles["retval"], 100), b"254\n")
        self.assertEqual(os.read(handles["stdout"], 100), b"")
        self.assertEqual(os.pread(handles["stdout"], 100, 0), b"before\n")
        status = os.read(handles["status"], 1000).decode()
        for line in ("retval: 254", "termination: removed", "reason: removed"):
            self.assertIn(line + "\n", status)
        self.assert_errno(errno.EPIPE, os.write, stdin, b"x")
        self.assertGreaterEqual(os.fstat(handles["stdout"]).st_size, 0)

    def test_waiting_readers_get_254(self):
        run = self.going_on()
        found = []
        readers = [threading.Thread(target=lambda: found.append(run.read("retval")), daemon=True) for _ in range(5)]
        for reader in readers:
            reader.start()
        studentfs.eventually(lambda: len(self.waiting()) >= 5)
        run.remove()
        for reader in readers:
            reader.join(10)
        self.assertEqual(found, [b"254\n"] * 5)

    def waiting(self):
        threads = f"/proc/{os.getpid()}/task"
        return [tid for tid in os.listdir(threads)
                if "request_wait" in open(f"{threads}/{tid}/wchan", encoding="ascii").read()]

    def test_an_ended_one_s_open_handles(self):
        run = self.mount.run("echo result")
        run.retval()
        with open(run.file("stdout"), "rb") as out, open(run.file("retval"), "rb") as retval:
            run.remove()
            self.assertEqual((out.read(), retval.read()), (b"result\n", b"0\n"))

    def test_the_name_can_be_used_again_at_once(self):
        for n in range(50):
            run = self.mount.make("again").start(f"echo {n}")
            self.assertEqual(run.text("stdout"), f"{n}\n")
            run.remove()

    def test_while_it_starts(self):
        for _ in range(30):
            run = self.mount.make()
            run.write("cmd", "student/student sleep")
            run.remove()
        studentfs.eventually(lambda: not self.students())
        self.assert_ended(self.mount.run("true"), 0, "exited")

    def test_directory_of_a_removed_run(self):
        run = self.mount.make()
        fd = os.open(run.path, os.O_RDONLY | os.O_DIRECTORY)
        self.addCleanup(os.close, fd)
        run.remove()
        self.assert_errno(errno.ENOENT, os.listdir, fd)
        self.assert_errno(errno.ENOENT, os.open, "cmd", os.O_WRONLY, dir_fd=fd)


class New(studentfs.TestCase):
    """Reading `new` makes a run, one per open."""

    def test_one_per_open(self):
        before = set(os.listdir(self.mount.point))
        with open(self.mount.path("new"), "rb") as file:
            name = file.read()
            file.seek(0)
            self.assertEqual(file.read(), name)
        self.assertRegex(name, rb"^r\d+\n$")
        self.assertEqual(set(os.listdir(self.mount.point)) - before, {name.decode().strip()})

    def test_from_the_shell(self):
        result = subprocess.run(["sh", "-c", "n=$(cat new); echo 'echo hi' > $n/cmd; cat $n/stdout; rm -r $n"],
                                cwd=self.mount.point, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((result.stdout, result.stderr), ("hi\n", ""))

    def test_at_the_same_time(self):
        names = []
        threads = [threading.Thread(target=lambda: names.append(open(self.mount.path("new"), "rb").read()), daemon=True)
                   for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.assertEqual(len(set(names)), 30)

    def test_names_that_are_taken_are_passed_over(self):
        with open(self.mount.path("new"), "rb") as file:
            number = int(file.read()[1:])
        self.mount.make(f"r{number + 1}")
        with open(self.mount.path("new"), "rb") as file:
            self.assertEqual(file.read(), b"r%d\n" % (number + 2))


if __name__ == "__main__":
    studentfs.main()
