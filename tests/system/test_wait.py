"""Whatever waits can be interrupted, and nothing else ever waits."""

import errno
import fcntl
import os
import select
import signal
import subprocess
import termios
import time

import studentfs


class Waiting(studentfs.TestCase):
    def start(self):
        """A run that waits for its input."""
        run = self.mount.run("cat", stdin=None)
        self.addCleanup(run.remove)
        run.wait_for("running")
        return run

    def reader(self, *command, **more):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, **more)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_until_parked(self, process):
        """In the kernel, waiting for an answer of the mount."""
        studentfs.eventually(
            lambda: "request_wait" in open(f"/proc/{process.pid}/wchan", encoding="ascii").read(),
            what=f"process {process.pid} waiting for the mount")

    def test_ctrl_c_on_each_file(self):
        run = self.start()
        for path in (*map(run.file, ("retval", "stdout", "stderr", "transcript", "ssh_login")), self.mount.path("events")):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                with self.subTest(file=path, signal=number):
                    process = self.reader("cat", path)
                    self.wait_until_parked(process)
                    process.send_signal(number)
                    self.assertEqual(process.wait(5), -number)
        run.write("stdin", "x")
        self.assert_ended(run, 0, "exited")

    def test_a_terminal_s_ctrl_c(self):
        """Through a pty: the shell gets its prompt back at once."""
        run = self.start()
        master, slave = os.openpty()
        self.addCleanup(os.close, master)
        process = self.reader("sh", "-c", "echo here; cat retval; echo then $?", cwd=run.path, stdin=slave,
                              start_new_session=True,
                              preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.assertEqual(process.stdout.readline(), b"here\n")
        child = studentfs.eventually(lambda: studentfs.descendants(process.pid)[1:])[0][0]
        studentfs.eventually(lambda: "request_wait" in open(f"/proc/{child}/wchan", encoding="ascii").read())
        os.write(master, b"\x03")
        process.wait(5)

    def test_a_handler_runs_and_the_read_can_be_tried_again(self):
        class Interrupted(Exception):
            pass

        def stop(*_):
            raise Interrupted

        run = self.start()
        signal.signal(signal.SIGUSR1, stop)
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.SIG_DFL)
        # Opened before: an open waits for its answer in the same place as a read.
        fd = os.open(run.file("retval"), os.O_RDONLY)
        self.addCleanup(os.close, fd)
        killer = subprocess.Popen(["sh", "-c", f"until grep -q request_wait /proc/{os.getpid()}/wchan; do :; done; "
                                   f"kill -USR1 {os.getpid()}"])
        with self.assertRaises(Interrupted):
            os.read(fd, 10)
        killer.wait(5)
        run.write("stdin", "x")
        self.assertEqual(os.read(fd, 10), b"0\n")

    def test_a_writer_is_interrupted(self):
        run = self.mount.make()
        self.addCleanup(run.remove)
        process = self.reader("dd", "if=/dev/zero", f"of={run.file('stdin')}", "bs=1M", "count=100",
                              stderr=subprocess.DEVNULL)
        self.wait_until_parked(process)
        studentfs.eventually(lambda: run.usage()["stdin_bytes"] == 64 << 20)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(5), -signal.SIGINT)

    def test_nonblocking(self):
        run = self.start()
        for name in ("retval", "stdout", "stderr", "ssh_login"):
            fd = os.open(run.file(name), os.O_RDONLY | os.O_NONBLOCK)
            self.addCleanup(os.close, fd)
            self.assert_errno(errno.EAGAIN, os.read, fd, 10)
        result = subprocess.run(["dd", f"if={run.file('retval')}", "iflag=nonblock"], capture_output=True, text=True,
                                timeout=10, check=False)
        self.assertIn("Resource temporarily unavailable", result.stderr)
        run.write("stdin", "x")
        self.assert_ended(run, 0, "exited")
        fd = os.open(run.file("retval"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fd)
        self.assertEqual(os.read(fd, 10), b"0\n")

    def test_poll_select_epoll(self):
        run = self.start()
        fds = {name: os.open(run.file(name), os.O_RDONLY | os.O_NONBLOCK) for name in ("stdout", "retval")}
        writer = os.open(run.file("stdin"), os.O_WRONLY)
        for fd in fds.values():
            self.addCleanup(os.close, fd)
        poll, epoll = select.poll(), select.epoll()
        self.addCleanup(epoll.close)
        for fd in fds.values():
            poll.register(fd, select.POLLIN)
            epoll.register(fd, select.EPOLLIN)

        def ready():
            by_poll = {fd for fd, _ in poll.poll(0)}
            by_select = set(select.select(list(fds.values()), [], [], 0)[0])
            by_epoll = {fd for fd, _ in epoll.poll(0)}
            self.assertEqual(by_poll, by_select)
            self.assertEqual(by_poll, by_epoll)
            return {name for name, fd in fds.items() if fd in by_poll}

        self.assertEqual(ready(), set())
        self.assertEqual(select.select([], [writer], [], 0)[1], [writer])
        os.write(writer, b"hello")
        self.assertEqual([fd for fd, _ in poll.poll(10_000)], [fds["stdout"]])
        self.assertEqual(ready(), {"stdout"})
        self.assertEqual(os.read(fds["stdout"], 100), b"hello")
        self.assertEqual(ready(), set())
        os.close(writer)
        studentfs.eventually(lambda: len(poll.poll(0)) == 2, what="both are readable at the end")
        self.assertEqual(ready(), {"stdout", "retval"})
        self.assertEqual(os.read(fds["stdout"], 100), b"")
        self.assertEqual(os.read(fds["retval"], 100), b"0\n")

    def test_poll_wakes_up(self):
        """poll() that waits already when the run ends."""
        run = self.start()
        process = self.reader("python3", "-c", "import select, sys\n"
                              "f = open(sys.argv[1], 'rb')\np = select.poll(); p.register(f, select.POLLIN)\n"
                              "print(len(p.poll(0)), flush=True)\nprint(len(p.poll(20000)), f.read().decode())",
                              run.file("retval"))
        self.assertEqual(process.stdout.readline(), b"0\n")
        run.write("stdin", "x")
        self.assertEqual(process.stdout.read(), b"1 0\n\n")

    def test_two_hundred_waiting_reads_disturb_nobody(self):
        run = self.start()
        readers = [self.reader("cat", run.file(name)) for name in ("retval", "stdout") for _ in range(100)]
        for reader in readers:
            self.wait_until_parked(reader)
        began = time.monotonic()
        os.listdir(self.mount.point)
        for name in os.listdir(run.path):
            os.stat(run.file(name))
        for name in ("cmd", "stdout", "stdin", "retval", "signal"):
            os.close(os.open(run.file(name), os.O_RDONLY if name in ("stdout", "retval", "cmd") else os.O_WRONLY))
        self.assertIn("state", run.status())
        self.mount.make().remove()
        self.assertLess(time.monotonic() - began, 20)
        # The stdin that was opened above was the only one: `cat` has ended, and so does all else.
        for reader in readers:
            self.assertEqual(reader.wait(10), 0)

    def test_killed_readers_and_then_others(self):
        run = self.start()
        for _ in range(20):
            process = self.reader("cat", run.file("stdout"))
            self.wait_until_parked(process)
            process.kill()
            self.assertEqual(process.wait(5), -signal.SIGKILL)
        run.write("stdin", "still here")
        self.assertEqual(run.text("stdout"), "still here\n")


class Unmounting(studentfs.TestCase):
    mount_options = None

    def readers(self, mount):
        run = mount.run("cat", stdin=None)
        run.wait_for("running")
        processes = [subprocess.Popen(["cat", run.file(name)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                     for name in ("retval", "stdout", "stderr") for _ in range(5)]
        for process in processes:
            self.addCleanup(process.stderr.close)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            studentfs.eventually(
                lambda pid=process.pid: "request_wait" in open(f"/proc/{pid}/wchan", encoding="ascii").read())
        return processes

    def test_with_the_daemon_s_end_readers_end(self):
        mount = self.own_mount()
        processes = self.readers(mount)
        left = studentfs.descendants(mount.daemon[0])
        os.kill(mount.daemon[0], signal.SIGTERM)
        for process in processes:
            self.assertNotEqual(process.wait(10), 0)
        mount.check_nothing_left(left)

    def test_lazily(self):
        mount = self.own_mount()
        processes = self.readers(mount)
        left = studentfs.descendants(mount.daemon[0])
        subprocess.run(["fusermount3", "-u", "-z", mount.point], check=True, timeout=30)
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(10)
        mount.check_nothing_left(left)

    def test_forced(self):
        """umount -f aborts the connection: waiting readers end, and so does the daemon."""
        mount = self.own_mount()
        processes = self.readers(mount)
        left = studentfs.descendants(mount.daemon[0])
        subprocess.run(["umount", "-f", mount.point], check=False, timeout=30, stderr=subprocess.DEVNULL)
        for process in processes:
            self.assertNotEqual(process.wait(10), 0)
        subprocess.run(["umount", "-l", mount.point], check=False, timeout=30, stderr=subprocess.DEVNULL)
        mount.check_nothing_left(left)

    def test_plain_unmount_is_refused_while_in_use(self):
        mount = self.own_mount()
        processes = self.readers(mount)
        result = subprocess.run(["fusermount3", "-u", mount.point], capture_output=True, timeout=30, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertTrue(mount.is_mounted())
        for process in processes:
            process.kill()
        for process in processes:
            process.wait(10)


if __name__ == "__main__":
    studentfs.main()
