"""The kernel checks access: a run belongs to whoever made it."""

import contextlib
import errno
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import traceback

import studentfs

ALICE, BOB = 61001, 61002
READ_ONLY = ("stdout", "stderr", "transcript", "retval", "status", "usage")
WRITE_ONLY = ("stdin", "signal")


def as_user(uid, function, umask=0o022, groups=()):
    """Calls it in a child with that uid and gid and those other groups; what it raises is told."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        text = ""
        try:
            os.setgroups(groups)
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.umask(umask)
            function()
        except BaseException:
            text = traceback.format_exc()
        os.write(writer, text.encode()[-60_000:])
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read().decode()
    os.waitpid(pid, 0)
    if text:
        raise AssertionError(f"as uid {uid}: {text}")


class Access(studentfs.TestCase):
    mount_options = ("-o", "allow_other")

    def refused(self, function, *arguments):
        self.assert_errno(errno.EACCES, function, *arguments)

    def test_a_user_s_whole_run(self):
        def whole():
            run = studentfs.Run(self.mount.path("alices"))
            os.mkdir(run.path)
            run.start("sh -c 'cat; exit 4'", stdin=b"input")
            self.assertEqual((run.text("stdout"), run.retval()), ("input", 4))
            run.remove()

        as_user(ALICE, whole)

    def test_owner_and_modes(self):
        for mode, umask in ((0o755, 0o022), (0o777, 0o077), (0o777, 0), (0o770, 0o007), (0o700, 0o022)):
            with self.subTest(mode=oct(mode), umask=oct(umask)):
                path = self.mount.path("modes")
                as_user(ALICE, lambda m=mode: os.mkdir(path, m), umask)
                found = os.stat(path)
                kept = mode & ~umask
                self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)), (ALICE, ALICE, kept))
                for name in os.listdir(path):
                    found = os.stat(os.path.join(path, name))
                    good_for = 0o400 if name == "ssh_login" else 0o444 if name in READ_ONLY else 0o222 if name in WRITE_ONLY else 0o666
                    self.assertEqual((found.st_uid, stat.S_IMODE(found.st_mode)), (ALICE, kept & good_for), name)
                studentfs.Run(path).remove()

    def test_new_belongs_to_its_reader(self):
        def make():
            with open(self.mount.path("new"), encoding="ascii") as file:
                name = file.read().strip()
            found = os.stat(self.mount.path(name))
            self.assertEqual((found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)), (ALICE, ALICE, 0o750))
            studentfs.Run(self.mount.path(name)).remove()

        as_user(ALICE, make, 0o027)

    @contextlib.contextmanager
    def run_of_alice(self, mode=0o700, command="cat"):
        run = studentfs.Run(self.mount.path("private"))

        def make():
            os.mkdir(run.path, mode)
            run.write("cmd", command)

        as_user(ALICE, make, 0)
        try:
            yield run
        finally:
            run.remove()

    def test_others_see_nothing_of_a_private_one(self):
        with self.run_of_alice() as run:
            def look():
                self.assertIn(run.name, os.listdir(self.mount.point))
                self.refused(os.listdir, run.path)
                for name in ("cmd", "status", "stdout"):
                    self.refused(run.read, name)
                for name in ("stdin", "signal", "cmd"):
                    self.refused(run.write, name, "9")
                self.refused(os.unlink, run.file("cmd"))
                # The top is sticky: a run is removed by its owner only.
                self.assertRaises(PermissionError, os.rmdir, run.path)
                self.assertRaises(PermissionError, os.chmod, run.path, 0o777)
                self.assertRaises(PermissionError, os.chown, run.path, BOB, BOB)

            as_user(BOB, look)
            self.assertIn(run.state(), ("starting", "running"))

    def test_readable_for_others_is_not_writable(self):
        with self.run_of_alice(0o755) as run:
            def look():
                self.assertIn("state: ", run.text("status"))
                for name in ("stdin", "signal"):
                    self.refused(run.write, name, "9")
                self.refused(os.unlink, run.file("cmd"))

            as_user(BOB, look)

    def test_chmod_shares_it(self):
        with self.run_of_alice() as run:
            as_user(ALICE, lambda: os.chmod(run.path, 0o777))
            self.assertEqual(stat.S_IMODE(os.stat(run.file("cmd")).st_mode), 0o666)

            def use():
                run.write("stdin", "from bob")
                self.assertEqual(run.text("stdout"), "from bob\n")
                self.assertEqual(run.retval(), 0)

            as_user(BOB, use)
            as_user(ALICE, lambda: os.chmod(run.path, 0o700))
            as_user(BOB, lambda: self.refused(run.read, "retval"))

    def test_chmod_of_an_ended_one_reaches_its_files(self):
        """What the kernel has kept of the files' attributes is not believed any more."""
        with self.run_of_alice(command="true") as run:
            self.assertEqual(run.retval(), 0)
            for name in os.listdir(run.path):
                os.stat(run.file(name))
            os.chmod(run.path, 0o755)
            as_user(BOB, lambda: self.assertEqual(run.retval(), 0))
            self.assertEqual(stat.S_IMODE(os.stat(run.file("cmd")).st_mode), 0o644)
            os.chown(run.path, BOB, BOB)
            self.assertEqual(os.stat(run.file("stdout")).st_uid, BOB)
            os.chmod(run.path, 0o700)
            as_user(BOB, lambda: self.assertEqual(run.retval(), 0))
            as_user(ALICE, lambda: self.refused(run.retval))

    def test_chown_gives_it_away(self):
        with self.run_of_alice() as run:
            os.chown(run.path, BOB, BOB)
            as_user(ALICE, lambda: self.refused(run.read, "status"))
            as_user(BOB, lambda: run.write("stdin", "mine"))
            as_user(BOB, lambda: self.assertEqual(run.text("stdout"), "mine\n"))
            self.assertEqual((os.stat(run.path).st_uid, os.stat(run.file("cmd")).st_gid), (BOB, BOB))

    def test_a_group_shares_it(self):
        """As POSIX has it: the owner gives it to a group of his, and to no other."""
        group, foreign = 61003, 61004
        with self.run_of_alice() as run:
            def give():
                os.chown(run.path, -1, group)
                os.chmod(run.path, 0o770)
                self.assertRaises(PermissionError, os.chown, run.path, -1, foreign)
                self.assertRaises(PermissionError, os.chown, run.path, BOB, -1)

            as_user(ALICE, give, groups=[group])
            as_user(BOB, lambda: self.refused(run.read, "status"), groups=[foreign])

            def use():
                run.write("stdin", "from the group")
                self.assertEqual((run.text("stdout"), run.retval()), ("from the group\n", 0))
                # Only the owner removes it: the top is sticky.
                self.assertRaises(PermissionError, os.rmdir, run.path)

            as_user(BOB, use, groups=[group])

    def test_root_may_everything(self):
        with self.run_of_alice() as run:
            os.chmod(run.path, 0)
            as_user(ALICE, lambda: self.refused(run.read, "status"))
            run.write("stdin", "root")
            self.assertEqual(run.text("stdout"), "root\n")

    def test_a_handle_stays_good(self):
        with self.run_of_alice(0o755) as run:
            with open(run.file("stdout"), "rb") as file:
                os.chmod(run.path, 0o700)
                run.write("stdin", "x")
                self.assertEqual(file.read(), b"x\n")

    def test_the_top(self):
        found = os.stat(self.mount.point)
        self.assertEqual((found.st_uid, stat.S_IMODE(found.st_mode)), (0, 0o1777))
        self.assertEqual(os.readlink(self.mount.path("task")), str(self.mount.task))
        for name in ("README", "new"):
            self.assertEqual(stat.S_IMODE(os.stat(self.mount.path(name)).st_mode), 0o444)

    def test_inode_numbers_are_never_used_again(self):
        seen = set()
        for _ in range(20):
            run = self.mount.make("inode")
            numbers = {os.stat(run.path).st_ino} | {os.stat(run.file(n)).st_ino for n in os.listdir(run.path)}
            self.assertFalse(numbers & seen)
            seen |= numbers
            run.remove()


