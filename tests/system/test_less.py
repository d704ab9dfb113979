"""less on a terminal, on a run that goes on: what is there is shown, and the keys work."""

import os

import studentfs
import terminal


class Less(terminal.TestCase):
    def setUp(self):
        super().setUp()
        self.run_ = self.mount.run("cat", stdin=None, hard_time_limit=300)
        self.addCleanup(self.run_.remove)
        self.input = os.open(self.run_.file("stdin"), os.O_WRONLY)
        self.addCleanup(os.close, self.input)
        self.say(*range(1, 21))

    def say(self, *numbers):
        """More lines of output."""
        os.write(self.input, b"".join(b"line %d\n" % number for number in numbers))

    def less(self, *options):
        self.open_terminal(self.mount, " ".join(["exec", "less", *options, self.run_.file("stdout")]))

    def asks(self, does):
        """Whether it has its prompt, and waits for a key."""
        studentfs.eventually(lambda: (":" in self.lines()) == does, what="its prompt" if does else "no prompt")

    def leaves(self):
        self.press("q")
        studentfs.eventually(self.has_ended, what="less's end")

    def test_what_is_there_is_shown(self):
        self.less()
        self.shows("line 1\n", "line 9\n")
        self.press("Space")
        self.shows("line 10\n", "line 18\n")
        self.leaves()

    def test_past_the_end_it_waits_and_can_be_interrupted(self):
        self.less()
        self.shows("line 9\n")
        self.press("Space")
        self.shows("line 18\n")
        self.press("Space")  # two lines are left of a page
        self.say(*range(21, 41))
        self.shows("line 27\n")
        self.press("G")
        self.asks(False)
        self.press("C-c")
        self.asks(True)
        self.press("g")
        self.shows("line 1\n")
        self.leaves()

    def test_it_follows(self):
        self.less("+F")
        self.shows("line 20\n")
        self.say(21)
        self.shows("line 21\n")
        self.press("C-c")
        self.leaves()


if __name__ == "__main__":
    studentfs.main()
