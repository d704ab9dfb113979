"""docs/inginious.md, way by way: a grading container as Docker makes it for INGInious, by runc; the router
at its /sockets is an agent outside, or one that starts a second container, as INGInious's does.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

import msgpack
import zmq

import runc
import studentfs
from studentfs import eventually

DOCS = studentfs.TOP / "docs"
STUDENTFS_RUNC = DOCS / "examples/inginious/studentfs-runc.py"
DEVICE_WAY = (STUDENTFS_RUNC, "--device")
# On a machine where everybody may open /dev/fuse, as with udev, and where user 4242 has a name.
HOST_WAY = (*studentfs.OWN_MOUNTS, "sh", "-c",
            'mount --bind "$0/fuse" /dev/fuse; mount --bind "$0/passwd" /etc/passwd; exec "$@"', "HERE",
            STUDENTFS_RUNC, "--host")
# As INGInious's process 1, which is root, starts the grader.
AS_WORKER = ("setpriv", "--reuid", "4242", "--regid", "4242", "--clear-groups")
IN_A_USER_NAMESPACE = ("unshare", "--map-root-user", "--mount")

# The grader: prints a run's output and its return value.
GRADER = """
set -e
mkdir "$1/t1"
echo 5 > "$1/t1/time_limit"
echo "sh -c 'cat; id -u; exit 3'" > "$1/t1/cmd"
echo hello > "$1/t1/stdin"
cat "$1/t1/stdout" "$1/t1/retval"
rm -r "$1/t1"
"""
# As the page has it.
RUN = """#!/bin/sh
[ "$(id -u)" = 0 ] || exec unshare --map-root-user --mount "$0" "$@"
mkdir -p /tmp/students && studentfs /tmp/students
sh /task/grader /tmp/students
"""
GRADED = "hello\n4242\n3\n"


class Case(studentfs.TestCase):
    mount_options = None

    def setUp(self):
        super().setUp()
        why = runc.unusable()
        if why:
            self.skipTest(why)
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.base.chmod(0o755)
        self.runtime = runc.Runtime(self.base)
        self.addCleanup(self.nothing_is_left)
        self.addCleanup(self.runtime.close)
        self.sockets = self.base / "sockets"
        self.task = self.base / "task"
        (self.task / "student").mkdir(parents=True)
        self.sockets.mkdir()
        for directory in (self.sockets, self.task, self.task / "student"):
            os.chown(directory, 4242, 4242)
        (self.task / "grader").write_text(GRADER)
        (self.task / "run").write_text(RUN)
        (self.task / "run").chmod(0o755)
        (self.base / "mounts").mkdir()
        (self.base / "passwd").write_text("root:x:0:0::/root:/bin/sh\nworker:x:4242:4242::/task:/bin/sh\n")
        subprocess.run(["mknod", "-m", "666", self.base / "fuse", "c", "10", "229"], check=True)

    def nothing_is_left(self):
        eventually(lambda: not self.runtime.left(), studentfs.GONE_SECONDS, "no container's group or mount")

    def agent(self):
        """Outside, in the place of INGInious's."""
        reader, writer = os.pipe()
        process = subprocess.Popen([studentfs.BIN / "studentfs-agent", "--sockets", self.sockets, "--task", self.task,
                                    "--ready-fd", str(writer)], pass_fds=[writer], stderr=subprocess.DEVNULL)
        os.close(writer)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        with open(reader, "rb") as ready:
            self.assertTrue(ready.read(1))

    def configuration(self, words, **more):
        root, mounts = self.runtime.machine()
        mounts += [runc.bind(self.sockets, "/sockets"), runc.bind(self.task, "/task"),
                   runc.bind(studentfs.BIN, "/opt", "ro")]
        return runc.configuration(root, words, mounts, **more)

    def grading(self, script, by=AS_WORKER, wrap=(), studentfs_program=studentfs.BIN / "studentfs", **more):
        """What a grader that is this shell script comes to."""
        config = self.configuration([*by, "sh", "-c", f"PATH=/opt:$PATH; {script}"], **more)
        environment = dict(os.environ, STUDENTFS=str(studentfs_program), STUDENTFS_MOUNTS=str(self.base / "mounts"))
        runtime = [self.base if word == "HERE" else word for word in wrap or ("runc",)]
        return self.runtime.run(config, runtime=runtime, environment=environment)

    def refused(self, message, by=AS_WORKER, **more):
        status, out, err = self.grading("studentfs --sockets /sockets /mnt", by=by, **more)
        self.assertEqual((status, out), (1, ""), err)
        self.assertEqual(err.splitlines()[-1], f"studentfs: /mnt is not mounted: {message}")

    def graded(self, script="studentfs /mnt && sh /task/grader /mnt && fusermount3 -u /mnt", **more):
        self.agent()
        self.assertEqual(self.grading(script, **more), (0, GRADED, ""))


