"""The graders of docs/examples/total: each language's says the same of the same students."""

import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import tempfile

import studentfs

EXAMPLE = studentfs.TOP / "docs/examples/total"

ANSWER = """
#include <stdio.h>
int main(void)
{{
    {type} number, sum = 0;
    {first}
    while (scanf("%{format}", &number) == 1) {{
        sum += number;
        printf("%{format}\\n", sum);
        {flush}
    }}
    return 0;
}}
"""
RIGHT = {"type": "long", "format": "ld", "flush": "fflush(stdout);", "first": ""}
TESTS = ("few", "negative", "none", "large", "talk")


def answer(**changes):
    return ANSWER.format(**{**RIGHT, **changes})


def verdict(*marks):
    """What a grader prints; a mark: None for points, else why there are none."""
    lines = [f"{name}: {'0/4 (' + mark + ')' if mark else '4/4'}" for name, mark in zip(TESTS, marks)]
    return "\n".join(lines) + f"\ntotal: {4 * marks.count(None)}/20\n"


# Name of a student, what he handed in, what all graders must say.
STUDENTS = [
    ("sample", (EXAMPLE / "student/total.c").read_text(), verdict(None, None, None, "wrong output", None)),
    ("right", answer(), verdict(None, None, None, None, None)),
    ("unflushed", answer(flush=""), verdict(None, None, None, None, "out of time")),
    ("quits", answer(first="return 3;"), verdict(*["ended with 3"] * 5)),
    ("crashes", answer(first="*(volatile int *)sum = 1;"), verdict(*["ended with 139"] * 5)),
    ("loops", answer(flush="for (;;) ;"),
     verdict("out of time", "out of time", None, "out of time", "out of time")),
    ("fills", answer(first="static volatile char many[100 << 20]; for (long i = 0; i < 100 << 20; i += 512) many[i] = 1;"),
     verdict(*["out of memory"] * 5)),
    ("broken", "int main(void) { return 0 }", "it does not compile\ntotal: 0/20\n"),
]

# Language: the programs it needs, how it is built ({} is a directory for it), how it is run.
GRADERS = {
    "bash": (["bash"], None, ["bash", EXAMPLE / "grade.bash"]),
    "python": (["python3"], None, ["/usr/bin/python3", EXAMPLE / "grade.py"]),
    "node": (["node"], None, ["node", EXAMPLE / "grade.js"]),
    "java": (["java", "javac"], ["javac", "-d", "{}", EXAMPLE / "Grade.java"], ["java", "-Xshare:auto", "-cp", "{}", "Grade"]),
    "c": (["gcc"], ["gcc", "-Wall", "-Wextra", "-Werror", "-o", "{}/grade", EXAMPLE / "grade.c"], ["{}/grade"]),
    "rust": (["rustc"], ["rustc", "-Dwarnings", "-o", "{}/grade-rust", EXAMPLE / "grade.rs"], ["{}/grade-rust"]),
}


def call(command, *more):
    return subprocess.run([*map(str, command), *map(str, more)], capture_output=True, text=True,
                          timeout=60, check=False)


class Graders(studentfs.TestCase):
    """Each on a mount of its own, all at the same time: some students take their time."""

    mount_options = None
    seconds = 170

    def setUp(self):
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="studentfs-test-")
        self.addCleanup(shutil.rmtree, self.directory)

    def told(self, language):
        """What this language's grader says of each student."""
        _, build, command = GRADERS[language]
        if build:
            built = call([str(word).format(self.directory) for word in build])
            self.assertEqual((built.returncode, built.stderr), (0, ""))
        mount = studentfs.Mount()
        try:
            shutil.copytree(EXAMPLE, mount.task, dirs_exist_ok=True)
            mount.student.chmod(0o777)
            return [self.grade(mount, command, source) for _, source, _ in STUDENTS]
        finally:
            mount.close()

    def grade(self, mount, command, source):
        (mount.student / "total.c").write_text(source)
        result = call([str(word).format(self.directory) for word in command], mount.point)
        runs = (pathlib.Path(mount.point) / "runs").read_text().splitlines()
        if len(runs) != 1:
            return "it left runs:\n" + "\n".join(runs)
        # The compiler's words go to stderr, nothing else does.
        if bool(result.stderr.strip()) != ("does not compile" in result.stdout):
            return result.stdout + result.stderr
        return result.stdout

    def test_all_say_the_same(self):
        languages = [name for name, row in GRADERS.items() if all(map(shutil.which, row[0]))]
        with concurrent.futures.ThreadPoolExecutor(len(languages)) as pool:
            told = dict(zip(languages, pool.map(self.told, languages)))
        for language, verdicts in told.items():
            for (student, _, expected), said in zip(STUDENTS, verdicts):
                with self.subTest(language=language, student=student):
                    self.assertEqual(said, expected)
        for language in GRADERS.keys() - told.keys():
            with self.subTest(language=language):
                self.skipTest(f"no {' or '.join(GRADERS[language][0])} here")


class All(studentfs.TestCase):
    seconds = 170

    @classmethod
    def prepare(cls):
        shutil.copytree(EXAMPLE, cls.mount.task, dirs_exist_ok=True)

    def test_fifty_submissions_at_once(self):
        rows = {
            "right": (answer(), [4, 4, 4, 4]),
            "small": (answer(type="int", format="d"), [4, 4, 4, "wrong"]),
            "stopped": (answer(first="return 3;"), ["ret 3"] * 4),
            "broken": ("int main(void) { return 0 }", ["-"] * 4),
            # Submissions cannot see each other, nor the tests.
            "looks": (answer(first="if (fopen(\"/task/tests/few.out\", \"r\") || fopen(\"/tmp/total.c\", \"r\")) return 7;"),
                      [4, 4, 4, 4]),
        }
        expected = {}
        submissions = self.mount.base / "submissions"
        submissions.mkdir()
        for n in range(50):
            kind, (source, marks) = list(rows.items())[n % len(rows)]
            name = f"{kind}{n:02}"
            (submissions / f"{name}.c").write_text(source)
            expected[name] = [str(mark) for mark in marks] + [str(sum(mark for mark in marks if mark == 4))]
        result = call(["/usr/bin/python3", EXAMPLE / "grade_all.py"], self.mount.point, submissions)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        head, *table = result.stdout.splitlines()
        self.assertEqual(head.split(), ["few", "negative", "none", "large", "total"])
        got = {line.split()[0]: re.split(r"  +", line.strip())[1:] for line in table}
        self.assertEqual(got, expected)
        self.assertEqual(len(got), 50)
        self.assertEqual(list(got), sorted(got))
        self.assertEqual(len((pathlib.Path(self.mount.point) / "runs").read_text().splitlines()), 1)


if __name__ == "__main__":
    studentfs.main()
