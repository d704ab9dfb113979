"""Our own programs are built as Debian's hardening=+all asks."""

import os
import subprocess
import unittest

import studentfs

PROGRAMS = ("studentfs", "studentfs-agent", "studentfs-ssh", "studentfs-top", "run_student", "ssh_student", "student-init")


def readelf(*words):
    return subprocess.check_output(["readelf", "-W", *words], text=True)


class Hardening(unittest.TestCase):
    def each(self, is_static_too=True):
        """student-init is static, and not position-independent: nothing that it reads is the student's."""
        yield from (studentfs.BIN / name for name in PROGRAMS if is_static_too or name != "student-init")
        yield studentfs.BIN.parent / "lib/libstudentrun.so"

    def test_position_independent(self):
        for path in self.each(is_static_too=False):
            with self.subTest(program=path.name):
                self.assertRegex(readelf("-h", path), r"Type:\s+DYN")

    def test_read_only_after_relocation(self):
        """All of it at the start, so that no table of functions stays writable."""
        for path in self.each(is_static_too=False):
            with self.subTest(program=path.name):
                self.assertIn("GNU_RELRO", readelf("-l", path))
                self.assertRegex(readelf("-d", path), r"BIND_NOW|FLAGS_1.*NOW")

    def test_no_executable_stack(self):
        for path in self.each():
            with self.subTest(program=path.name):
                [stack] = [line for line in readelf("-l", path).splitlines() if "GNU_STACK" in line]
                self.assertNotIn("E", stack.split()[-2])

    def test_protected_stack_and_fortified_calls(self):
        for path in self.each():
            with self.subTest(program=path.name):
                symbols = readelf("-s", path)
                self.assertIn("__stack_chk_fail", symbols)
                self.assertRegex(symbols, r"__\w+_chk\b")

    def code(self, path):
        """Of x86 alone: what these two do elsewhere looks otherwise."""
        if os.uname().machine != "x86_64":
            self.skipTest("not this machine's instructions")
        return subprocess.check_output(["objdump", "-d", "--no-show-raw-insn", path], text=True)

    def test_marked_targets_of_jumps(self):
        """-fcf-protection: where a pointer to a function may lead begins with a mark."""
        for path in self.each():
            with self.subTest(program=path.name):
                self.assertRegex(self.code(path), r"<(main|studentrun_start)>:\n\s+[0-9a-f]+:\s+endbr64\b")

    def test_stack_is_touched_page_by_page(self):
        """-fstack-clash-protection: a frame larger than a page does not jump over the guard."""
        for path in self.each():
            with self.subTest(program=path.name):
                self.assertRegex(self.code(path), r"\bor[ql]\s+\$0x0,(0x[0-9a-f]+)?\(%rsp")

    def test_student_init_is_static_and_small(self):
        path = studentfs.BIN / "student-init"
        self.assertNotIn("INTERP", readelf("-l", path))
        stripped = subprocess.check_output(["sh", "-c", 'strip -o /dev/stdout "$0" | wc -c', path], text=True)
        self.assertLess(int(stripped), 1_200_000)


if __name__ == "__main__":
    studentfs.main()