class Obstacle(Case):
    """What a container lacks is said, and what to do about it."""

    def test_no_device(self):
        message = ("there is no /dev/fuse: 'modprobe fuse' on the machine; start a container with that device")
        self.refused(message)
        self.refused(message, by=())

    def test_a_device_that_was_made_inside(self):
        message = "the container's rules for devices forbid /dev/fuse: start it with that device"
        status, out, err = self.grading("mknod -m 666 /dev/fuse c 10 229; exec setpriv --reuid 4242 --regid 4242 "
                                        "--clear-groups studentfs --sockets /sockets /mnt", by=())
        self.assertEqual((status, out), (1, ""), err)
        self.assertIn(message, err)

    def test_a_device_that_is_root_s(self):
        self.refused("this user may not open /dev/fuse: 'chmod 666 /dev/fuse', as root", fuse=0o600)

    def test_no_privilege(self):
        message = ("this container may not mount: start it with CAP_SYS_ADMIN, or give this a user namespace, "
                   "'unshare -rm sh'")
        self.refused(message, fuse=0o666)
        self.refused(message, fuse=0o666, by=())

    def test_no_user_namespace(self):
        """The filter does not let it be made: the words are unshare's."""
        status, out, err = self.grading("studentfs /mnt", by=(*AS_WORKER, *IN_A_USER_NAMESPACE), fuse=0o666)
        self.assertEqual((status, out, err), (1, "", "unshare: unshare failed: Operation not permitted\n"))

    def test_a_filter_without_mount(self):
        self.refused("mount(2) is forbidden to this container by its seccomp or AppArmor profile: allow it mount and "
                     "umount2", fuse=0o666, allowed=["unshare"],
                     by=(*AS_WORKER, *IN_A_USER_NAMESPACE, "--propagation", "unchanged"))

    def test_no_new_privileges(self):
        self.refused("fusermount3 has no effect under no_new_privs: start this without, or give it a user namespace, "
                     "'unshare -rm sh'", fuse=0o666, sys_admin=True, no_new_privs=True)

    def refused_with(self, message, source, destination):
        """In a privileged container, but for what is put there."""
        config = self.configuration([*AS_WORKER, "/opt/studentfs", "--sockets", "/sockets", "/mnt"], fuse=0o666,
                                    sys_admin=True)
        config["mounts"].append(runc.bind(source, destination))
        status, out, err = self.runtime.run(config)
        self.assertEqual((status, out), (1, ""))
        self.assertIn(f"studentfs: /mnt is not mounted: {message}\n", err)

    def test_no_fusermount3(self):
        self.refused_with("only root mounts without fusermount3: 'apt-get install fuse3'", self.task / "grader",
                          "/usr/bin/fusermount3")

    def test_no_name(self):
        self.refused_with("this user has no name, and fusermount3 asks for one: 'useradd -u UID NAME'",
                          self.task / "grader", "/etc/passwd")


