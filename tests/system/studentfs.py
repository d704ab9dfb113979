"""A real mount for a test: made in a temporary directory, ended and checked afterwards.

Nothing here sleeps for a fixed time: what is awaited is awaited with `eventually`. A test
that hangs is interrupted by an alarm. Ending a mount checks that nothing of it is left:
no process, mount, control group, socket or other file.

Run a file of tests with main(): it prints TAP, so that cases can be counted.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("STUDENTFS_BIN", TOP / "build/release/bin"))
STUDENT = pathlib.Path(os.environ.get("STUDENTFS_STUDENT", BIN.parent / "tests/student"))
# Under a sanitizer everything takes longer, and memory is no measure.
SANITIZED = bool(os.environ.get("STUDENTFS_SANITIZED"))
# How input and output travel: the whole list of behaviours is tested in both modes.
TRANSPORT = os.environ.get("STUDENTFS_TRANSPORT", "auto")
# A machine that is a program of another one (tests/machine): a page fault takes 50 times as long.
SLOW = bool(os.environ.get("STUDENTFS_SLOW"))

# What a test may take; longer is a hang.
TEST_SECONDS = 240 if SLOW else 60
# What processes, cgroups and mounts may take to go.
GONE_SECONDS = 20


def eventually(condition, seconds=10, what="the condition"):
    """Waits until condition() is true and returns its value."""
    end = time.monotonic() + seconds
    pause = 0.001
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


# --- processes ---


def process_stat(pid):
    """State, parent and start time; None: there is none."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rsplit(") ", 1)[1].split()
    return fields[0], int(fields[1]), int(fields[19])


def parent_of(pid):
    """None: there is no such process any more."""
    stat = process_stat(pid)
    return stat and stat[1]


def is_alive(process):
    """process: (pid, start time). A zombie is dead."""
    stat = process_stat(process[0])
    return bool(stat) and stat[2] == process[1] and stat[0] not in "ZX"


def process_table():
    table = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = process_stat(int(entry))
            if stat:
                table[int(entry)] = stat
    return table


def descendants(pid):
    """pid and all below it, as (pid, start time)."""
    table = process_table()
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        if at in table:
            found.append((at, table[at][2]))
            todo += [child for child, stat in table.items() if stat[1] == at]
    return found


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def name_of(pid):
    """As it calls itself."""
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return []


def mounts():
    """Mount point to type."""
    found = {}
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        found[left.split()[4].replace("\\040", " ")] = right.split()[0]
    return found


def cgroups_of_agent(pid):
    """The directories of the agent's control groups."""
    return [
        os.path.join(top, name)
        for top, names, _ in os.walk("/sys/fs/cgroup")
        for name in names
        if name.startswith(f"studentfs-{pid}-")
    ]


