"""Students who are root: of a user namespace that owns nothing outside.

Each attack is a Python program run with start_student_as_root; PRELUDE comes before it.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
import textwrap

import studentfs

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

STUDENT_ID = 4242
# chown, dac_override, fowner, fsetid, kill, setgid, setuid: no more.
CAPABILITIES = "00000000000000fb"

# A bubblewrap on a machine that gives no user namespaces.
NO_USER_NAMESPACES = """#!/bin/sh
case " $* " in
*" --unshare-user "*)
    echo "bwrap: No permissions to create a new namespace" >&2
    exit 1 ;;
esac
PATH=${PATH#*:} exec bwrap "$@"
"""


class Root(studentfs.TestCase):
    def attack(self, program, retval=0, **settings):
        path = self.mount.student / "attack.py"
        path.write_text(PRELUDE + textwrap.dedent(program))
        run = self.mount.run("python3 /task/student/attack.py", start_student_as_root=1, **settings)
        self.assertEqual(run.retval(), retval, run.text("stderr") + run.text("status"))
        output = run.text("stdout").split("\n")[:-1]
        run.remove()
        return output

    def test_who_it_is(self):
        output = self.attack("""
            import pwd
            print(os.getresuid(), os.getresgid(), pwd.getpwuid(0).pw_name, os.environ["HOME"], os.getcwd())
            status = dict(line.split(":", 1) for line in open("/proc/self/status"))
            for key in "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
                print(key, status[key].strip())
        """)
        self.assertEqual(output[0], "(0, 0, 0) (0, 0, 0) root /task /task")
        self.assertEqual(output[1:5], [f"CapPrm {CAPABILITIES}", f"CapEff {CAPABILITIES}", f"CapBnd {CAPABILITIES}",
                                       "CapAmb " + "0" * 16])
        self.assertEqual(output[5:], ["NoNewPrivs 1", "Seccomp 2"])

    def student_and_init(self):
        """Of the run of root, and not the usual ones that are prepared."""
        found = []
        for pid, _ in studentfs.descendants(self.mount.daemon[0]):
            with contextlib.suppress(FileNotFoundError):
                if (studentfs.program_of(pid) in ("student", "student-init") and
                        os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")):
                    found.append(pid)
        return found if sorted(map(studentfs.program_of, found)) == ["student", "student-init"] else None

    def test_who_it_is_outside(self):
        run = self.mount.run("student/student sleep", stdin=None, start_student_as_root=1)
        run.wait_for("running")
        # It may be about to execute the command.
        pids = studentfs.eventually(self.student_and_init, what="the student beside its init")
        for pid in pids:
            status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
            for key in ("Uid", "Gid"):
                self.assertEqual(set(map(int, status[key].split())), {STUDENT_ID})
            self.assertEqual(status["Groups"].split(), [])
        run.remove()

    def test_files_of_others(self):
        """In his own directory, where he finds them: root's name inside is nobody's outside."""
        secret = self.mount.student / "secret"
        secret.write_text("the solution")
        secret.chmod(0o600)
        self.addCleanup(secret.unlink)
        shown = self.mount.student / "shown"
        shown.write_text("as it was")
        shown.chmod(0o644)
        self.addCleanup(shown.unlink)
        output = self.attack("""
            print(os.stat("student/secret").st_uid)
            for function, *arguments in ((open, "r"), (open, "w"), (os.chmod, 0o777), (os.chown, 0, 0)):
                print(attempt(function, "student/secret", *arguments))
            for function, *arguments in ((open, "w"), (os.chmod, 0o777), (os.chown, 0, 0), (os.truncate, 0)):
                print(attempt(function, "student/shown", *arguments))
        """)
        self.assertEqual(output[0], "65534")
        self.assertEqual(output[1:5], ["EACCES", "EACCES", "EPERM", "EPERM"])
        self.assertEqual(output[5:], ["EACCES", "EPERM", "EPERM", "EACCES"])
        self.assertEqual((secret.stat().st_mode & 0o777, secret.stat().st_uid), (0o600, 0))
        self.assertEqual(shown.read_text(), "as it was")

    def test_its_own_files(self):
        """They are uid 4242's outside, as those of a worker. There is no other user to give them to."""
        output = self.attack("""
            path = "student/its-own"
            open(path, "w").close()
            print(os.stat(path).st_uid, attempt(os.chown, path, 0, 0), attempt(os.chown, path, 1, 1))
            os.chmod(path, 0)
            print(attempt(open, path, "w"), attempt(os.chmod, path, 0o4755))
            print(attempt(os.setuid, 1), attempt(os.setgroups, []))
        """)
        self.assertEqual(output, ["0 done EINVAL", "done done", "EINVAL EPERM"])
        path = self.mount.student / "its-own"
        self.assertEqual((path.stat().st_uid, path.stat().st_gid), (STUDENT_ID, STUDENT_ID))
        path.unlink()

    def test_the_machine(self):
        output = self.attack(f"""
            for path in ("/etc/shadow", "/root", "/home", "/var", "/srv", "/sys", "{self.mount.task}", "{self.mount.runtime}"):
                print(attempt(os.stat, path))
            for path in ("/x", "/usr/x", "/etc/passwd", "/usr/bin/env", "/task/x", "/dev/x", "/student-init",
                         "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger"):
                print(attempt(open, path, "w"))
            print(attempt(os.mknod, "/tmp/x", 0o666 | 0o020000, os.makedev(1, 3)))
            print(attempt(os.mknod, "student/x", 0o666 | 0o060000, os.makedev(8, 0)))
        """)
        for line in output[:8]:
            self.assertEqual(line, "ENOENT")
        for line in output[8:-2]:
            self.assertRegex(line, "^(EROFS|EACCES|EPERM|ETXTBSY|ENOENT)$")
        self.assertEqual(output[-2:], ["EPERM", "EPERM"])

    def test_system_calls(self):
        if os.uname().machine != "x86_64":
            self.skipTest("the numbers are those of x86_64")
        output = self.attack("""
            null = ctypes.c_void_p(0)
            for number, arguments in (
                    (272, (0x10000000,)), (272, (0x20000,)), (308, (0, 0)), (56, (0x10000000 | 17, 0, 0, 0, 0)),
                    (165, (b"none", b"/tmp", b"tmpfs", 0, null)), (166, (b"/tmp", 0)), (155, (b"/", b"/")), (161, (b"/",)),
                    (428, (-100, b"/", 0)), (430, (b"tmpfs", 0)), (442, (-100, b"/", 0, null, 0)), (250, (0, -3, 0)),
                    (321, (0, null, 0)), (298, (null, 0, 0, -1, 0)), (169, (0, 0, 0, null)), (227, (0, null)),
                    (170, (b"name", 4)), (101, (16, 1, 0, 0)), (304, (-100, null, 0)), (175, (null, 0, b""))):
                print(call(number, *arguments))
        """)
        self.assertEqual(set(output), {"EPERM"})

    def test_process_1(self):
        output = self.attack("""
            for path in "/proc/1/mem", "/proc/1/environ", "/proc/1/maps":
                print(attempt(open, path, "rb"))
            print(attempt(os.readlink, "/proc/1/fd/3"), attempt(os.readlink, "/proc/1/root"))
            print(attempt(os.kill, 1, 9), attempt(os.kill, 1, 19), attempt(os.kill, -1, 9))
        """)
        self.assertEqual(set(output[:3]), {"EACCES"})
        self.assertRegex(output[3], "^(EACCES|EPERM) (EACCES|EPERM)$")
        self.assertEqual(output[4], "done done ESRCH")  # and never delivered

    def test_the_network(self):
        output = self.attack("""
            server = socket.create_server(("127.0.0.1", 8080))
            print(attempt(socket.create_connection, ("127.0.0.1", 8080), 2))
            print(attempt(socket.create_connection, ("192.0.2.1", 80), 2))
            print(attempt(socket.socket, socket.AF_INET, socket.SOCK_RAW, 1), attempt(socket.socket, 17, 3))
        """)
        self.assertEqual(output, ["done", "ENETUNREACH", "EPERM EAFNOSUPPORT"])

    def test_limits(self):
        self.assert_ended(self.mount.run("student/student hog", start_student_as_root=1, memory_limit=64), 252, "memory")
        self.assert_ended(self.mount.run("student/student spin 2", start_student_as_root=1, time_limit=1,
                                         hard_time_limit=40), 253, "cpu_time")
        self.assert_ended(self.mount.run("student/student sleep", start_student_as_root=1, hard_time_limit=1), 253,
                          "wall_time")
        self.assert_ended(self.mount.run("student/student exit 7", start_student_as_root=1), 7, "exited")

    def test_the_process_limit(self):
        mount = self.own_mount("--process-limit", "20")
        run = mount.run("python3 -c 'import subprocess\nn = 0\ntry:\n while n < 50:\n"
                        "  subprocess.Popen([\"sleep\", \"100\"]); n += 1\nexcept BlockingIOError: pass\nprint(n)'",
                        start_student_as_root=1)
        self.assertIn(int(run.text("stdout") or -1), range(10, 21), run.text("stderr"))

    def test_with_the_network_of_the_agent(self):
        """Its network is no network of its own: no ports below 1024 there."""
        output = self.attack("print(attempt(socket.create_server, ('127.0.0.1', 80)))", share_network=1)
        self.assertEqual(output, ["EACCES"])

    def test_the_streams_can_be_opened_again(self):
        run = self.mount.run("sh -c 'cat < /dev/stdin > /dev/stdout'", b"through\n", start_student_as_root=1)
        self.assertEqual((run.text("stdout"), run.retval()), ("through\n", 0), run.text("stderr"))

    def test_beside_workers(self):
        """The kinds do not get into each other's sandboxes."""
        runs = [(n % 2, self.mount.run("id -u", start_student_as_root=n % 2)) for n in range(12)]
        for is_root, run in runs:
            self.assertEqual((run.text("stdout"), run.retval()), ("0\n" if is_root else "4242\n", 0))
            run.remove()

    def test_without_a_directory_of_the_student(self):
        mount = self.own_mount()
        shutil.rmtree(mount.student)
        run = mount.run("sh -c 'echo x > student/x; cat student/x; id -u'", start_student_as_root=1)
        self.assertEqual((run.text("stdout"), run.retval()), ("x\n0\n", 0), run.text("stderr") + run.text("status"))


class Where(studentfs.TestCase):
    mount_options = None

    def test_a_task_that_only_root_gets_to(self):
        """bwrap is uid 4242 then, and could not walk to the student's directory."""
        mount = self.own_mount()
        mount.base.chmod(0o700)
        (mount.student / "hello").write_text("hello\n")
        run = mount.run("cat student/hello", start_student_as_root=1)
        self.assertEqual((run.text("stdout"), run.retval()), ("hello\n", 0), run.text("stderr") + run.text("status"))

    def test_where_it_cannot_be_had(self):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, directory, True)
        bwrap = directory / "bwrap"
        bwrap.write_text(NO_USER_NAMESPACES)
        bwrap.chmod(0o755)
        directory.chmod(0o755)
        mount = self.own_mount(environment={"PATH": f"{directory}:{os.environ['PATH']}"})
        for _ in range(2):
            run = mount.run("true", start_student_as_root=1)
            self.assert_ended(run, 251, "unavailable", "root.*bwrap: No permissions to create a new namespace")
            self.assert_ended(mount.run("student/student exit 3"), 3, "exited")


if __name__ == "__main__":
    studentfs.main()
