"""Every reader gets the whole content with the plain call of its language: while the run
goes on, and after it has ended."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import studentfs

LINES = "".join(f"line {n}\n" for n in range(1, 20001))
# Written in two parts, so that a reader that was there first sees it grow.
COMMAND = "sh -c 'seq -f \"line %.0f\" 1 10000; read go; seq -f \"line %.0f\" 10001 20000'"

JAVA = """
import java.nio.file.*;
public class Main {
    public static void main(String[] a) throws Exception {
        System.out.write(Files.readAllBytes(Paths.get(a[0])));
        System.out.flush();
    }
}
"""
JAVA_STREAM = """
import java.io.*;
public class Main {
    public static void main(String[] a) throws Exception {
        try (InputStream in = new BufferedInputStream(new FileInputStream(a[0]))) { in.transferTo(System.out); }
        System.out.flush();
    }
}
"""
GO = """
package main
import "os"
func main() {
    b, err := os.ReadFile(os.Args[1])
    if err != nil { panic(err) }
    os.Stdout.Write(b)
}
"""
C = r"""
#include <stdio.h>
int main(int argc, char **argv)
{
    char line[64];
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    while (file && fgets(line, sizeof(line), file))
        fputs(line, stdout);
    return file ? fclose(file) : 1;
}
"""

# Name, programs needed, command; {} is the file. What it prints is compared.
READERS = [
    ("cat", ["cat"], ["cat", "{}"]),
    ("head -c", ["head"], ["head", "-c", "9999999", "{}"]),
    ("head -n", ["head"], ["head", "-n", "20000", "{}"]),
    ("tail -c", ["tail"], ["tail", "-c", "+1", "{}"]),
    ("tail -n", ["tail"], ["tail", "-n", "+1", "{}"]),
    ("grep", ["grep"], ["grep", "line", "{}"]),
    ("sed", ["sed"], ["sed", "", "{}"]),
    ("awk", ["awk"], ["awk", "{{print}}", "{}"]),
    ("sort", ["sort"], ["sort", "-n", "-k2", "{}"]),
    ("dd", ["dd"], ["dd", "if={}", "status=none"]),
    ("dd bs=1M", ["dd"], ["dd", "if={}", "bs=1M", "status=none"]),
    ("tee", ["tee"], ["sh", "-c", "tee < {}"]),
    ("less", ["less"], ["sh", "-c", "less {} | cat"]),
    ("bash mapfile", ["bash"], ["bash", "-c", "mapfile -t a < {}; printf '%s\\n' \"${{a[@]}}\""]),
    ("bash $(<)", ["bash"], ["bash", "-c", "echo \"$(< {})\""]),
    ("dash read", ["dash"], ["dash", "-c", "while read -r line; do echo \"$line\"; done < {}"]),
    ("C stdio", ["cc"], ["{dir}/reader", "{}"]),
    ("python open", ["python3"], ["python3", "-c", "import sys; sys.stdout.write(open(sys.argv[1]).read())", "{}"]),
    ("python lines", ["python3"],
     ["python3", "-c", "import sys\nfor line in open(sys.argv[1]): sys.stdout.write(line)", "{}"]),
    ("python unbuffered", ["python3"],
     ["python3", "-c", "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb', buffering=0).read())", "{}"]),
    ("python pathlib", ["python3"],
     ["python3", "-c", "import sys, pathlib; sys.stdout.buffer.write(pathlib.Path(sys.argv[1]).read_bytes())", "{}"]),
    ("python copyfileobj", ["python3"],
     ["python3", "-c", "import sys, shutil; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)", "{}"]),
    ("perl lines", ["perl"], ["perl", "-ne", "print", "{}"]),
    ("perl slurp", ["perl"], ["perl", "-0777", "-ne", "print", "{}"]),
    ("node readFileSync", ["node"],
     ["node", "-e", "process.stdout.write(require('fs').readFileSync(process.argv[1]))", "{}"]),
    ("node stream", ["node"], ["node", "-e", "require('fs').createReadStream(process.argv[1]).pipe(process.stdout)", "{}"]),
    ("java readAllBytes", ["java", "javac"], ["java", "-cp", "{dir}/java", "Main", "{}"]),
    ("java stream", ["java", "javac"], ["java", "-cp", "{dir}/java_stream", "Main", "{}"]),
    ("go ReadFile", ["go"], ["{dir}/go_reader", "{}"]),
    ("ruby", ["ruby"], ["ruby", "-e", "print File.read(ARGV[0])", "{}"]),
]


class Readers(studentfs.TestCase):
    seconds = 120

    @classmethod
    def prepare(cls):
        cls.directory = cls.mount.base / "readers"
        cls.directory.mkdir()

        def build(program, name, text, *command):
            if shutil.which(program):
                (cls.directory / name).parent.mkdir(exist_ok=True)
                (cls.directory / name).write_text(text)
                subprocess.run(command, cwd=cls.directory, check=True, timeout=100, capture_output=True)

        build("cc", "reader.c", C, "cc", "-o", "reader", "reader.c")
        build("javac", "java/Main.java", JAVA, "javac", "java/Main.java")
        build("javac", "java_stream/Main.java", JAVA_STREAM, "javac", "java_stream/Main.java")
        build("go", "reader.go", GO, "go", "build", "-o", "go_reader", "reader.go")

    def command(self, words, path):
        return [word.format(path, dir=self.directory) for word in words]

    def check(self, words, needed):
        for program in needed:
            if not shutil.which(program):
                raise unittest.SkipTest(f"{program} is not installed")
        run = self.mount.run(COMMAND, stdin=None)
        reader = subprocess.Popen(self.command(words, run.file("stdout")), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        try:
            # It reads as far as there is anything, then waits with the rest to come.
            studentfs.eventually(lambda: run.usage()["stdout_bytes"] > 50_000)
            run.write("stdin", "go")
            self.assertEqual(reader.communicate(timeout=60), (LINES, ""))
            self.assertEqual(reader.returncode, 0)
            self.assertEqual(run.retval(), 0)
            again = subprocess.run(self.command(words, run.file("stdout")), capture_output=True, text=True,
                                   timeout=60, check=True)
            self.assertEqual(again.stdout, LINES)
            number = subprocess.run(self.command(words, run.file("retval")), capture_output=True, text=True,
                                    timeout=60, check=False)
            if "line" not in words:
                self.assertEqual(number.stdout, "0\n")
        finally:
            reader.kill()
            reader.communicate()
            run.remove()


def _add_reader(name, needed, words):
    def test(self):
        self.check(words, needed)

    setattr(Readers, "test_" + "".join(c if c.isalnum() else "_" for c in name), test)


for _reader in READERS:
    _add_reader(*_reader)


class Tools(studentfs.TestCase):
    """Programs that do more than read."""

    def shell(self, script, run, **more):
        return subprocess.run(["bash", "-c", script], cwd=run.path, capture_output=True, text=True, timeout=50,
                              check=False, **more)

    def going_on(self):
        """Has written all, and waits to end."""
        run = self.mount.run("sh -c 'seq 5000; read go'", stdin=None)
        studentfs.eventually(lambda: run.usage()["stdout_bytes"] == 23893)
        return run

    EXPECTED = "".join(f"{n}\n" for n in range(1, 5001))

    def test_tail_f(self):
        """At the latest with the run's end it has shown everything, once."""
        for options in ([], ["-n", "+1"], ["-c", "+1"]):
            with self.subTest(options=options):
                run = self.mount.run("sh -c 'echo one; read x; echo two; read x; echo three'", stdin=None)
                tail = subprocess.Popen(["tail", "-f", "-s", "0.1", *options, run.file("stdout")],
                                        stdout=subprocess.PIPE, text=True)
                try:
                    with open(run.file("stdin"), "wb", buffering=0) as stdin:
                        for size in (4, 8):
                            studentfs.eventually(lambda n=size: run.usage()["stdout_bytes"] == n)
                            stdin.write(b"x\n")
                    for word in ("one", "two", "three"):
                        self.assertEqual(tail.stdout.readline(), word + "\n")
                finally:
                    tail.kill()
                    tail.communicate()

    def test_tail_f_with_pid_ends(self):
        run = self.mount.run("sh -c 'echo one; read x'", stdin=b"x\n")
        self.assertEqual(run.retval(), 0)
        result = self.shell("sleep 0.1 & tail -f --pid=$! -n +1 stdout", run)
        self.assertEqual(result.stdout, "one\n")

    def test_diff_while_it_goes_on(self):
        run = self.mount.make()
        expected = self.mount.base / "expected"
        expected.write_text(self.EXPECTED)
        run.write("cmd", "sh -c 'seq 2500; sleep 0.2; seq 2501 5000'")
        result = self.shell(f"diff stdout {expected} && echo same; diff -q stdout {expected} && cmp stdout {expected}"
                            " && echo same", run)
        self.assertEqual((result.stdout, result.stderr), ("same\nsame\n", ""))

    def test_diff_tells_differences(self):
        run = self.mount.run("sh -c 'seq 4999; echo 5001'")
        expected = self.mount.base / "expected"
        expected.write_text(self.EXPECTED)
        result = self.shell(f"diff stdout {expected}", run)
        self.assertEqual((result.returncode, result.stdout), (1, "5000c5000\n< 5001\n---\n> 5000\n"))

    def test_wc(self):
        for command in ("wc -c < stdout", "wc -l < stdout", "wc -c stdout | cut -d' ' -f1"):
            run = self.mount.run("sh -c 'seq 2500; sleep 0.2; seq 2501 5000'")
            expected = "5000\n" if "-l" in command else "23893\n"
            self.assertEqual(self.shell(command, run).stdout, expected, "going on")
            self.assertEqual(run.retval(), 0)
            self.assertEqual(self.shell(command, run).stdout, expected, "ended")

    def test_cp_and_cat_into_a_file(self):
        target = self.mount.base / "copy"
        for command in ("cp stdout {}", "cat stdout > {}", "cp --reflink=auto stdout {}", "dd if=stdout of={}",
                        "tee < stdout {} > /dev/null", "install -m 644 stdout {}"):
            for ended in (False, True):
                with self.subTest(command=command, ended=ended):
                    run = self.mount.run("sh -c 'seq 2500; sleep 0.2; seq 2501 5000'")
                    if ended:
                        run.retval()
                    result = self.shell(command.format(target), run)
                    self.assertEqual(result.returncode, 0, result.stderr)
                    self.assertEqual(target.read_text(), self.EXPECTED)
                    target.unlink()

    def test_what_goes_by_size_sees_the_whole_ended_run(self):
        run = self.mount.run("seq 5000")
        run.retval()
        target = self.mount.base / "copy"
        shutil.copyfile(run.file("stdout"), target)
        self.assertEqual(target.read_text(), self.EXPECTED)
        result = self.shell("test -s stdout && stat -c %s stdout && tar -c stdout | tar -x -O && ls -l stdout", run)
        self.assertTrue(result.stdout.startswith("23893\n" + self.EXPECTED), result.stderr)

    def test_tar_keeps_an_ended_run_whole(self):
        run = self.mount.run("seq 3", stdin=None)
        self.assertEqual(run.retval(), 0)
        result = self.shell(f"tar --ignore-failed-read -C .. -c {run.name} | tar -C '{self.mount.base}' -x", run)
        self.assertEqual(result.returncode, 0, result.stderr)
        kept = self.mount.base / run.name
        readable = set(os.listdir(run.path)) - {"stdin", "signal"}
        self.assertEqual({name.name: name.read_bytes() for name in kept.iterdir()},
                         {name: run.read(name) for name in readable})
        # Nothing of it changes any more, as its sizes do not.
        os.close(os.open(run.file("stdin"), os.O_WRONLY))
        self.assertEqual((kept / "status").read_text(), run.text("status"))

    def test_head_ends_before_the_end(self):
        run = self.going_on()
        self.assertEqual(self.shell("head -n 2 stdout; grep -m 1 4999 stdout; sed 3q stdout", run).stdout,
                         "1\n2\n4999\n1\n2\n3\n")
        run.remove()

    def test_writers(self):
        """Every way to write cmd and stdin."""
        ways = {
            "echo": "echo 'cat' > cmd; echo text > stdin",
            "printf": "printf cat > cmd; printf 'text\\n' > stdin",
            "here-document": "cat > cmd <<< cat; cat > stdin <<E\ntext\nE",
            "tee": "echo cat | tee cmd; echo text | tee stdin",
            "dd": "echo cat | dd of=cmd; echo text | dd of=stdin",
            "cp": "echo cat > \"$T\"; cp \"$T\" cmd; echo text > \"$T\"; cp \"$T\" stdin",
            "append": "echo cat >> cmd; echo text >> stdin",
            "descriptor": "exec 3> cmd; echo cat >&3; exec 3>&-; exec 4> stdin; echo text >&4; exec 4>&-",
            "subshell": "(echo cat) > cmd; (printf te; printf 'xt\\n') > stdin",
            "background": "echo cat > cmd & wait; echo text > stdin & wait",
            "python": "python3 -c \"open('cmd', 'w').write('cat'); open('stdin', 'w').write('text\\n')\"",
            "perl": "perl -e 'open F, \">\", \"cmd\"; print F \"cat\"; close F; open F, \">\", \"stdin\"; print F \"text\\n\"'",
            "node": "node -e \"const fs = require('fs'); fs.writeFileSync('cmd', 'cat'); fs.writeFileSync('stdin', 'text\\n')\"",
            "awk": "awk 'BEGIN { print \"cat\" > \"cmd\"; close(\"cmd\"); print \"text\" > \"stdin\" }'",
        }
        for name, script in ways.items():
            with self.subTest(way=name):
                if name in ("perl", "node") and not shutil.which(name):
                    continue
                run = self.mount.make()
                result = self.shell(script, run, env=dict(os.environ, T=str(self.mount.base / "temporary")))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual((run.text("stdout"), run.retval()), ("text\n", 0), run.text("status"))
                run.remove()

    def test_what_replaces_files(self):
        """mv, install and others remove the file first, then make it."""
        source = self.mount.base / "source"
        for command in ("mv {0} {1}", "cp --remove-destination {0} {1}", "rm {1}; cat {0} > {1}", "install -m 666 {0} {1}"):
            with self.subTest(command=command):
                run = self.mount.make()
                for name, text in (("working_dir", "/tmp"), ("stdin", "text"), ("cmd", "sh -c 'pwd; cat'")):
                    source.write_text(text + "\n")
                    # What mv and install say of the modes, which follow from the directory's, is their affair.
                    self.shell(command.format(source, name), run)
                self.assertEqual((run.text("stdout"), run.retval()), ("/tmp\ntext\n", 0))
                self.assertEqual(len(os.listdir(run.path)), len(os.listdir(self.mount.make().path)))

    def test_several_lines_by_echo(self):
        run = self.mount.make()
        result = self.shell("echo \"sh -c '\necho one\necho two\n'\" > cmd", run)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual((run.text("stdout"), run.retval()), ("one\ntwo\n", 0))

    def test_find_du_ls_on_the_whole_mount(self):
        runs = [self.mount.run("seq 5000"), self.going_on(), self.mount.make()]
        result = self.shell("find .. > /dev/null && du -s .. > /dev/null && ls -lR .. > /dev/null && df .. > /dev/null"
                            " && stat -f .. > /dev/null", runs[0])
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        for run in runs:
            run.remove()

    def test_temporary_directory(self):
        with tempfile.TemporaryDirectory(dir=self.mount.point) as path:
            (pathlib.Path(path) / "cmd").write_text("sh -c 'cat; exit 3'")
            (pathlib.Path(path) / "stdin").write_text("pathlib")
            self.assertEqual((pathlib.Path(path) / "stdout").read_text(), "pathlib")
            self.assertEqual(int((pathlib.Path(path) / "retval").read_text()), 3)
        self.assertFalse(os.path.exists(path))

    def test_temporary_directory_of_one_that_goes_on(self):
        with tempfile.TemporaryDirectory(dir=self.mount.point) as path:
            (pathlib.Path(path) / "cmd").write_text("sleep 1000")
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    studentfs.main()
