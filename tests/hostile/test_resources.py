"""What he takes: memory by any door ends the run; the kernel's tables have bounds; and all is given back."""

import os
import pathlib

import hostile
import studentfs

MIB = 1 << 20


class Memory(hostile.TestCase):
    def is_out_of_memory(self, command, **settings):
        usage = self.is_struck(command, 252, "memory", memory_limit=48, time_limit=20, hard_time_limit=55, **settings)
        self.assertLessEqual(usage["memory_peak"], 48 * MIB)
        self.assertGreater(usage["memory_peak"], 40 * MIB)

    def test_heap(self):
        for settings in self.as_root_too():
            self.is_out_of_memory("heap", **settings)

    def test_shared_mappings(self):
        self.is_out_of_memory("shared")

    def test_memfd(self):
        self.is_out_of_memory("memfd")

    def test_tmpfs(self):
        for directory in ("/tmp", "/dev/shm"):
            self.is_out_of_memory(f"tmpfs {directory}")

    def test_tmpfs_has_its_own_bound(self):
        for directory in ("/tmp", "/dev/shm"):
            self.assertEqual(self.got(f"tmpfs {directory}", memory_limit=200), {directory: "ENOSPC"})

    def test_pipes(self):
        self.is_out_of_memory("pipes")

    def test_sockets(self):
        self.is_out_of_memory("unix_sockets")

    def test_shared_segments(self):
        self.is_out_of_memory("shm")

    def test_message_queues(self):
        self.is_out_of_memory("messages")

    def test_semaphores(self):
        """Their number has a bound, if their memory has not been reached before."""
        run = self.mount.run("/task/student/hostile semaphores", memory_limit=48)
        if run.retval() == 0:
            self.assertEqual(run.text("stdout"), "semaphores ENOSPC\n")
        else:
            self.assert_ended(run, 252, "memory")
        run.remove()

    def test_tcp_over_the_loopback(self):
        """Of 1,500 connections with full buffers; v1 counts it apart, and gives each its least."""
        run = self.mount.run("/task/student/hostile tcp", memory_limit=48)
        if run.retval() == 0:
            self.assertLess(int(run.text("stdout")), 250, "MiB; without a bound it is 2 GiB")
        else:
            self.assert_ended(run, 252, "memory")
        run.remove()

    def test_page_cache_is_no_memory_of_his(self):
        """400 MiB through a file: the kernel takes back what it keeps of it, the run goes on."""
        if "User Mode Linux" in pathlib.Path("/proc/cpuinfo").read_text():
            self.skipTest("the files of tests/machine lie in memory")
        self.assertEqual(self.got("page_cache /task/student/cache", memory_limit=48), {"page_cache": "done"})

    def test_a_million_files_in_tmp(self):
        run = self.mount.run("/task/student/hostile many_files /tmp", memory_limit=48, time_limit=20, hard_time_limit=55)
        if run.retval() == 0:
            self.assertEqual(run.text("stdout"), "many_files ENOSPC\n")
        else:
            self.assert_ended(run, 252, "memory")
        run.remove()


class Teardown(hostile.TestCase):
    """Its script has as much as the command had, whatever that has left in memory, and does not change the result."""

    def torn(self, command, script, **settings):
        proof = self.mount.student / "torn"
        proof.unlink(missing_ok=True)
        run = self.mount.run(command, teardown_script=script, memory_limit=48, **settings)
        self.assert_ended(run, 0, "exited")
        run.remove()
        return proof.exists()

    def test_memory_that_is_left(self):
        script = "python3 -c 'x = bytearray(20 << 20); open(\"student/torn\", \"w\")'"
        for where in "/tmp", "/dev/shm":
            with self.subTest(where=where):
                self.assertTrue(self.torn(f"sh -c 'test -w {where} || exit 0; exec head -c 46M /dev/zero > {where}/x'", script))

    def test_a_script_that_takes_more(self):
        script = "python3 -c 'x = bytearray(200 << 20); open(\"student/torn\", \"w\")'"
        for _ in range(5):
            self.assertFalse(self.torn("true", script))


class Tables(hostile.TestCase):
    def takes(self, what, most, **settings):
        """He keeps what he got while the neighbour goes on and other runs start and end."""
        run = self.mount.run(f"/task/student/hostile {what}", stdin=None, **settings)
        self.addCleanup(lambda: os.path.exists(run.path) and run.remove())
        with open(run.file("stdout"), "rb", buffering=0) as output:
            line = output.readline()
        if not line:
            self.assert_ended(run, 252, "memory")
        else:
            self.assertLessEqual(int(line.split()[1]), most)
            self.next_run_is_unharmed()
            self.say(b"meanwhile\n")
        run.remove()
        self.students_are_gone()

    def test_descriptors(self):
        if int(pathlib.Path("/proc/sys/fs/file-max").read_text()) < 1_000_000:
            self.skipTest("fs.file-max, which is for all of the machine, is small")
        for what in ("descriptors", "eventfds", "timers"):
            self.takes(what, 4096)

    def test_inotify(self):
        self.takes("inotify", 4096)

    def test_message_queues(self):
        self.takes("queues", 300)

    def test_pending_signals(self):
        self.takes("signals", 200_000)

    def test_terminals(self):
        self.takes("terminals", 4096)


class Recording(hostile.TestCase):
    mount_options = ("--recording-memory", "64")

    def test_filling_the_recording(self):
        """Past its limit what he writes is dropped; the daemon keeps to its memory."""
        run = self.mount.run("sh -c '(student/hostile flood_errors) & student/student flood'", stdin=None, time_limit=2, hard_time_limit=50,
                             output_limit=200 << 20)
        self.assert_ended(run, 253, "cpu_time")
        self.assertEqual(run.status()["stdout"], f"{200 << 20} (truncated)")
        run.remove()

    def test_flooding_errors_while_the_input_is_stuck(self):
        """A grader who writes more than is read, and one who reads the errors, both go on."""
        run = self.mount.make()
        run.write("cmd", "/task/student/hostile flood_errors")
        with open(run.file("stdin"), "wb", buffering=0) as stdin:
            stdin.write(b"i" * (1 << 20))
            with open(run.file("stderr"), "rb") as errors:
                self.assertEqual(len(errors.read(MIB)), MIB)
            studentfs.eventually(lambda: run.usage()["stderr_bytes"] > 20 * MIB)
            self.say(b"meanwhile\n")
            run.write("signal", "KILL")
            self.assert_ended(run, 137, "signal")
            with self.assertRaises(BrokenPipeError):
                stdin.write(b"i")
        run.remove()


if __name__ == "__main__":
    hostile.main()
