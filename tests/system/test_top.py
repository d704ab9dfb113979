"""studentfs-top: on a terminal, and into a pipe."""

import subprocess

import studentfs
import terminal

TOP = studentfs.BIN / "studentfs-top"


class Once(studentfs.TestCase):
    def top(self, *arguments, **more):
        return subprocess.run([TOP, *arguments], capture_output=True, text=True, timeout=30, check=False,
                              stdin=subprocess.DEVNULL, **more)

    def names(self, *arguments, **more):
        result = self.top(*arguments, **more)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        heading, *rows = result.stdout.splitlines()
        self.assertEqual(heading.split(), ["NAME", "STATE", "RETVAL", "CPU", "WALL", "MEMORY", "COMMAND"])
        return [row.split()[0] for row in rows]

    def make(self, **commands):
        for name, command in commands.items():
            run = self.mount.make(name)
            self.addCleanup(run.remove)
            if command:
                run.start(command)
                self.assertEqual(run.retval(), 0 if command != "sh -c 'exit 3'" else 3)

    def test_in_order(self):
        self.make(b="true", c="sh -c 'exit 3'", a="")
        self.assertEqual(self.names(self.mount.point), ["b", "c", "a"])
        self.assertEqual(self.names(self.mount.point, "-r"), ["a", "c", "b"])
        self.assertEqual(self.names("--sort", "retval", self.mount.point), ["c", "b", "a"])
        self.assertEqual(self.names("-s", "name", self.mount.point, "a", "c"), ["a", "c"])
        self.assertEqual(self.names(cwd=self.mount.point), ["b", "c", "a"])

    def test_a_name_is_one_line_and_no_command_of_a_terminal(self):
        self.make(**{"x\nforged new 0 0 0 0\x1b[2J": ""})
        self.assertEqual(self.names(self.mount.point)[0][:9], "x\\nforged")
        self.assertEqual(len(self.names(self.mount.point)), 1)
        self.assertNotIn("\x1b", self.top(self.mount.point).stdout)

    def test_mistakes(self):
        for arguments, words in ((["--sort", "age"], "no column"), (["-d", "0"], "seconds"), (["-d", "x"], "seconds"),
                                 ([self.mount.base], "is a studentfs mounted there?")):
            with self.subTest(arguments=arguments):
                result = self.top(*arguments)
                self.assertEqual((result.returncode, result.stdout), (1, ""))
                self.assertIn(words, result.stderr)


class Live(terminal.TestCase):
    def setUp(self):
        super().setUp()
        self.watch(self.mount)

    def watch(self, mount):
        """A terminal of its own with studentfs-top on it."""
        self.open_terminal(mount, f"exec {TOP} -d 0.1 {mount.point} 2> {mount.base}/words", width=110, height=12)

    def order(self):
        return [line.split()[0] for line in self.lines()[2:-1] if line]

    def test_runs_come_change_and_go(self):
        self.shows("0 runs, 0 running", "NAME", "q quit")
        run = self.mount.make("gr\u00fcn")
        self.shows("gr\u00fcn", "new")
        run.write("cmd", "sleep 1000")
        self.shows("1 runs, 1 running", "sleep 1000")
        run.remove()
        self.shows("0 runs")

    def test_keys(self):
        for name, command in (("b", "sleep 1000"), ("a", "true"), ("c", "sh -c 'exit 3'")):
            run = self.mount.make(name)
            self.addCleanup(run.remove)
            run.start(command)
        run.retval()
        self.shows("by age", "exit 3", "ended")
        self.assertEqual(self.order(), ["b", "a", "c"])
        for key, order in (("n", "abc"), ("r", "cba"), ("v", "bac"), ("r", "cab"), ("a", "bac")):
            self.tmux("send-keys", key)
            studentfs.eventually(lambda wanted=list(order): self.order() == wanted, what=f"the order {order}")
        # The first that was selected still is; another key than y leaves it alone.
        self.tmux("send-keys", "Home", "k")
        self.shows("kill b? y or n")
        self.tmux("send-keys", "n")
        self.shows("q quit", "running")
        self.tmux("send-keys", "k")
        self.shows("kill b? y or n")
        self.tmux("send-keys", "y")
        self.shows("b: killed", "137", "0 running")

    def test_more_than_the_screen_holds(self):
        runs = [self.mount.make(f"run{n:02}") for n in range(30)]
        for run in runs:
            self.addCleanup(run.remove)
        self.shows("30 runs", "run00", "run08")
        self.tmux("send-keys", "End")
        self.shows("run29")
        self.assertNotIn("run20", "\n".join(self.lines()))
        self.tmux("resize-window", "-x", "60", "-y", "40")
        self.shows("run00", "run29")

    def test_it_quits(self):
        self.shows("q quit")
        self.tmux("send-keys", "q")
        studentfs.eventually(self.has_ended, what="the end")

    def test_it_ends_with_the_mount(self):
        mount = self.own_mount()
        self.watch(mount)
        self.shows("q quit")
        mount.unmount()
        studentfs.eventually(self.has_ended, what="the end")
        self.assertIn("is a studentfs mounted there?", (mount.base / "words").read_text())


if __name__ == "__main__":
    studentfs.main()
