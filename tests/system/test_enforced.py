"""Which limits hold is said; where one cannot be enforced nothing runs with --strict."""

import pathlib
import shutil
import subprocess
import tempfile

import studentfs

CGROUPS = "$(sed -nE 's/^[^ ]+ ([^ ]+) cgroup2? .*/\\1/p' /proc/self/mounts)"
# What a machine may be like, made in a mount namespace of its own.
AS_IT_IS = ""
READ_ONLY = f'for at in {CGROUPS}; do mount -o remount,bind,ro "$at"; done'
NONE = f'for at in {CGROUPS}; do umount -l "$at"; done'


class Enforced(studentfs.TestCase):
    mount_options = None

    def job(self, machine, text, *options, status=0):
        """A mount, and a script in it, on such a machine: what it printed, and what studentfs said."""
        base = pathlib.Path(tempfile.mkdtemp(prefix="studentfs-test-"))
        self.addCleanup(shutil.rmtree, base, True)
        for name in ("mnt", "run", "task"):
            (base / name).mkdir()
        (base / "run").chmod(0o700)
        base.chmod(0o755)
        script = f"""
            {machine}
            set -e
            cd {base}
            trap 'fusermount3 -u {base}/mnt || fusermount3 -uz {base}/mnt' EXIT
            {studentfs.BIN}/studentfs --task task {' '.join(options)} mnt
            cd mnt
            {text}
            rm -r t?
            cd {base}
        """
        result = subprocess.run([*studentfs.OWN_MOUNTS, "sh", "-c", script],
                                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XDG_RUNTIME_DIR": f"{base}/run"},
                                capture_output=True, text=True, timeout=100, check=False)
        self.assertEqual(result.returncode, status, result)
        return result.stdout.splitlines(), result.stderr

    TRUE = "mkdir t1; echo true > t1/cmd; cat t1/retval; grep -E '^(termination|reason|enforced)' t1/status"

    def test_as_it_is(self):
        lines, said = self.job(AS_IT_IS, self.TRUE, "--strict")
        self.assertEqual(lines, ["0", "termination: exited", "enforced: cpu wall memory processes"])
        self.assertEqual(said, "")

    def test_read_only(self):
        lines, said = self.job(READ_ONLY, self.TRUE)
        self.assertEqual(lines, ["0", "termination: exited", "enforced: wall"])
        for what in ("memory", "processes", "CPU time"):
            self.assertRegex(said, f"no control group for {what}: .*mounted read-only")

    def test_none(self):
        lines, said = self.job(NONE, self.TRUE)
        self.assertEqual(lines, ["0", "termination: exited", "enforced: wall"])
        for what in ("memory", "processes", "CPU time"):
            self.assertRegex(said, f"no control group for {what}: .*no control groups are mounted")

    def test_strict(self):
        for machine, why in ((READ_ONLY, "mounted read-only"), (NONE, "no control groups are mounted")):
            with self.subTest(why=why):
                lines, _ = self.job(machine, self.TRUE, "--strict")
                self.assertEqual(lines[:2], ["251", "termination: unavailable"])
                for what in ("memory", "processes", "cpu"):
                    self.assertRegex(lines[2], f"^reason: .*{what}: [^;]*{why}")
                self.assertEqual(len(lines), 3)  # nothing ran, so nothing is enforced

    def test_in_a_user_namespace_processes_are_counted(self):
        lines, _ = self.job(NONE, "mkdir t1; echo 1 > t1/start_student_as_root; echo true > t1/cmd; cat t1/retval;"
                            "grep enforced t1/status")
        self.assertEqual(lines, ["0", "enforced: wall processes"])

    def test_what_is_bounded_all_the_same(self):
        """Each process by its rlimits, and the wall clock."""
        lines, _ = self.job(NONE, """
            mkdir t1 t2 t3
            echo 64 > t1/memory_limit
            echo "sh -c 'head -c 200M /dev/zero | tail -c 200M | wc -c'" > t1/cmd
            cat t1/stdout
            echo 1 > t2/time_limit
            echo "sh -c 'while :; do :; done'" > t2/cmd
            cat t2/retval
            echo 1 > t3/hard_time_limit
            echo "sleep 100" > t3/cmd
            cat t3/retval
        """)
        self.assertEqual(lines, ["0", "253", "253"])

    def test_processes_are_bounded_with_those_of_others(self):
        """Of the same user, whoever started them: few may be left of the ten, or none."""
        lines, _ = self.job(NONE, """
            mkdir t1
            echo "sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 9 & done; echo all'" > t1/cmd
            cat t1/stdout; cat t1/retval
        """, "--process-limit", "10")
        self.assertEqual(len(lines), 1)
        self.assertNotEqual(lines, ["0"])

    def test_strict_is_not_for_another_s_agent(self):
        result = subprocess.run([studentfs.BIN / "studentfs", "--strict", "--sockets", "/tmp", "/mnt"],
                                capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("--strict", result.stderr)


if __name__ == "__main__":
    studentfs.main()
