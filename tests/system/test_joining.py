"""In a grading container: /sockets is there, and is joined by all programs without being told."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import msgpack
import zmq

import studentfs
import test_run_student

SOCKETS = pathlib.Path("/sockets")
INSIDE = "STUDENTFS_TEST_INSIDE"


class Router:
    """Answers one request with a return value."""

    def __init__(self, **answer):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.bind(f"ipc://{SOCKETS}/main.sock")
        self.answer = answer
        self.request = None
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        if self.socket.poll(20000):
            identity, _, data = self.socket.recv_multipart()
            self.request = msgpack.unpackb(data)
            self.socket.send_multipart([identity, b"", msgpack.packb({"type": "run_student_retval", **self.answer})])

    def close(self):
        self.thread.join()
        self.socket.close(200)
        self.context.term()
        (SOCKETS / "main.sock").unlink(missing_ok=True)


class Joining(test_run_student.Case):
    def agent(self, *options):
        reader, writer = os.pipe()
        process = subprocess.Popen([studentfs.BIN / "studentfs-agent", "--sockets", SOCKETS, "--task", self.place.task,
                                    "--ready-fd", str(writer), *options], pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        with open(reader, "rb") as ready:
            self.assertTrue(ready.read(1))

    def router(self, **answer):
        router = Router(**answer)
        self.addCleanup(router.close)
        return router

    def mount(self, *options):
        """With no word of a router."""
        return self.own_mount(*options)

    def test_studentfs(self):
        self.agent("--time-limit", "1", "--hard-time-limit", "40")
        mount = self.mount()
        self.assertIsNone(mount.agent())
        self.assert_ended(mount.run("sh -c 'exit 3'"), 3, "exited")
        # Limits of 0 are the container's own.
        run = mount.run("student/student spin 2")
        self.assert_ended(run, 253, "cpu_time", "^used more than 1 s of CPU time")

    def test_studentfs_asks_for_the_container_s_own_limits(self):
        router = self.router(retval=7)
        self.assert_ended(self.mount().run("true"), 7, "exited")
        asked = router.request
        self.assertEqual([asked[key] for key in ("environment", "time_limit", "hard_time_limit", "memory_limit")],
                         [None, 0, 0, 0])

    def test_run_student_asks_for_the_container_s_own_limits(self):
        router = self.router(retval=7)
        self.ended(self.run_student("true"), 7)
        del router.request["socket_id"]
        del router.request["receives_freely"]
        self.assertEqual(router.request, {
            "type": "run_student", "environment": None, "time_limit": 0, "hard_time_limit": 0, "memory_limit": 0,
            "share_network": False, "ssh": False, "run_as_root": False})

    def test_a_router_that_gives_no_reasons(self):
        """As INGInious's."""
        for retval, text in ((250, b""), (251, b"run_student: 251: not available here\n"),
                             (252, b"run_student: 252: out of memory\n"),
                             (253, b"run_student: 253: a time limit was reached\n"),
                             (254, b"run_student: 254: it could not be run\n")):
            router = Router(retval=retval)
            self.ended(self.run_student("true"), retval, b"", text)
            router.close()

    def test_a_router_that_is_silent(self):
        context = zmq.Context()
        router = context.socket(zmq.ROUTER)
        router.bind(f"ipc://{SOCKETS}/main.sock")
        self.addCleanup((SOCKETS / "main.sock").unlink, True)
        self.addCleanup(context.destroy, 0)
        began = time.monotonic()
        retval, out, err = self.run_student("--start-timeout", "0.2", "true")
        self.assertLess(time.monotonic() - began, 30)  # 60 s is the default
        self.assertEqual((retval, out), (254, b""))
        self.assertIn(b"run_student: 254: the router did not answer in time", err)

    def test_no_router(self):
        retval, out, err = self.run_student("--sockets", SOCKETS, "--connect-timeout", "0.2", "true")
        self.assertEqual((retval, out, err), (251, b"", b"run_student: 251: no router at /sockets/main.sock\n"))

    def test_run_student_s_options(self):
        router = self.router(retval=0)
        self.ended(self.run_student("--container", "c", "--time", "5", "--hard-time", "2.5", "--memory", "64",
                                    "--share-network", "--run-as-root", "true"), 0)
        asked = router.request
        self.assertEqual([asked[key] for key in ("environment", "time_limit", "hard_time_limit", "memory_limit",
                                                 "share_network", "run_as_root", "ssh")],
                         ["c", 5, 3, 64, True, True, False])

    def test_ssh_student(self):
        router = self.router(retval=251, reason="no ssh here")
        process = self.place.start("--setup-script", "echo x", program=studentfs.BIN / "ssh_student",
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate(timeout=50)
        self.assertEqual((process.returncode, out, err), (251, b"", b"ssh_student: 251: no ssh here\n"))
        self.assertIs(router.request["ssh"], True)

    def test_run_student(self):
        """Where it is called is where the command is, as in INGInious."""
        self.agent()
        self.ended(self.run_student("sh", "-c", "pwd; exit 4", cwd="/usr/bin"), 4, b"/usr/bin\n")

    def socket_of_nobody(self):
        (SOCKETS / "main.sock").touch()
        self.addCleanup((SOCKETS / "main.sock").unlink)

    def test_what_is_named_comes_before(self):
        self.socket_of_nobody()
        agent = studentfs.BIN / "studentfs-agent"
        self.ended(self.run_student("--agent", agent, "sh", "-c", "exit 9"), 9)
        environment = dict(self.place.environment(), STUDENTRUN_SOCKETS="/nosuch")
        retval, _, err = self.run_student("true", environment=environment)
        self.assertEqual((retval, b"254: /nosuch: No such file or directory" in err), (254, True), err)
        self.ended(self.run_student("--agent", agent, "sh", "-c", "exit 8", environment=environment), 8)

    def test_without_main_sock_there_is_nothing_to_join(self):
        self.assertFalse((SOCKETS / "main.sock").exists())
        self.ended(self.run_student("sh", "-c", "exit 5"), 5)
        mount = self.mount()
        self.assertIsNotNone(mount.agent())
        self.assert_ended(mount.run("sh -c 'exit 5'"), 5, "exited")

    def test_options_of_an_agent_that_is_not_started(self):
        self.socket_of_nobody()
        point = self.place.base / "mnt"
        point.mkdir()
        result = subprocess.run([studentfs.BIN / "studentfs", "--time-limit", "5", point], capture_output=True,
                                text=True, timeout=50, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "studentfs: --time-limit is for an agent of its own, but the router at /sockets "
                                        "is joined; --agent PROGRAM starts one\n")


class Transport(test_run_student.Case):
    """What `auto` takes of a router that says nothing of itself, and whose containers never come."""

    SHARED = pathlib.Path("/.__input/__shared_kernel")

    def setUp(self):
        super().setUp()
        self.context = zmq.Context()
        self.router = self.context.socket(zmq.ROUTER)
        self.router.bind(f"ipc://{SOCKETS}/main.sock")
        self.addCleanup((SOCKETS / "main.sock").unlink, True)
        self.addCleanup(self.context.destroy, 0)

    def share_kernel(self):
        self.SHARED.parent.mkdir()
        self.addCleanup(self.SHARED.parent.rmdir)
        self.SHARED.touch()
        self.addCleanup(self.SHARED.unlink)

    def sent(self, *options):
        """The types of what the client sends until its end, but for dummies, and the end."""
        process = self.place.start("--handover-timeout", "0.4", *options, "true", stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        types = []
        while process.poll() is None or self.router.poll(0):
            if not self.router.poll(50):
                continue
            identity, _, data = self.router.recv_multipart()
            types.append(msgpack.unpackb(data)["type"])
            if types[-1] == "run_student":
                answer = {"type": "run_student_started", "container_id": "c"}
                self.router.send_multipart([identity, b"", msgpack.packb(answer)])
        self.assertEqual(process.returncode, 254)
        return [kind for kind in types if kind != "dummy_message"], process.stderr.read()

    def start(self, **streams):
        """In message mode."""
        process = self.place.start("--transport", "message", "sleep", "100", stderr=subprocess.PIPE, **streams)
        self.addCleanup(self.end, process)
        return process

    def until(self, kind):
        """Who sent it."""
        received = None
        while received != kind:
            self.assertTrue(self.router.poll(20000))
            identity, _, data = self.router.recv_multipart()
            received = msgpack.unpackb(data)["type"]
        return identity

    def answer(self, identity, **message):
        self.router.send_multipart([identity, b"", msgpack.packb(message)])

    def answer_started(self):
        run = self.until("run_student")
        self.answer(run, type="run_student_started", container_id="c")
        return run

    @staticmethod
    def has_stopped(process):
        return studentfs.process_stat(process.pid)[0] == "T"

    def is_looked_at_in_time(self, process, since):
        """It waits for 2 s before it stops, and no longer; if less have gone by, it has not stopped."""
        while self.router.poll(200):  # nothing more comes than what is on its way
            _, _, data = self.router.recv_multipart()
            self.assertEqual(msgpack.unpackb(data)["type"], "dummy_message")
        has_stopped = self.has_stopped(process)
        in_time = time.monotonic() - since < 1.5
        if in_time:
            self.assertFalse(has_stopped)
        else:
            self.end(process)
        return in_time

    def assert_seen(self, attempt):
        self.assertTrue(any(attempt() for _ in range(10)), "ten times it took longer than 1.5 s to look")

    def assert_ends(self, process, run):
        self.answer(run, type="run_student_retval", retval=0)
        self.assertEqual(process.wait(50), 0)

    def assert_stops(self, process):
        studentfs.eventually(lambda: self.has_stopped(process), what="being stopped")
        process.send_signal(signal.SIGCONT)

    @staticmethod
    def send(process, number):
        """Returns when the process has it."""
        process.send_signal(number)
        status = pathlib.Path(f"/proc/{process.pid}/status")

        def has_come():
            waiting = re.findall(r"^(?:Sig|Shd)Pnd:\s(\w+)$", status.read_text(), re.M)
            return not any(int(digits, 16) >> (number - 1) & 1 for digits in waiting)

        studentfs.eventually(has_come, what="the signal's arrival")

    def test_it_stops_when_the_router_has_read_that(self):
        """Stopped earlier, what the signal is sent by would be stopped as well, and the command go on."""
        def is_seen():
            process = self.start()
            self.answer_started()
            run = self.until("run_student_init")
            self.answer(run, type="dummy_message")
            since = time.monotonic()
            process.send_signal(signal.SIGTSTP)
            signals = self.until("student_signal")
            if not self.is_looked_at_in_time(process, since):
                return False
            self.answer(signals, type="dummy_message")
            self.assert_stops(process)
            self.assert_ends(process, run)
            return True

        self.assert_seen(is_seen)

    def test_it_stops_when_there_is_a_command_to_stop(self):
        def is_seen():
            process = self.start()
            self.answer_started()
            run = self.until("run_student_init")
            since = time.monotonic()
            process.send_signal(signal.SIGTSTP)
            if not self.is_looked_at_in_time(process, since):
                return False
            self.answer(run, type="dummy_message")
            self.answer(self.until("student_signal"), type="dummy_message")
            self.assert_stops(process)
            self.assert_ends(process, run)
            return True

        self.assert_seen(is_seen)

    def test_it_stops_though_the_router_is_silent(self):
        """It waits once, not once a signal."""
        process = self.start()
        run = self.until("run_student")
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM,
                       signal.SIGTERM, signal.SIGWINCH, signal.SIGTSTP):
            self.send(process, number)
        self.assert_stops(process)
        self.assert_ends(process, run)

    def test_one_that_is_continued_does_not_stop_any_more(self):
        process = self.start()
        run = self.until("run_student")
        self.send(process, signal.SIGTSTP)
        self.send(process, signal.SIGCONT)
        self.answer(run, type="run_student_started", container_id="c")
        self.until("run_student_init")
        self.answer(run, type="dummy_message")
        for _ in range(2):
            self.answer(self.until("student_signal"), type="dummy_message")
        self.assert_ends(process, run)

    def test_it_stops_when_only_output_is_left(self):
        monitor = self.router.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.addCleanup(self.router.disable_monitor)
        process = self.start(stdout=subprocess.PIPE)
        self.answer_started()
        run = self.until("run_student_init")
        self.answer(run, type="dummy_message")
        output = 2_000_000 * b"x"  # more than a pipe takes
        self.answer(run, type="stdout", socket_id="p1", message=output)
        self.answer(run, type="run_student_retval", retval=7)
        self.assertTrue(monitor.poll(20000))  # the run's socket is closed when it has the return value
        process.send_signal(signal.SIGTSTP)
        self.assert_stops(process)
        self.assertEqual((process.stdout.read(), process.wait(50)), (output, 7))

    def test_a_shared_kernel(self):
        self.share_kernel()
        types, reason = self.sent("--fallback-timeout", "0.1")
        self.assertEqual(types, ["run_student"])
        self.assertIn(b"the container did not ask for its command in time", reason)

    def test_a_shared_kernel_and_root(self):
        """By messages all the same, and at once."""
        self.share_kernel()
        types, reason = self.sent("--fallback-timeout", "100", "--run-as-root")
        self.assertEqual(types, ["run_student", "run_student_init"])
        self.assertIn(b"the router did not take the command in time", reason)

    def test_no_shared_kernel(self):
        types, reason = self.sent("--fallback-timeout", "0.2")
        self.assertEqual(types, ["run_student", "run_student_init"])
        self.assertIn(b"the router did not take the command in time", reason)

    def test_what_is_set_comes_before(self):
        self.assertEqual(self.sent("--transport", "fd", "--fallback-timeout", "0.1")[0], ["run_student"])
        self.share_kernel()
        self.assertEqual(self.sent("--transport", "message", "--fallback-timeout", "100")[0],
                         ["run_student", "run_student_init"])


def enter():
    """Runs this again where there is a /sockets."""
    script = pathlib.Path(__file__).with_name("grading_container.sh")
    words = [*studentfs.OWN_MOUNTS, str(script)]
    if subprocess.run([*words, "true"], stderr=subprocess.PIPE, check=False, timeout=50).returncode != 0:
        print("1..1\nok 1 - Joining # SKIP mounts of one's own take root, and pivot_root(2)")
        sys.exit(0)
    os.environ[INSIDE] = "1"
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


if __name__ == "__main__":
    if INSIDE not in os.environ:
        enter()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    studentfs.main()
