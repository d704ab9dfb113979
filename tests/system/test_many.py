"""Many runs: at the same time, each with its own output; and one after the other, with
nothing that grows."""

import os
import pathlib
import subprocess
import threading

import studentfs

AT_ONCE = 200
PREPARED = 4
IN_TURN = 400 if studentfs.SANITIZED else 2000
WARM_UP = 200
# Allocators and caches settle; a leak of one block per run would be more.
RSS_SLACK = 4 << 20


class Many(studentfs.TestCase):
    mount_options = None
    seconds = 280

    def test_200_at_the_same_time(self):
        mount = self.own_mount("--hard-time-limit", "240", "--time-limit", "100")
        runs = [mount.make() for _ in range(AT_ONCE)]
        for n, run in enumerate(runs):
            run.write("cmd", f"sh -c 'read x; echo {n} $x; echo err {n} >&2; exit {n % 251}'")
        # All wait for their input now: they are there at the same time.
        for run in runs:
            run.wait_for("running", 200)
        for n, run in enumerate(runs):
            run.write("stdin", f"input {n}")
        wrong = []
        for n, run in enumerate(runs):
            found = (run.text("stdout"), run.text("stderr"), run.retval())
            if found != (f"{n} input {n}\n", f"err {n}\n", n % 251):
                wrong.append((n, found, run.status()))
        self.assertEqual(wrong, [])
        self.assertEqual(len({run.status()["container_id"] for run in runs}), AT_ONCE)
        for run in runs:
            run.remove()

    def test_200_with_a_grader_each(self):
        mount = self.own_mount("--hard-time-limit", "240", "--time-limit", "100")
        wrong = []

        def grade(n):
            run = mount.run("python3 -c 'import sys; print(sum(map(int, sys.stdin)))'",
                            stdin="".join(f"{i}\n" for i in range(n)).encode())
            found = (run.text("stdout"), run.retval())
            if found != (f"{sum(range(n))}\n", 0):
                wrong.append((n, found, run.status()))
            run.remove()

        threads = [threading.Thread(target=grade, args=(n,), daemon=True) for n in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def measure(self, mount):
        """What must not grow, of everything that belongs to the mount but idle sandboxes."""
        found = {}
        agent = mount.agent()
        for pid, _ in studentfs.descendants(mount.daemon[0]):
            name = studentfs.program_of(pid)
            if name in ("studentfs", "studentfs-agent"):
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                found[f"{name} {pid} rss"] = int(status.split("VmRSS:")[1].split()[0]) << 10
                found[f"{name} {pid} descriptors"] = len(os.listdir(f"/proc/{pid}/fd"))
                found[f"{name} {pid} mounts"] = len(
                    pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
        found["processes"] = len(studentfs.descendants(mount.daemon[0]))
        found["cgroups"] = sum(len(next(os.walk(path))[1]) for path in studentfs.cgroups_of_agent(agent[0]))
        found["files"] = len(studentfs.files_below(mount.runtime))
        return found

    def test_2000_one_after_the_other(self):
        mount = self.own_mount("--pool", str(PREPARED), "--pool-max", str(PREPARED))

        def one(n):
            run = mount.make("again")
            run.write("cmd", f"echo {n}")
            assert run.text("stdout") == f"{n}\n", run.text("status")
            assert run.retval() == 0
            run.remove()

        for n in range(WARM_UP):
            one(n)
        # One that is being made has less than it will.
        studentfs.eventually(lambda: sum(studentfs.program_of(pid) == "student-init"
                                         for pid, _ in studentfs.descendants(mount.daemon[0])) == PREPARED,
                             what="prepared sandboxes")
        before = self.measure(mount)
        for n in range(IN_TURN):
            one(n)

        def growth():
            after = self.measure(mount)
            return {key: (before.get(key), value) for key, value in after.items()
                    if value > before.get(key, 0) + (RSS_SLACK if key.endswith("rss") else 0)}

        # Sandboxes that end and are made again come and go.
        try:
            studentfs.eventually(lambda: not growth(), 20)
        except AssertionError:
            self.fail(f"grown after {IN_TURN} runs: {growth()}")

    def test_100000_made_and_removed(self):
        mount = self.own_mount()
        stays = [mount.make() for _ in range(50)]

        def some(count):
            """Two at a time, the older one removed first, as many graders' come and go."""
            for _ in range(count // 2):
                os.mkdir(mount.path("one"))
                os.mkdir(mount.path("other"))
                os.rmdir(mount.path("one"))
                os.rmdir(mount.path("other"))

        some(5000)
        before = self.measure(mount)
        some(10_000 if studentfs.SANITIZED else 100_000)
        after = self.measure(mount)
        for key, value in before.items():
            if key.startswith("studentfs ") and not key.endswith("mounts"):
                self.assertLessEqual(after[key], value + ((1 << 20) if key.endswith("rss") else 0), key)
        self.assertLessEqual({run.name for run in stays}, set(os.listdir(mount.point)))

    def test_listing_10000_while_they_come_and_go(self):
        """Each that stays is listed once; the kernel asks for a page at a time."""
        mount = self.own_mount()
        stays = {f"stays{n}" for n in range(10_000)}
        goes = [f"goes{n}" for n in range(500)]
        for n, name in enumerate(sorted(stays)):
            os.mkdir(mount.path(name))
            if n % 20 == 0:
                os.mkdir(mount.path(goes[n // 20]))
        listed = []
        with os.scandir(mount.point) as entries:
            for entry in entries:
                listed.append(entry.name)
                if len(listed) % 25 == 0 and goes:
                    os.rmdir(mount.path(goes.pop()))
                    os.mkdir(mount.path(f"comes{len(goes)}"))
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(stays - set(listed), set())
        self.assertEqual(len(subprocess.run(["ls", "-l", mount.point], capture_output=True, timeout=60, check=True)
                             .stdout.splitlines()), 1 + len(os.listdir(mount.point)))
        with open(mount.path("runs"), encoding="utf-8") as file:
            self.assertEqual(len(file.readlines()), 1 + 10_500)

    def test_1000_new_ones(self):
        """Runs that never start cost a few kilobytes each and vanish."""
        mount = self.own_mount()
        runs = [mount.make() for _ in range(1000)]
        self.assertGreaterEqual(len(os.listdir(mount.point)), 1003)
        for run in runs:
            os.rmdir(run.path)
        self.assertEqual(sorted(os.listdir(mount.point)), ["README", "defaults", "events", "metrics", "new", "runs", "task"])


if __name__ == "__main__":
    studentfs.main()
