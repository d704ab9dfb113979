"""The complete grader, as printed in the manual, and its sister in Python."""

import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import studentfs

EXAMPLES = studentfs.TOP / "docs/examples"


class Grader(studentfs.TestCase):
    @classmethod
    def prepare(cls):
        shutil.copytree(EXAMPLES / "sort", cls.mount.task, dirs_exist_ok=True)

    def grade(self, *command, errors=("",)):
        result = subprocess.run([*map(str, command), self.mount.point], capture_output=True, text=True,
                                timeout=30, check=False)
        self.assertIn(result.stderr, errors)
        return result.stdout

    def printed(self):
        manual = (studentfs.TOP / "docs/studentfs.1").read_text()
        return re.search(r"\.Bd -literal -offset indent\n(cd MOUNTPOINT.*?)\.Ed", manual, re.S)[1]

    def test_as_printed(self):
        for shell in ("bash", "dash"):
            with self.subTest(shell=shell):
                self.assertEqual(self.grade(shell, "-c", self.printed().replace("MOUNTPOINT", '"$0"')), "passed\n")

    def test_the_example_is_what_is_printed(self):
        example = (EXAMPLES / "grader.sh").read_text()
        body = "".join(line + "\n" for line in example.splitlines() if not line.startswith("#"))
        self.assertEqual(body, self.printed().replace("cd MOUNTPOINT", 'cd "$1" || exit'))
        self.assertEqual(self.grade("sh", EXAMPLES / "grader.sh"), "passed\n")

    def test_the_session_of_the_readme(self):
        """Typed as it stands there, it shows what stands there, and leaves nothing mounted."""
        text = (studentfs.TOP / "README.md").read_text()
        shown = textwrap.dedent(re.search(r"## A session\n\n(.*?)\n\n", text, re.S)[1])
        point = self.mount.base / "session"
        point.mkdir()
        self.addCleanup(subprocess.run, ["umount", "-l", point], capture_output=True, check=False)
        shutil.copytree(EXAMPLES / "sort", self.mount.base / "docs/examples/sort")
        commands = [line[2:].replace("/mnt/students", str(point)) for line in shown.splitlines() if line.startswith("$ ")]
        result = subprocess.run(
            ["bash", "-e", "-c", "\n".join(commands)], cwd=self.mount.base, capture_output=True, text=True, timeout=30,
            check=False, env=dict(os.environ, PATH=f"{studentfs.BIN}:{os.environ['PATH']}",
                                  XDG_RUNTIME_DIR=str(self.mount.runtime)))
        self.assertEqual(result.returncode, 0, result.stderr)
        expected = re.escape("".join(line + "\n" for line in shown.splitlines() if not line.startswith("$ ")))
        self.assertRegex(result.stdout, expected.replace(re.escape("...\n"), "(.+\n)+") + "$")
        self.assertNotIn(str(point), studentfs.mounts())

    def test_python(self):
        self.assertEqual(self.grade("/usr/bin/python3", EXAMPLES / "grader.py"), "passed\n")
        self.assertLessEqual(len((EXAMPLES / "grader.py").read_text().splitlines()), 20)

    def test_a_wrong_program_does_not_pass(self):
        program = self.mount.student / "sort.py"
        good = program.read_text()
        self.addCleanup(program.write_text, good)
        for bad in ("print(1)", good + "raise SystemExit(1)", "while True: pass"):
            program.write_text(bad)
            with self.subTest(program=bad[-20:]):
                # One that reads nothing may have ended before its input is written.
                errors = ("", "cat: write error: Broken pipe\n")
                self.assertNotIn("passed", self.grade("sh", EXAMPLES / "grader.sh", errors=errors))
                self.assertEqual(self.grade("/usr/bin/python3", EXAMPLES / "grader.py"), "failed\n")

    def test_the_readme_of_the_mount(self):
        """What it tells to type works."""
        text = (pathlib.Path(self.mount.point) / "README").read_text()
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        commands = re.findall(r"^  (\S.*?)(?:  +\S.*)?$", text, re.M)
        self.assertIn("mkdir t1", commands)
        script = "\n".join(line for line in commands if not any(word in line for word in ("input.txt", "TERM", "peer")))
        result = subprocess.run(["bash", "-e", "-c", f": ; {script}".replace("cat t1/stdout", "cat task/input.txt > t1/stdin; cat t1/stdout")],
                                cwd=self.mount.point, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn((EXAMPLES / "sort/expected.txt").read_text(), result.stdout)
        self.assertRegex(result.stdout, r"(?m)^r\d+$")


if __name__ == "__main__":
    studentfs.main()
