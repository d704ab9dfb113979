"""libstudentrun: the waiting calls, and what is installed, used from outside of the tree."""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import unittest

import studentfs
import test_run_student

LIBRARY = studentfs.BIN.parent / "lib"
PROGRAM = studentfs.BIN.parent / "tests/library"
HEADER = studentfs.TOP / "core/include/studentrun.h"


class Calls(test_run_student.Case):
    variables = {}

    def call(self, *words, environment=None, **more):
        environment = dict(environment or self.place.environment(), **self.variables)
        process = self.place.start(*words, program=PROGRAM, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, environment=environment, **more)
        out, err = process.communicate(timeout=55)
        self.assertEqual((process.returncode, err), (0, b""), out)
        return out.decode()

    def test_bytes_in_and_out(self):
        self.assertEqual(self.call("simple", "sh -c 'cat; echo err >&2; exit 3'", "in", 0, 0),
                         "3\nexited 0 0\n2 in\n4 err\n\n\n")

    def test_nothing_at_all(self):
        self.assertEqual(self.call("simple", "true", "", 0, 0), "0\nexited 0 0\n0 \n0 \n\n")

    def test_stdout_err_fuse(self):
        self.assertEqual(self.call("simple", "sh -c 'for i in 1 2 3; do echo o$i; echo e$i >&2; done'", "", 0, 1),
                         "0\nexited 0 0\n18 o1\ne1\no2\ne2\no3\ne3\n\n0 \n\n")

    def test_a_signal(self):
        self.assertEqual(self.call("simple", "sh -c 'kill -9 $$'", "", 0, 0).split("\n")[:2], ["137", "signal 9 0"])

    def test_a_reason(self):
        out = self.call("simple", "nosuch", "", 0, 0)
        self.assertEqual((out.split("\n")[0], out.split("\n")[-2]), ("127", "nosuch: command not found"))

    def test_bad_requests(self):
        for command in ("", "   ", "echo 'open", "echo \\"):
            with self.subTest(command):
                self.assertEqual(self.call("simple", command, "", 0, 0), "-22\n")

    def test_the_bound_of_output(self):
        self.assertEqual(self.call("simple", "sh -c 'head -c 9000000 /dev/zero | tr \"\\\\0\" x; echo err >&2'", "", 5, 0),
                         "0\nexited 0 1\n5 xxxxx\n4 err\n\n\n")

    def test_input_that_nobody_reads(self):
        self.assertEqual(self.call("big", "true"), "0 out none err none\n")
        self.assertEqual(self.call("big", "sh -c 'exec <&-; echo x >&2; exit 7'"), "7 out none err other\n")

    def test_a_hundred_megabytes_both_ways(self):
        self.assertEqual(self.call("big", "cat"), "0 out same err none\n")

    def test_a_hundred_megabytes_three_ways(self):
        self.assertEqual(self.call("big", "tee /dev/stderr"), "0 out same err same\n")

    def test_output_before_input_is_read(self):
        """More than any pipe holds, before the first byte is read."""
        self.assertEqual(self.call("big", "sh -c 'head -c 104857600 /dev/zero; cat >&2'"), "0 out other err same\n")

    def test_nothing_stays(self):
        self.assertEqual(self.call("repeated", 15), "0 descriptors, no threads\n")

    def test_threads(self):
        self.assertEqual(self.call("threads", 8, "own"), "0 wrong\n")

    def test_threads_with_one_agent(self):
        self.assertEqual(self.call("threads", 32, "shared"), "0 wrong\n")

    def test_signals(self):
        command = "sh -c 'trap \"exit 9\" USR1; echo > student/trapped; while :; do sleep 0.05; done'"
        self.assertEqual(self.call("signalled", self.place.student / "trapped", command), "9 exited forgotten\n")

    def test_descriptors(self):
        path = self.place.base / "out"
        self.call("descriptors", path, "sh -c 'cat; echo out; echo err >&2; exit 4'")
        self.assertEqual(path.read_text(), "out\nerr\n4\n")

    def test_with_a_router_that_is_there(self):
        with tempfile.TemporaryDirectory(dir=self.place.base) as sockets:
            agent = subprocess.Popen([studentfs.BIN / "studentfs-agent", "--sockets", sockets, "--task", self.place.task],
                                     stderr=subprocess.DEVNULL, env=self.place.environment())
            try:
                environment = dict(self.place.environment(), STUDENTRUN_SOCKETS=sockets)
                # The working directory is INGInious's: the grader's own.
                out = self.call("simple", "pwd", "", 0, 0, environment=environment, cwd="/usr")
                self.assertEqual(out, "0\nexited 0 0\n5 /usr\n\n0 \n\n")
                self.assertEqual(self.place.left(), [])
            finally:
                agent.terminate()
                agent.wait()

    def test_an_agent_that_dies(self):
        process = self.place.start("simple", "sh -c 'echo > student/started; sleep 100'", "", 0, 0, program=PROGRAM,
                                   stdout=subprocess.PIPE)
        self.addCleanup(self.end, process)
        studentfs.eventually((self.place.student / "started").exists)
        agents = [p for p, _ in studentfs.descendants(process.pid)
                  if studentfs.program_of(p) == "studentfs-agent" and studentfs.parent_of(p) == process.pid]
        os.kill(agents[0], signal.SIGKILL)
        out = process.stdout.read().decode().split("\n")
        self.assertEqual(out[0], "254")
        self.assertRegex(out[-2], "^the agent died$|^the router at .* went away$")  # whichever is seen first