class Way(Case):
    """Each is a container in which a student's run goes through."""

    def test_capability(self):
        """The worker mounts by fusermount3, which is setuid."""
        self.graded(fuse=0o666, sys_admin=True)

    def test_capability_as_root(self):
        self.graded(fuse=0o600, sys_admin=True, by=())

    def test_user_namespace(self):
        self.graded("/task/run", wrap=DEVICE_WAY)

    def test_user_namespace_and_an_end_before_the_container_s(self):
        self.graded("studentfs /mnt && sh /task/grader /mnt && umount /mnt", wrap=DEVICE_WAY,
                    by=(*AS_WORKER, *IN_A_USER_NAMESPACE))

    def test_the_students_stream_can_be_opened_again(self):
        self.agent()
        script = """studentfs /mnt; mkdir /mnt/t; echo "sh -c 'echo again > /dev/stdout'" > /mnt/t/cmd; cat /mnt/t/stdout"""
        result = self.grading(script, by=(*AS_WORKER, *IN_A_USER_NAMESPACE), wrap=DEVICE_WAY)
        self.assertEqual(result, (0, "again\n", ""))

    def test_of_the_machine(self):
        """Nothing is given to the container but the mount; its end is the mount's."""
        self.graded("sh /task/grader /mnt/students", wrap=HOST_WAY)
        self.assertEqual(os.listdir(self.base / "mounts"), [])

    def test_of_the_machine_is_the_grader_s(self):
        """Not root's, in the container."""
        status, out, err = self.grading("ls /mnt/students", wrap=HOST_WAY, by=())
        self.assertEqual((status, out, err), (2, "", "ls: cannot access '/mnt/students': Permission denied\n"))

    def test_a_studentfs_of_the_machine_that_cannot_start(self):
        """No container then, and nothing left."""
        status, out, err = self.grading("true", wrap=(STUDENTFS_RUNC, "--host"), studentfs_program="/bin/false")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("/bin/false", err)
        self.assertEqual(os.listdir(self.base / "mounts"), [])

    def mount_on_the_machine(self, point, *options):
        point.mkdir()
        subprocess.run([studentfs.BIN / "studentfs", "--sockets", self.sockets, "--task", "/", *options, point],
                       check=True, timeout=50)
        self.addCleanup(subprocess.run, ["umount", "-l", point], check=True)

    def shown(self, by):
        """What the grader comes to with the mount of the machine's root at /mnt."""
        config = self.configuration([*by, "sh", "/task/grader", "/mnt"])
        config["mounts"].append(runc.bind(self.base / "point", "/mnt"))
        return self.runtime.run(config)

    def test_of_the_machine_for_all_users(self):
        self.agent()
        self.mount_on_the_machine(self.base / "point", "-o", "allow_other")
        self.assertEqual(self.shown(AS_WORKER), (0, GRADED, ""))
        self.assertEqual(self.shown(()), (0, GRADED, ""))

    def test_of_the_machine_for_root(self):
        """Without allow_other it is nobody's but the mounter's."""
        self.agent()
        self.mount_on_the_machine(self.base / "point")
        self.assertEqual(self.shown(()), (0, GRADED, ""))
        status, out, err = self.shown(AS_WORKER)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("Permission denied", err)

    def test_of_the_machine_made_later(self):
        self.agent()
        above = self.base / "above"
        above.mkdir()
        subprocess.run(["mount", "--bind", above, above], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", above], check=True)
        subprocess.run(["mount", "--make-shared", above], check=True)
        script = "touch /task/started; until [ -e /mnt/point/runs ]; do sleep 0.05; done; sh /task/grader /mnt/point"
        config = self.configuration([*AS_WORKER, "sh", "-c", script])
        config["mounts"].append({**runc.bind(above, "/mnt"), "options": ["rbind", "rslave"]})
        process = self.runtime.start(config, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        eventually((self.task / "started").exists, 20, "the container")
        self.mount_on_the_machine(above / "point", "-o", "allow_other")
        self.assertEqual(process.communicate(timeout=50), (GRADED, ""))

    def test_no_mount(self):
        """run_student takes nothing."""
        self.agent()
        status, out, err = self.grading("echo hello | run_student sh -c 'cat; id -u; exit 3'")
        self.assertEqual((status, out, err), (3, "hello\n4242\n", ""))

    def test_library(self):
        self.agent()
        shutil.copy(studentfs.BIN.parent / "tests/library", self.task)
        status, out, err = self.grading("/task/library simple 'sh -c \"cat; id -u; exit 3\"' hello 0 0")
        self.assertEqual((status, out.splitlines()[:3], err), (0, ["3", "exited 0 0", "10 hello4242"], ""))


class StudentContainers:
    """A router that starts a container for each run, as INGInious's agent does: student-init in the
    place of its init, the client's socket at /__parent.sock, the container's exit status as the return value.
    """

    def __init__(self, case):
        self.case = case
        self.running = []
        self.ending = False
        self.context = zmq.Context()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def container(self, socket_id):
        root, mounts = self.case.runtime.machine("student")
        mounts += [runc.bind(self.case.sockets / f"{socket_id}.sock", "/__parent.sock"),
                   runc.bind(self.case.task / "student", "/task/student"),
                   runc.bind(studentfs.BIN / "student-init", "/_run_student_intern", "ro")]
        config = runc.configuration(root, ["/_run_student_intern", "runc", "runc"], mounts)
        return self.case.runtime.start(config, stdin=subprocess.PIPE)

    def serve(self):
        router = self.context.socket(zmq.ROUTER)
        path = self.case.sockets / "main.sock"
        router.bind(f"ipc://{path}")
        os.chown(path, 4242, 4242)
        while not self.ending:
            if router.poll(20):
                identity, _, data = router.recv_multipart()
                message = msgpack.unpackb(data)
                if message["type"] == "run_student":
                    self.answer(router, identity, type="run_student_started", container_id="c")
                    self.running.append((identity, self.container(message["socket_id"])))
            for identity, process in [pair for pair in self.running if pair[1].poll() is not None]:
                self.running.remove((identity, process))
                process.stdin.close()
                self.answer(router, identity, type="run_student_retval", retval=process.returncode)
        router.close(0)

    @staticmethod
    def answer(router, identity, **message):
        router.send_multipart([identity, b"", msgpack.packb(message)])

    def close(self):
        self.ending = True
        self.thread.join()
        self.context.term()


class TwoContainers(Case):
    """The grader's and the student's, and no program of ours beside them."""

    def agent(self):
        containers = StudentContainers(self)
        self.addCleanup(containers.close)
        eventually((self.sockets / "main.sock").exists, what="the router")

    def test_user_namespace(self):
        self.graded("/task/run", wrap=DEVICE_WAY)

    def test_of_the_machine(self):
        self.graded("sh /task/grader /mnt/students", wrap=HOST_WAY)

    def test_what_is_told_of_a_run(self):
        """The return value is all that such a router says."""
        self.agent()
        script = ("studentfs /mnt; mkdir /mnt/t; echo \"sh -c 'kill -9 \\$\\$'\" > /mnt/t/cmd; cat /mnt/t/retval; "
                  "cut -d : -f 1 /mnt/t/usage; grep -E '^(termination|signal|reason|enforced)' /mnt/t/status")
        status, out, err = self.grading(script, by=(*AS_WORKER, *IN_A_USER_NAMESPACE), wrap=DEVICE_WAY)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out.split("\n"), ["137", "wall_usec", "stdout_bytes", "stderr_bytes", "stdin_bytes",
                                          "termination: exited", ""])

    def test_no_mount(self):
        self.agent()
        result = self.grading("echo hello | run_student sh -c 'cat; id -u; exit 3'")
        self.assertEqual(result, (3, "hello\n4242\n", ""))


class Image(Case):
    """studentfs-bundle: all that an image takes, of whatever distribution it is."""

    def bundle(self):
        if not shutil.which("patchelf"):
            self.skipTest("patchelf is not installed")
        root = self.base / "image"
        environment = dict(os.environ, DESTDIR=str(root), PATH=f"{studentfs.BIN}:{os.environ['PATH']}")
        subprocess.run([DOCS / "examples/inginious/studentfs-bundle", "/opt/studentfs", "studentfs", "run_student"],
                       env=environment, check=True, timeout=50)
        (root / "mnt").mkdir()
        return root

    def image(self, *words, **more):
        """Nothing else is in it, no shell either."""
        return runc.configuration(self.bundle(), words, [runc.bind(self.sockets, "/sockets")], **more)

    def test_run_student(self):
        self.agent()
        result = self.runtime.run(self.image("/opt/studentfs/bin/run_student", "sh", "-c", "id -u; exit 3"))
        self.assertEqual(result, (3, "4242\n", ""))

    def test_studentfs(self):
        self.agent()
        process = self.runtime.start(self.image("/opt/studentfs/bin/studentfs", "--foreground", "/mnt", fuse=0o600,
                                                sys_admin=True), stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        name = self.runtime.containers[-1]
        point = f"/proc/{eventually(lambda: self.runtime.pid(name), 20)}/root/mnt"
        eventually(lambda: os.path.exists(f"{point}/runs"), 20)
        result = subprocess.run(["sh", "-c", GRADER, "sh", point], capture_output=True, text=True, check=False, timeout=50)
        self.assertEqual((result.stdout, result.stderr), (GRADED, ""))
        subprocess.run(["runc", "--root", self.runtime.state, "kill", name, "TERM"], check=True, timeout=50)
        self.assertEqual((process.wait(20), process.stderr.read()), (0, b""))


class Page(studentfs.TestCase):
    """docs/inginious.md and the tests are of one mind."""

    mount_options = None

    def setUp(self):
        super().setUp()
        self.text = (DOCS / "inginious.md").read_text()

    def test_the_tests_that_it_names(self):
        named = re.findall(r"`(Obstacle|Way|TwoContainers|Runtime|Image) (\w+)`", self.text)
        self.assertGreater(len(named), 15)
        for name, test in named:
            self.assertTrue(hasattr(globals()[name], f"test_{test}"), f"{name} {test}")

    def test_the_messages_that_it_quotes(self):
        source = (studentfs.TOP / "fs/obstacle.c").read_text()
        said = re.findall(r'"((?:[^"\\]|\\.)*)"', re.sub(r'"\n *"', "", source))
        for message in (text for text in said if " " in text):
            self.assertTrue(message in self.text, message)

    def test_the_grader_that_it_shows(self):
        for line in RUN.splitlines()[:-1]:
            self.assertIn(f"    {line}\n", self.text)


class Runtime(Case):
    """studentfs-runc."""

    def test_a_student_s_container_is_left_alone(self):
        root, mounts = self.runtime.machine()
        config = runc.configuration(root, ["sh", "-c", "ls /dev/fuse /mnt/students; unshare -r true"], mounts)
        for way in ("--device", "--host"):
            status, out, err = self.runtime.run(config, runtime=(STUDENTFS_RUNC, way))
            self.assertEqual((status, out), (1, ""))
            self.assertEqual(err, "ls: cannot access '/dev/fuse': No such file or directory\n"
                                  "ls: cannot access '/mnt/students': No such file or directory\n"
                                  "unshare: unshare failed: Operation not permitted\n")


if __name__ == "__main__":
    studentfs.main()
