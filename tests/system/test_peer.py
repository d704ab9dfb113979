"""`peer`: two runs wired together, as by two pipes."""

import errno
import os
import pathlib

import studentfs
from test_access import ALICE, BOB, as_user

# What lies on the way when nobody reads: a pipe on each side, and what the daemon keeps.
ON_THE_WAY_MAX = (1 << 20) * 2 + (64 << 10) * 2

JUDGE = """
import sys
low, high, secret, tries = 1, 1000, 687, 0
print("guess 1 1000", flush=True)
for line in sys.stdin:
    guess = int(line)
    tries += 1
    print("higher" if guess < secret else "lower" if guess > secret else "right", flush=True)
    if guess == secret:
        break
print(tries, file=sys.stderr)
sys.exit(0 if tries <= 10 else 1)
"""

PLAYER = """
_, low, high = input().split()
low, high = int(low), int(high)
while True:
    guess = (low + high) // 2
    print(guess, flush=True)
    answer = input()
    if answer == "right":
        break
    low, high = (guess + 1, high) if answer == "higher" else (low, guess - 1)
"""


class Peers(studentfs.TestCase):
    def pair(self, one=None, other=None, **settings):
        """Wired; those with a command are started."""
        runs = self.mount.make(), self.mount.make()
        self.addCleanup(lambda: [run.remove() for run in runs if os.path.exists(run.path)])
        for name, value in settings.items():
            runs[0].write(name, value)
        runs[0].write("peer", runs[1].name)
        for run, command in zip(runs, (one, other)):
            if command:
                run.write("cmd", command)
        return runs

    def play(self, first):
        (self.mount.student / "judge.py").write_text(JUDGE)
        (self.mount.student / "player.py").write_text(PLAYER)
        judge, player = runs = self.pair()
        commands = "python3 student/judge.py", "python3 student/player.py"
        runs[first].write("cmd", commands[first])
        runs[first].wait_for("running")
        runs[1 - first].write("cmd", commands[1 - first])
        self.assertEqual((judge.retval(), player.retval()), (0, 0))
        said, guessed = judge.text("stdout"), player.text("stdout")
        self.assertEqual(said.splitlines()[0], "guess 1 1000")
        self.assertTrue(said.endswith("right\n") and guessed.endswith("687\n"))
        self.assertEqual(judge.text("stderr"), f"{len(guessed.splitlines())}\n")
        # Each side's transcript has both.
        for run, ours, theirs in ((judge, said, guessed), (player, guessed, said)):
            lines = [line.split(" ", 2)[1:] for line in run.text("transcript").splitlines()]
            for way, text in (("stdout", ours), ("stdin", theirs)):
                self.assertEqual("".join(words[1] for words in lines if words[0] == way), text.replace("\n", "\\n"))
            self.assertEqual(run.usage()["stdin_bytes"], len(theirs))

    def test_a_game_in_either_order(self):
        for first in (0, 1):
            with self.subTest(first=first):
                self.play(first)

    def test_both_tell_it(self):
        one, other = self.pair()
        self.assertEqual((one.text("peer"), other.text("peer")), (other.name + "\n", one.name + "\n"))
        self.assertEqual(one.status()["peer"], other.name)
        self.assertIn("(open)", one.status()["stdin"])
        other.remove()
        self.assertEqual(one.text("peer"), other.name + "\n")
        self.assertEqual(self.mount.make().text("peer"), "\n")

    def test_the_end_is_an_end(self):
        one, other = self.pair("echo hello", "sh -c 'cat >&2'")
        self.assertEqual((other.retval(), other.text("stderr")), (0, "hello\n"))
        self.assertEqual(one.retval(), 0)

    def test_a_closed_output_is_an_end_though_it_goes_on(self):
        one, other = self.pair("sh -c 'echo last; exec >&-; cat >&2'", "sh -c 'cat >&2; echo answer'")
        self.assertEqual((one.retval(), one.text("stderr")), (0, "answer\n"))
        self.assertEqual((other.retval(), other.text("stderr")), (0, "last\n"))

    def test_sigpipe(self):
        one, other = self.pair("yes", "sh -c 'head -n 1 >&2'")
        self.assert_ended(one, 128 + 13, "signal")
        self.assertEqual((other.retval(), other.text("stderr")), (0, "y\n"))
        # head closes its input before it writes: who is to read what it says must be there still.
        one, other = self.pair("sh -c 'yes; echo $? >&2; cat >&2'", "head -n 1")
        self.assertEqual((one.retval(), one.text("stderr")), (0, "141\ny\n"))
        self.assertEqual((other.retval(), other.text("stdout")), (0, "y\n"))

    def test_a_closed_input_is_an_error_though_it_goes_on(self):
        one, other = self.pair("python3 -c 'import sys, os, signal; signal.signal(signal.SIGPIPE, signal.SIG_IGN)\n"
                               "input()\n"
                               "try: os.write(1, b\"x\")\nexcept BrokenPipeError: print(\"broken\", file=sys.stderr)\n"
                               "print(input(), file=sys.stderr)'",
                               "sh -c 'exec <&-; echo closed; sleep 0.2; echo more'")
        self.assertEqual((one.retval(), one.text("stderr")), (0, "broken\nmore\n"))
        self.assertEqual(other.retval(), 0)

    def test_killed_by_a_limit(self):
        one, other = self.pair("sh -c 'while :; do :; done'", "cat", time_limit=1, hard_time_limit=50)
        self.assert_ended(one, 253, "cpu_time")
        self.assert_ended(other, 0, "exited")

    def test_what_is_not_recorded_is_passed_on_all_the_same(self):
        one, other = self.pair("head -c 3000000 /dev/zero", "sh -c 'wc -c >&2'", output_limit=10)
        self.assertEqual(other.retval(), 0)
        self.assertEqual((one.status()["stdout"], other.text("stderr")), ("10 (truncated)", "3000000\n"))

    def test_much_both_ways(self):
        size = 5_000_000 if studentfs.SANITIZED else 20_000_000
        command = f"sh -c 'head -c {size} /dev/zero & head -c {size} | wc -c >&2; wait'"
        one, other = self.pair(command, command, output_limit=1000)
        other.retval()
        self.assertEqual((one.retval(), one.text("stderr"), other.text("stderr")), (0, f"{size}\n", f"{size}\n"))

    def test_one_that_is_stuck_blocks_the_other_and_nobody_else(self):
        one, other = self.pair("sh -c 'yes; true'", "sleep 1000")

        studentfs.eventually(lambda: self.is_still(one), 20, "the writer is blocked")
        self.assertLessEqual(one.usage()["stdout_bytes"], ON_THE_WAY_MAX)
        # The daemon does not spin on it, and works.
        stat = pathlib.Path(f"/proc/{self.mount.daemon[0]}/stat")
        before = stat.read_text().rsplit(") ", 1)[1].split()[11:13]
        self.assertEqual(self.mount.run("echo works").text("stdout"), "works\n")
        third = self.mount.run("sleep 0.5")
        third.retval()
        after = stat.read_text().rsplit(") ", 1)[1].split()[11:13]
        self.assertLess(sum(map(int, after)) - sum(map(int, before)), 25, "ticks of 10 ms")
        other.write("signal", "KILL")
        self.assertEqual((one.retval(), other.retval()), (0, 137))

    def is_still(self, run):
        size = run.usage()["stdout_bytes"]
        if size == 0:
            return False
        self.mount.run("sleep 0.1").retval()
        return run.usage()["stdout_bytes"] == size

    def test_stuck_with_its_output_closed(self):
        """The end of an output that is held up is told when it has gone through."""
        one, other = self.pair("sh -c 'head -c 2000000 /dev/zero; exec >&-; sleep 1000'", "sh -c 'sleep 0.3; wc -c'")
        self.assertEqual((other.text("stdout"), other.retval()), ("2000000\n", 0))
        self.assertEqual(one.state(), "running")

    def test_what_waits_for_the_other_s_start_is_bounded(self):
        one, other = self.pair("sh -c 'yes; cat >&2'")
        studentfs.eventually(lambda: self.is_still(one), 20, "the writer is blocked")
        self.assertLessEqual(one.usage()["stdout_bytes"], ON_THE_WAY_MAX)
        other.write("cmd", "head -c 4")
        self.assertEqual((other.retval(), other.text("stdout"), one.retval()), (0, "y\ny\n", 0))

    def test_the_grader_may_write_as_well(self):
        one, other = self.pair("cat", "sh -c 'read a; read b; echo $a $b >&2'")
        with open(other.file("stdin"), "wb", buffering=0) as stdin:
            stdin.write(b"from the grader\n")
            one.write("stdin", "through the peer")
        self.assertEqual(other.retval(), 0)
        self.assertEqual(sorted(other.text("stderr").split()), sorted("from the grader through the peer".split()))
        self.assertEqual(one.retval(), 0)

    def test_round_and_round_until_removed(self):
        one, other = self.pair("cat", "cat")
        one.write("stdin", "x")
        studentfs.eventually(lambda: one.usage()["stdout_bytes"] > 2000)
        one.remove()
        self.assertIn(other.retval(), (0, 128 + 13))
        other.remove()

    def test_removed_before_the_start(self):
        one, other = self.pair()
        one.remove()
        other.write("cmd", "sh -c 'cat >&2; echo end >&2; echo x'")
        self.assert_ended(other, 128 + 13, "signal")
        self.assertEqual((other.text("stdout"), other.text("stderr")), ("", "end\n"))

    def test_that_cannot_start(self):
        one, other = self.pair(None, "cat")
        one.write("container", "nowhere")
        one.write("cmd", "echo x")
        self.assertEqual((one.retval(), other.retval()), (254, 0))

    def test_fused_streams(self):
        one, other = self.pair("sh -c 'echo a; echo b >&2'", "sh -c 'cat >&2'", stdout_err_fuse=1)
        self.assertEqual((other.retval(), other.text("stderr")), (0, "a\nb\n"))

    def test_manual_end(self):
        one, other = self.mount.make(), self.mount.make()
        other.write("stdin_eof", "manual")
        one.write("peer", other.name)
        one.start("echo x", stdin=None)
        other.start("sh -c 'cat >&2'", stdin=None)
        self.assertEqual(one.retval(), 0)
        with open(other.file("stderr"), "rb", buffering=0) as file:
            self.assertEqual(file.read(10), b"x\n")
        self.assertEqual(other.state(), "running")
        other.write("stdin_eof", "now")
        self.assertEqual(other.retval(), 0)

    def test_mistakes(self):
        run, other, third = (self.mount.make() for _ in range(3))
        self.assert_errno(errno.ENOENT, run.write, "peer", "nobody")
        self.assert_errno(errno.EINVAL, run.write, "peer", run.name)
        self.assert_errno(errno.EINVAL, run.write, "peer", "")
        self.assert_errno(errno.EINVAL, run.write, "peer", b"a\0b")
        self.assert_errno(errno.ENAMETOOLONG, run.write, "peer", "x" * 300)
        run.write("peer", other.name)
        for a, b in ((run, third), (third, run), (third, other), (run, other), (other, run)):
            self.assert_errno(errno.EISCONN, a.write, "peer", b.name)
        third.start("sleep 1000")
        fourth = self.mount.make()
        self.assert_errno(errno.EBUSY, fourth.write, "peer", third.name)
        self.assert_errno(errno.EBUSY, third.write, "peer", fourth.name)
        self.assertEqual(fourth.text("peer"), "\n")
        for one in (run, other, third, fourth):
            one.remove()

    def test_many_pairs(self):
        pairs = [self.pair("sh -c 'for n in 1 2 3 4 5; do echo $n; read x; done'", "cat") for _ in range(20)]
        for one, other in pairs:
            self.assertEqual((one.retval(), other.retval(), other.text("stdout")), (0, 0, "1\n2\n3\n4\n5\n"))


class Strangers(studentfs.TestCase):
    mount_options = ("-o", "allow_other")

    def test_another_user_s_run(self):
        alices = studentfs.Run(self.mount.path("alices"))
        bobs = studentfs.Run(self.mount.path("bobs"))
        as_user(ALICE, lambda: os.mkdir(alices.path, 0o755))
        as_user(BOB, lambda: os.mkdir(bobs.path, 0o755))
        as_user(BOB, lambda: self.assert_errno(errno.EACCES, bobs.write, "peer", "alices"))
        as_user(ALICE, lambda: os.chmod(alices.path, 0o777))
        os.chmod(alices.path, 0o777)
        as_user(BOB, lambda: bobs.write("peer", "alices"))
        self.assertEqual(alices.text("peer"), "bobs\n")
        alices.remove()
        bobs.remove()


if __name__ == "__main__":
    studentfs.main()
