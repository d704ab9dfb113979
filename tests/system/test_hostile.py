"""A student who wants more than he is given. Each attack runs in the sandbox as a Python program that prints
what it got; the test says what that may be.
"""

import os
import pathlib
import signal
import subprocess
import textwrap

import studentfs

# What a system call gave: its errno's name, or "done".
PRELUDE = """
import ctypes, errno, os, platform, resource, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    r = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return "done" if r >= 0 else errno.errorcode[ctypes.get_errno()]
def attempt(function, *arguments):
    try:
        function(*arguments)
        return "done"
    except OSError as error:
        return errno.errorcode[error.errno]
"""


class Hostile(studentfs.TestCase):
    @classmethod
    def prepare(cls):
        secret = pathlib.Path(cls.mount.task) / "expected.txt"
        secret.write_text("the solution")

    def attack(self, program, retval=0, **settings):
        path = self.mount.student / "attack.py"
        path.write_text(PRELUDE + textwrap.dedent(program))
        run = self.mount.run("python3 /task/student/attack.py", **settings)
        self.assertEqual(run.retval(), retval, run.text("stderr") + run.text("status"))
        output = run.text("stdout").split("\n")[:-1]
        run.remove()
        return output

    def test_who_it_is(self):
        output = self.attack("""
            print(os.getresuid(), os.getresgid(), os.getgroups())
            status = dict(line.split(":", 1) for line in open("/proc/self/status"))
            for key in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
                print(key, status[key].strip())
            print(sorted(os.environ))
            print(sorted(os.listdir("/proc/self/fd")))
            print(os.uname().nodename)
        """)
        self.assertEqual(output[0], "(4242, 4242, 4242) (4242, 4242, 4242) []")
        for line in output[1:6]:
            self.assertRegex(line, "^Cap... 0{16}$")
        self.assertEqual(output[6:8], ["NoNewPrivs 1", "Seccomp 2"])
        self.assertEqual(set(eval(output[8])) - {"LC_CTYPE", "PWD"}, {"HOME", "LANG", "PATH"})
        self.assertEqual(output[9], "['0', '1', '2', '3']")  # 3: the listing itself
        self.assertEqual(output[10], "student")

    def test_what_it_sees(self):
        output = self.attack(f"""
            for path in ("/root", "/home", "/var", "/srv", "/boot", "/sys", "/etc/shadow", "/task/expected.txt",
                         "{self.mount.task}", "{self.mount.point}", "{self.mount.runtime}", "/run/studentfs", "/mnt", "/opt"):
                print(path, attempt(os.stat, path))
            print(sorted(os.listdir("/task")), sorted(os.listdir("/run")))
        """)
        for line in output[:-1]:
            self.assertRegex(line, "(ENOENT|EACCES)$")
        self.assertEqual(output[-1], "['student'] []")

    def test_what_it_may_write(self):
        output = self.attack("""
            for path in "/x", "/usr/x", "/etc/x", "/task/x", "/dev/x", "/proc/sys/kernel/hostname", "/run/x", "/student-init":
                print(path, attempt(open, path, "w"))
        """)
        for line in output:
            self.assertRegex(line, "(EROFS|EACCES|EPERM|ENOENT|ETXTBSY)$")

    def test_other_processes(self):
        other = self.mount.run("sleep 1000", stdin=None)
        other.wait_for("running")
        output = self.attack("""
            print([int(p) for p in os.listdir("/proc") if p.isdigit()] == [1, os.getpid()])
            for path in "/proc/1/root", "/proc/1/exe", "/proc/1/fd":
                print(path, attempt(os.readlink if path != "/proc/1/fd" else os.listdir, path))
            print(attempt(open, "/proc/1/mem", "rb"), attempt(open, "/proc/1/environ", "rb"))
            print("ptrace", call(101, 16, 1, 0, 0))
            print("kill", attempt(os.kill, 1, 9), attempt(os.kill, 1, 19))
        """)
        self.assertEqual(output[0], "True")
        for line in output[1:4]:
            self.assertRegex(line, "(EACCES|EPERM)$")
        self.assertRegex(output[4], "^(EACCES|EPERM) (EACCES|EPERM)$")
        self.assertEqual(output[5], "ptrace EPERM")
        self.assertRegex(output[6], "^kill (EPERM|done) (EPERM|done)$")  # never delivered to process 1
        self.assertEqual(other.state(), "running")
        other.remove()

    def test_kill_everybody(self):
        other = self.mount.run("sleep 1000", stdin=None)
        other.wait_for("running")
        self.assertEqual(self.attack("print(attempt(os.kill, -1, signal.SIGKILL))"), ["ESRCH"])
        self.assertEqual(other.state(), "running")
        other.remove()

    def test_system_calls(self):
        output = self.attack("""
            null = ctypes.c_void_p(0)
            for name, number, arguments in (
                    ("unshare user", 272, (0x10000000,)), ("unshare mount", 272, (0x20000,)), ("setns", 308, (0, 0)),
                    ("clone user", 56, (0x10000000 | 17, 0, 0, 0, 0)), ("mount", 165, (null, null, null, 0, null)),
                    ("umount2", 166, (null, 0)), ("pivot_root", 155, (null, null)), ("chroot", 161, (b"/",)),
                    ("open_tree", 428, (-100, b"/", 0)), ("fsopen", 430, (b"proc", 0)), ("keyctl", 250, (0, -3, 0)),
                    ("add_key", 248, (b"user", b"x", b"y", 1, -3)), ("bpf", 321, (0, null, 0)),
                    ("perf_event_open", 298, (null, 0, 0, -1, 0)), ("userfaultfd", 323, (0,)),
                    ("name_to_handle_at", 303, (-100, b"/", null, null, 0)), ("open_by_handle_at", 304, (-100, null, 0)),
                    ("kexec_load", 246, (0, 0, null, 0)), ("init_module", 175, (null, 0, b"")), ("reboot", 169, (0, 0, 0, null)),
                    ("settimeofday", 164, (null, null)), ("clock_settime", 227, (0, null)), ("swapon", 167, (b"/x", 0)),
                    ("syslog", 103, (3, null, 0)), ("process_vm_readv", 310, (1, null, 0, null, 0, 0))):
                print(name, call(number, *arguments))
            for name, number in (("io_uring_setup", 425), ("clone3", 435)):
                print(name, call(number, 1, null))
            print("x32", call(0x40000000 + 39))
        """) if os.uname().machine == "x86_64" else []
        for line in output[:-3]:
            self.assertRegex(line, " EPERM$")
        for line in output[-3:]:
            self.assertRegex(line, " ENOSYS$")

    def test_the_network(self):
        listener = subprocess.Popen(
            ["python3", "-c", "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); "
             "u = socket.socket(socket.AF_UNIX); u.bind('\\0studentfs-test-abstract'); u.listen(); s.accept()"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(listener.stdout.close)
        self.addCleanup(listener.wait)
        self.addCleanup(listener.kill)
        port = int(listener.stdout.readline())
        output = self.attack(f"""
            print(attempt(socket.create_connection, ("127.0.0.1", {port}), 2))
            print(attempt(socket.create_connection, ("192.0.2.1", 80), 2))
            print(attempt(socket.socket(socket.AF_UNIX).connect, "\\0studentfs-test-abstract"))
            print([attempt(socket.socket, family) for family in (17, 40, 31, 16)])  # PACKET, VSOCK, BLUETOOTH, NETLINK
            print([name for _, name in socket.if_nameindex()])
        """)
        self.assertRegex(output[0], "^(ECONNREFUSED|ENETUNREACH)$")
        self.assertEqual(output[1], "ENETUNREACH")
        self.assertEqual(output[2], "ECONNREFUSED")
        self.assertEqual(output[3], "['EAFNOSUPPORT', 'EAFNOSUPPORT', 'EAFNOSUPPORT', 'ESOCKTNOSUPPORT']")
        self.assertEqual(output[4], "['lo']")

    def test_filling_what_is_writable(self):
        output = self.attack("""
            for directory in "/tmp", "/dev/shm":
                with open(directory + "/big", "wb", buffering=0) as file:
                    try:
                        for _ in range(1000):
                            file.write(bytes(1 << 20))
                    except OSError as error:
                        print(directory, errno.errorcode[error.errno], os.fstat(file.fileno()).st_size <= 64 << 20)
                os.unlink(directory + "/big")
        """)
        self.assertEqual(output, ["/tmp ENOSPC True", "/dev/shm ENOSPC True"])

    def test_memory_by_other_doors(self):
        """memfd and shared mappings are charged to the run as the heap is."""
        for program in ("""
                f = os.memfd_create("x")
                while True:
                    os.write(f, bytes(1 << 20))
                """, """
                import mmap
                maps = [mmap.mmap(-1, 1 << 20) for _ in range(1000)]
                for m in maps:
                    m.write(b"x" * (1 << 20))
                """):
            path = self.mount.student / "attack.py"
            path.write_text(PRELUDE + textwrap.dedent(program))
            run = self.mount.run("python3 /task/student/attack.py", memory_limit=64)
            self.assert_ended(run, 252, "memory")
            run.remove()

    def test_cpu_in_short_lives(self):
        """Processes that each live for a moment, and are dead when one looks."""
        path = self.mount.student / "attack.py"
        path.write_text(PRELUDE + textwrap.dedent("""
            import time
            while True:
                pid = os.fork()
                if pid == 0:
                    end = time.process_time() + 0.005
                    while time.process_time() < end:
                        pass
                    os._exit(0)
                os.waitpid(pid, 0)
        """))
        run = self.mount.run("python3 /task/student/attack.py", time_limit=1)
        self.assert_ended(run, 253, "cpu_time")
        run.remove()

    def test_stopped(self):
        run = self.mount.run("sh -c 'kill -STOP $$'", hard_time_limit=1)
        self.assert_ended(run, 253, "wall_time")
        run.remove()

    def test_planted_links(self):
        """What stands in the student's directory is not followed by anybody outside."""
        target = self.mount.base / "target"
        target.mkdir()
        target.chmod(0o700)
        os.symlink(target, self.mount.student / "scripts")
        self.addCleanup(os.unlink, self.mount.student / "scripts")
        run = self.mount.run("true", teardown_script="true")
        self.assertEqual(run.retval(), 0)
        run.remove()
        self.assertEqual(target.stat().st_mode & 0o777, 0o700)

    def test_forged_verdicts(self):
        for code in (251, 252, 253, 254):
            run = self.mount.run(f"sh -c 'exit {code}'")
            self.assert_ended(run, code, "exited")
            run.remove()
        run = self.mount.run("sh -c 'kill -KILL $$'")
        self.assert_ended(run, 128 + signal.SIGKILL, "signal")
        run.remove()

    def test_its_own_pipes(self):
        """It may do to its ends what it likes: the grader reads and writes as before."""
        run = self.mount.run("python3 -c 'import fcntl, os\n"
                             "for fd in 0, 1, 2:\n"
                             "    fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)\n"
                             "    fcntl.fcntl(fd, 1031, 4096)\n"
                             "fcntl.fcntl(1, fcntl.F_SETFL, 0)\n"
                             "os.write(1, b\"y\" * 100000)'")
        self.assertEqual((run.retval(), len(run.read("stdout"))), (0, 100000), run.text("stderr"))
        run.remove()


if __name__ == "__main__":
    studentfs.main()