class CallsInMessages(Calls):
    variables = {"IN_MESSAGES": "1"}

    def test_stdout_err_fuse(self):
        """They come as messages of two kinds: the order is kept within each."""
        lines = self.call("simple", "sh -c 'for i in 1 2 3; do echo o$i; echo e$i >&2; done'", "", 0, 1).split("\n")
        self.assertEqual(lines[:2] + lines[-4:], ["0", "exited 0 0", "", "0 ", "", ""])
        together = [line.removeprefix("18 ") for line in lines[2:-4]]
        for way in "oe":
            self.assertEqual([line for line in together if line.startswith(way)], [f"{way}1", f"{way}2", f"{way}3"])


@unittest.skipIf(studentfs.SANITIZED, "a program of its own would have to be sanitized as well")
class Installed(test_run_student.Case):
    @classmethod
    def setUpClass(cls):
        cls.top = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        cls.prefix = cls.top / "prefix"
        subprocess.run(["cmake", "--install", studentfs.BIN.parent, "--prefix", cls.prefix], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        pc = next(cls.prefix.rglob("studentrun.pc"))
        cls.libdir = pc.parent.parent
        cls.variables = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.top)

    def pkg(self, *options):
        return shlex.split(subprocess.run(["pkg-config", *options, "studentrun"], env=self.variables, check=True,
                                          capture_output=True, text=True, timeout=50).stdout)

    def build(self, compiler, source, *options):
        program = self.top / f"{pathlib.Path(source).stem}-{compiler}"
        subprocess.run([compiler, *options, "-o", program, source, *self.pkg("--cflags", "--libs"), "-pthread"],
                       check=True, timeout=50)
        return program

    def use(self, program, *words, **more):
        environment = self.place.environment(LD_LIBRARY_PATH=str(self.libdir))
        return subprocess.run([program, *words], env=environment, cwd=self.place.task, capture_output=True, timeout=50,
                              check=False, **more)

    def test_the_example(self):
        program = self.build("cc", studentfs.TOP / "docs/examples/run_student.c", "-Wall", "-Wextra", "-Werror")
        result = self.use(program, "sh -c 'cat; exit 5'", input=b"text\n")
        self.assertEqual((result.returncode, result.stdout), (5, b"text\n"), result)

    def test_c_plus_plus(self):
        source = studentfs.TOP / "tests/system/library.c"
        program = self.build("g++", source, "-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-Wno-pedantic")
        result = self.use(program, "simple", "cat", "in", "0", "0")
        self.assertEqual(result.stdout, b"0\nexited 0 0\n2 in\n0 \n\n", result)

    def test_the_header_by_itself(self):
        for compiler, options in (("cc", ["-x", "c", "-std=c99", "-pedantic"]),
                                  ("g++", ["-x", "c++", "-std=c++11", "-pedantic"])):
            subprocess.run([compiler, *options, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-include", HEADER, "-"],
                           input=b"", check=True, timeout=50)

    def test_what_the_library_shows(self):
        library = next(self.libdir.glob("libstudentrun.so"))
        shown = {line.split()[2].split("@")[0] for line in
                 subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True,
                                timeout=50).stdout.splitlines() if " A " not in line}
        declared = set(re.findall(r"^\w[\w ]*[ *]((?:studentrun|run_student)\w*)\(", HEADER.read_text(), re.M))
        self.assertEqual(shown, declared)
        text = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True,
                              timeout=50).stdout
        self.assertRegex(text, r"SONAME.*\[libstudentrun\.so\.\d+\]")

    def test_one_header_and_no_other(self):
        self.assertEqual([p.name for p in (self.prefix / "include").rglob("*") if p.is_file()], ["studentrun.h"])

    def test_the_installed_programs(self):
        program = self.prefix / "bin/run_student"
        result = self.use(program, "sh", "-c", "cat; exit 6", input=b"x\n")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (6, b"x\n", b""))
        self.assertTrue((self.prefix / "bin/ssh_student").exists())


if __name__ == "__main__":
    studentfs.main()