def ready_inits(agent):
    """Those that this agent holds a process descriptor of: they have said that they are ready."""
    held = ""
    for path in pathlib.Path(f"/proc/{agent}/fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            held += path.read_text()
    return [process for process in descendants(agent)
            if program_of(process[0]) == "student-init" and f"Pid:\t{process[0]}\n" in held]


def freezer_group(case):
    """A group of v1's freezer for this test, which it thaws and removes."""
    freezer = pathlib.Path("/sys/fs/cgroup/freezer")
    if not (freezer / "cgroup.procs").exists():
        case.skipTest("no freezer of cgroup v1 here")
    group = freezer / f"studentfs-test-{os.getpid()}"

    def is_removed():
        try:
            for pid in (group / "cgroup.procs").read_text().split():
                (freezer / "cgroup.procs").write_text(pid)
            group.rmdir()
        except OSError:
            return False
        return True

    group.mkdir()
    case.addCleanup(lambda: eventually(is_removed, what="the frozen group's end"))
    case.addCleanup((group / "freezer.state").write_text, "THAWED")
    return group


def files_below(directory):
    """Also while they disappear."""
    return [os.path.join(top, name) for top, names, files in os.walk(directory) for name in names + files]


def shells():
    """Those that there are."""
    return [shell for shell in ("bash", "dash", "zsh") if shutil.which(shell)]


# The words that run what follows where mounts are its own, and hold none of other tests': where the
# machine's are private, an unmounting there would not come into the copy, and a daemon waits for
# the last of its mounts to go.
OWN_MOUNTS = ["unshare", "-m", "--propagation", "slave", "sh", "-c",
              "umount -l -a -t fuse.studentfs 2> /dev/null; exec \"$@\"", "sh"]


# --- runs ---


class Run:
    """A directory of the mount."""

    def __init__(self, path):
        self.path = str(path)
        self.name = os.path.basename(self.path)

    def file(self, name):
        return os.path.join(self.path, name)

    def read(self, name):
        with open(self.file(name), "rb") as file:
            return file.read()

    def text(self, name):
        return self.read(name).decode()

    def write(self, name, value):
        """One write, as echo does it; errors are OSError."""
        data = value if isinstance(value, bytes) else f"{value}\n".encode()
        fd = os.open(self.file(name), os.O_WRONLY | os.O_TRUNC)
        try:
            assert os.write(fd, data) == len(data)
        finally:
            os.close(fd)

    def start(self, command, stdin=b"", **settings):
        """stdin None: nobody opens it."""
        for name, value in settings.items():
            self.write(name, value)
        self.write("cmd", command)
        if stdin is not None:
            with open(self.file("stdin"), "wb", buffering=0) as file:
                if stdin:
                    file.write(stdin)
        return self

    def status(self):
        lines = self.text("status").splitlines()
        return dict(line.split(": ", 1) for line in lines)

    def usage(self):
        return {k: int(v) for k, v in (line.split(": ") for line in self.text("usage").splitlines())}

    def state(self):
        return self.status()["state"]

    def retval(self):
        return int(self.text("retval"))

    def wait_for(self, state, seconds=20):
        try:
            eventually(lambda: self.state() in (state, "ended"), seconds, f"state {state} of {self.name}")
        finally:
            status = self.text("status")
        assert f"state: {state}\n" in status, status

    def remove(self):
        shutil.rmtree(self.path)


# --- mounts ---


class Mount:
    """A mounted studentfs with an agent, or joined to the router in sockets."""

    def __init__(self, *options, sockets=None, environment=None, wrap=()):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.base.chmod(0o755)
        self.point = str(self.base / "mnt")
        self.task = self.base / "task"
        self.student = self.task / "student"
        self.runtime = self.base / "run"
        self.options = list(options)
        if TRANSPORT != "auto" and "--transport" not in self.options:
            self.options = ["--transport", TRANSPORT, *self.options]
        self.environment = environment or {}
        self.wrap = list(wrap)
        for directory in (self.base / "mnt", self.task, self.student, self.runtime, self.base / "logs"):
            directory.mkdir()
        self.student.chmod(0o777)
        self.runtime.chmod(0o700)
        (self.base / "logs").chmod(0o777)
        if STUDENT.exists():
            shutil.copy(STUDENT, self.student / "student")
        if sockets is not None:
            self.options += ["--sockets", str(sockets)]
        self.has_agent = sockets is None
        self.count = 0
        self.lock = threading.Lock()
        self.daemon = None
        try:
            self.start()
        except BaseException:
            self.clear()
            raise

    def command(self):
        return self.wrap + [str(BIN / "studentfs"), "--task", str(self.task), *self.options, self.point]

    def start(self):
        """The command returns when the mount is ready: nothing else is awaited."""
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.runtime), **self.environment)
        logs = f"log_path={self.base}/logs/sanitizer"
        # What AddressSanitizer keeps of freed memory is bounded: tests look for growth.
        environment["ASAN_OPTIONS"] = f"{logs}:detect_leaks=1:quarantine_size_mb=8"
        environment["UBSAN_OPTIONS"] = f"{logs}:print_stacktrace=1"
        result = subprocess.run(
            self.command(), env=environment, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60, check=False)
        self.stderr = result.stderr
        if result.returncode != 0:
            raise AssertionError(f"studentfs ended with {result.returncode}: {result.stderr}")
        self.daemon = self.find_daemon()

    def find_daemon(self):
        for pid, stat in process_table().items():
            words = command_line(pid)
            if program_of(pid) == "studentfs" and self.point in words:
                return pid, stat[2]
        raise AssertionError("the daemon is not there although studentfs has returned")

    def agent(self):
        """The agent's main process; None: there is none now."""
        for pid, started in descendants(self.daemon[0]):
            stat = process_stat(pid)
            if program_of(pid) == "studentfs-agent" and stat and stat[1] == self.daemon[0]:
                return pid, started
        return None

    def path(self, *parts):
        return os.path.join(self.point, *parts)

    def make(self, name=None, mode=0o755):
        if name is None:
            with self.lock:
                self.count += 1
                name = f"t{self.count}"
        os.mkdir(self.path(name), mode)
        return Run(self.path(name))

    def run(self, command, stdin=b"", **settings):
        """Makes a run and starts it."""
        return self.make().start(command, stdin, **settings)

    def is_mounted(self):
        return self.point in mounts()

    def unmount(self):
        subprocess.run(["fusermount3", "-u", "--", self.point], check=True, timeout=60)

    def close(self):
        """Unmounts and checks that nothing is left."""
        processes = descendants(self.daemon[0]) if self.daemon else []
        agents = [pid for pid, _ in processes if program_of(pid) == "studentfs-agent"]
        try:
            if self.is_mounted():
                self.unmount()
            self.check_nothing_left(processes, agents)
        finally:
            self.clear(processes)

    def check_nothing_left(self, processes, agents=()):
        def left():
            found = [f"process {p[0]} {program_of(p[0])} {' '.join(command_line(p[0]))[:200]}"
                     for p in processes if is_alive(p)]
            found += [group for pid in agents for group in cgroups_of_agent(pid)]
            found += files_below(self.runtime)
            found += [self.point] if self.is_mounted() else []
            return found

        try:
            eventually(lambda: not left(), GONE_SECONDS)
        except AssertionError:
            raise AssertionError("left behind: " + "; ".join(left())) from None
        reports = [path.read_text(errors="replace") for path in (self.base / "logs").iterdir()]
        assert not reports, "\n".join(reports)[:8000]

    def clear(self, processes=()):
        """By force: nothing of this mount may disturb the next test."""
        for pid, started in processes:
            if is_alive((pid, started)):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        while self.is_mounted():
            subprocess.run(["umount", "-l", self.point], check=True, timeout=60)
        shutil.rmtree(self.base, ignore_errors=True)