class Alone(studentfs.TestCase):
    """Without allow_other nobody but the mounting user gets in."""

    def test_others_are_kept_out(self):
        as_user(BOB, lambda: self.assert_errno(errno.EACCES, os.listdir, self.mount.point))
        self.mount.make().remove()


# As an ordinary user, with a /dev/fuse of its own that everybody may open: the machine's is
# left alone.
ORDINARY = r"""
set -e
mknod -m 0666 "$1/fuse" c 10 229
mount --bind "$1/fuse" /dev/fuse
shift
exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=+all env -i PATH="$PATH" "$@"
"""


class Ordinary(studentfs.TestCase):
    mount_options = None

    def test_the_whole_job_as_an_ordinary_user(self):
        base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, base, True)
        for name in ("mnt", "run", "task", "task/student", "bin"):
            (base / name).mkdir()
            os.chown(base / name, 65534, 65534)
        base.chmod(0o755)
        (base / "run").chmod(0o700)
        # The build may lie where only root gets to.
        for program in os.listdir(studentfs.BIN):
            if program.startswith("student"):
                shutil.copy(studentfs.BIN / program, base / "bin")
        script = base / "script"
        script.write_text(f"""
            trap 'fusermount3 -u {base}/mnt || fusermount3 -uz {base}/mnt' EXIT
            set -e
            cd {base}
            bin/studentfs --task task mnt
            mkdir mnt/t1
            echo "sh -c 'id -u; cat; exit 3'" > mnt/t1/cmd
            echo input > mnt/t1/stdin
            cat mnt/t1/stdout mnt/t1/stderr mnt/t1/retval
            grep -E '^(termination|reason)' mnt/t1/status
            rm -r mnt/t1
            mkdir mnt/t2
            echo 1 > mnt/t2/time_limit
            echo "sh -c 'while :; do :; done'" > mnt/t2/cmd
            cat mnt/t2/retval
            rm -r mnt/t2
            mkdir mnt/t3
            echo 1 > mnt/t3/start_student_as_root
            echo "sh -c 'id -u; stat -c %u student'" > mnt/t3/cmd
            cat mnt/t3/stdout mnt/t3/retval
            rm -r mnt/t3
            mkdir mnt/t4
            echo cat > mnt/t4/cmd
            until grep waiting mnt/t4/status || [ $((tries += 1)) -gt 200 ]; do sleep 0.05; done
            rm -r mnt/t4
        """)
        result = subprocess.run(
            [*studentfs.OWN_MOUNTS, "sh", "-c", ORDINARY, "sh", base,
             f"XDG_RUNTIME_DIR={base}/run", "sh", script],
            capture_output=True, text=True, timeout=50, check=False)
        if "/dev/fuse" in result.stderr and "Operation not permitted" in result.stderr:
            self.skipTest(f"an ordinary user cannot mount here: {result.stderr.strip()}")
        self.assertEqual(result.stdout, "4242\ninput\n3\ntermination: exited\n253\n0\n0\n0\nwaiting: stdin\n")
        # What he has no control groups for is said, and nothing else.
        for said in result.stderr.splitlines():
            self.assertRegex(said, "^studentfs-agent: no control group for (memory|processes|CPU time): ")
        studentfs.eventually(lambda: not list((base / "run").iterdir()), what="the private directory's end")
        studentfs.eventually(
            lambda: not [pid for pid in studentfs.process_table()
                         if any(word.startswith(str(base)) for word in studentfs.command_line(pid))])


if __name__ == "__main__":
    studentfs.main()
