"""System calls: none reaches past the process; what programs need works."""

import contextlib
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import tempfile

import hostile
import studentfs

# Of those refused: by the filter, or by the kernel for want of a capability.
REFUSED = {"EPERM", "EACCES"}
# Root of a user namespace of his own has ids to change to in it, and nothing outside.
X86 = os.uname().machine == "x86_64"


def program_of_32_bits(directory):
    """An executable that makes that directory, by i386's mkdir(), and exits with 0; where it is still there after
    that, it stops the processor, which is SIGSEGV."""
    start, base = 52 + 32, 0x08048000
    code = b"".join((b"\xb8", struct.pack("<I", 39), b"\xbb", struct.pack("<I", base + start + 34),
                     b"\xb9", struct.pack("<I", 0o755), b"\xcd\x80",  # mkdir(directory, 0755)
                     b"\xb8", struct.pack("<I", 1), b"\xbb", struct.pack("<I", 0), b"\xcd\x80",  # exit(0)
                     b"\xf4", b"\x90" * 4))  # hlt
    assert len(code) == 34
    code += directory + b"\0"
    header = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack(
        "<HHIIIIIHHHHHH", 2, 3, 1, base + start, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    size = start + len(code)
    return header + struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5, 0x1000) + code


class Calls(hostile.TestCase):
    def test_what_reaches_past_the_process(self):
        for settings in self.as_root_too():
            got = self.got("calls", **settings)
            self.assertGreater(len(got), 55)
            self.assertEqual({name: error for name, error in got.items() if error not in REFUSED}, {})

    def test_namespaces_by_clone(self):
        for settings in self.as_root_too():
            self.assertEqual(set(self.got("clones", **settings).values()), {"EPERM"})

    def test_what_runtimes_do_without(self):
        self.assertEqual(set(self.got("absent").values()), {"ENOSYS"})

    def test_another_architectures_numbers(self):
        if not X86:
            self.skipTest("no other architecture's numbers here")
        lines = self.attack("foreign")
        if "User Mode Linux" in pathlib.Path("/proc/cpuinfo").read_text():
            # Which takes that gate for its own calls', and its filter as well.
            lines[:2] = ["i386 ENOSYS"] * 2
        self.assertEqual(lines, ["i386 ENOSYS"] * 2 + ["x32 ENOSYS"] * 2)

    def test_a_program_of_32_bits(self):
        """It is executed, and none of its system calls is made: neither what it was made for nor its exit."""
        if not X86:
            self.skipTest("no other architecture's programs here")
        program = program_of_32_bits(b"made")
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "program"
            path.write_bytes(program)
            path.chmod(0o755)
            with contextlib.suppress(OSError):
                self.assertEqual(subprocess.run([path], cwd=directory, check=False).returncode, 0)
            if not (pathlib.Path(directory) / "made").exists():
                self.skipTest("this kernel runs no programs of 32 bits")
        (self.mount.student / "program").write_bytes(program)
        (self.mount.student / "program").chmod(0o755)
        for settings in self.as_root_too():
            run = self.mount.make()
            run.write("working_dir", "/task/student")
            run.start("/task/student/program", **settings)
            self.assertEqual((run.retval(), run.status()["termination"]), (128 + 11, "signal"), run.text("status"))
            self.assertFalse((self.mount.student / "made").exists())
            run.remove()

    def test_terminals(self):
        """None is inherited, and one's own cannot be fed."""
        got = self.got("terminal")
        self.assertEqual(got.pop("controlling"), "ENXIO")
        self.assertEqual(set(got.values()), {"EPERM"}, got)

    def test_the_terminal_that_the_daemon_was_started_from(self):
        """In the foreground, as by a person: it is no student's, neither as a stream nor as /dev/tty."""
        base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, base)
        (base / "mnt").mkdir()
        (base / "run").mkdir(mode=0o700)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(studentfs.BIN / "studentfs", ["studentfs", "-f", "--task", self.mount.task, base / "mnt"],
                      {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(base / "run")})
        self.addCleanup(os.close, terminal)
        self.addCleanup(os.waitpid, pid, 0)
        self.addCleanup(os.kill, pid, signal.SIGTERM)
        studentfs.eventually(lambda: str(base / "mnt") in studentfs.mounts(), what="the mount")
        (base / "mnt/t1").mkdir()
        run = studentfs.Run(str(base / "mnt/t1"))
        run.start("/task/student/hostile terminal")
        got = dict(line.split() for line in run.text("stdout").splitlines())
        self.assertEqual((got["controlling"], got["TIOCSTI"]), ("ENXIO", "EPERM"), got)
        run.remove()

    def test_what_programs_need(self):
        self.assertEqual(set(self.got("allowed").values()), {"done"})


if __name__ == "__main__":
    hostile.main()