# --- tests ---


class TestCase(unittest.TestCase):
    """Tests that share a mount; a class with mount_options None makes its own."""

    mount_options = ()
    seconds = TEST_SECONDS

    @classmethod
    def setUpClass(cls):
        if cls.mount_options is not None:
            cls.mount = Mount(*cls.mount_options)
            cls.prepare()

    @classmethod
    def prepare(cls):
        """What the class needs on its mount."""

    @classmethod
    def tearDownClass(cls):
        if cls.mount_options is not None:
            cls.mount.close()

    def setUp(self):
        def on_alarm(_number, _frame):
            raise TimeoutError(f"the test hangs: more than {self.seconds} s")

        signal.signal(signal.SIGALRM, on_alarm)
        signal.alarm(self.seconds)
        self.addCleanup(signal.alarm, 0)

    def own_mount(self, *options, **more):
        mount = Mount(*options, **more)
        self.addCleanup(mount.close)
        return mount

    def assert_errno(self, number, function, *arguments, **more):
        with self.assertRaises(OSError) as caught:
            function(*arguments, **more)
        self.assertEqual(
            caught.exception.errno, number,
            f"{os.strerror(number)} expected, not: {caught.exception}")

    def assert_ended(self, run, retval, termination, reason=None):
        value = run.retval()
        status = run.status()
        self.assertEqual((value, status["termination"]), (retval, termination), status)
        self.assertEqual(status["state"], "ended")
        self.assertEqual(status["retval"], str(retval))
        if reason is not None:
            self.assertRegex(status.get("reason", ""), reason)


class _TapResult(unittest.TestResult):
    """One line per case: `ok 3 - Class.test`, `not ok ...`, `ok ... # SKIP why`."""

    def __init__(self):
        super().__init__()
        self.cases = 0

    def _line(self, good, test, rest="", details=""):
        self.cases += 1
        name = test.id().removeprefix("__main__.") if hasattr(test, "id") else str(test)
        print(f"{'ok' if good else 'not ok'} {self.cases} - {name}{rest}")
        for line in details.splitlines():
            print(f"# {line}")
        sys.stdout.flush()

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(True, test)

    def _bad(self, test, error):
        self._line(False, test, details="".join(traceback.format_exception(*error)))

    def addError(self, test, err):
        super().addError(test, err)
        self._bad(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._bad(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._bad(subtest, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(True, test, f" # SKIP {reason}")


def main():
    """Runs the tests of the file, or those named (Class or Class.test)."""
    module = sys.modules["__main__"]
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root")
        return
    # A shell that starts this in the background has it ignored, here and by all that this starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    loader = unittest.TestLoader()
    names = sys.argv[1:]
    suite = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    result = _TapResult()
    suite.run(result)
    print(f"1..{result.cases}")
    sys.exit(not result.wasSuccessful())
