"""System calls: none reaches past the process; what programs need works."""

import os
import pathlib

import hostile

# Of those refused: by the filter, or by the kernel for want of a capability.
REFUSED = {"EPERM", "EACCES"}
# Root of a user namespace of his own has ids to change to in it, and nothing outside.
X86 = os.uname().machine == "x86_64"


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

    def test_terminals(self):
        """None is inherited, and one's own cannot be fed."""
        got = self.got("terminal")
        self.assertEqual(got.pop("controlling"), "ENXIO")
        self.assertEqual(set(got.values()), {"EPERM"}, got)

    def test_what_programs_need(self):
        self.assertEqual(set(self.got("allowed").values()), {"done"})


if __name__ == "__main__":
    hostile.main()
