"""Every step of a run, every way in which the other end may misbehave there, in both modes.

Router and init are played by a thread each; the cells of a mode all go on at the same time, on one
mount. A cell must end in its return value, for its reason, in bounded time, and leave nothing.
"""

import contextlib
import os
import threading
import time

import msgpack

import studentfs
import test_router

SOON = 20  # seconds for all cells together: the longest patience is 3
DUMMY = {"type": "dummy_message"}
STARTED = {"type": "run_student_started", "container_id": "c1"}


def retval(value):
    return {"type": "run_student_retval", "retval": value}


class Step:
    """What may be asked of the scripted ends at one step. Each returns after its misdeed."""

    def __init__(self, peer):
        self.peer = peer

    def silence(self):
        pass

    def garbage(self):
        for frames in ([b"", b"\xc1"], [b"x", b"y"], [b""], [b"", b"\xdf\xff\xff\xff\xff"]):
            self.peer.raw(*frames)

    def wrong_type(self):
        for message in ({"type": "what"}, {"type": 7}, {"type": "ok"}, {"retval": 0}, {"type": "run_student_retval"},
                        {"type": "run_student_retval", "retval": "0"}, {"type": "stdin", "message": b"x"}):
            self.peer.say(message)

    def bad_retval(self):
        self.peer.say(retval(99999))

    def early_retval(self):
        self.peer.say(retval(42))


class Peer:
    """The router's side of one run, and its init's."""

    def __init__(self, router, identity, request):
        self.router, self.identity, self.request = router, identity, request
        self.inbox = []
        self.arrived = threading.Condition()

    def raw(self, *frames):
        self.router.put([self.identity, *frames])

    def say(self, message):
        self.raw(b"", msgpack.packb(message, use_bin_type=True))

    def hear(self, kind, seconds=SOON):
        """The next message of that type of this client's."""
        end = time.monotonic() + seconds
        with self.arrived:
            while True:
                for n, message in enumerate(self.inbox):
                    if message["type"] == kind:
                        return self.inbox.pop(n)
                if not self.arrived.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"no {kind}")

    def init(self, say_hello=True):
        init = test_router.Init(self.router, self.request["socket_id"])
        init.socket.settimeout(SOON)
        if say_hello:
            init.command = init.take_command()
        return init


class Router(threading.Thread):
    """One thread that has the socket, and hands what comes to the runs' scripts."""

    def __init__(self):
        super().__init__(daemon=True)
        self.base = test_router.Router()
        self.sockets = self.base.sockets
        self.outbox = []
        self.lock = threading.Lock()
        self.peers = {}
        self.scripts = {}
        self.is_over = False
        self.errors = []

    def put(self, frames):
        with self.lock:
            self.outbox.append(frames)

    def run(self):
        while not self.is_over:
            with self.lock:
                frames, self.outbox = self.outbox, []
            for message in frames:
                self.base.zmq.send_multipart(message)
            if self.base.zmq.poll(5):
                self.take(*self.base.zmq.recv_multipart())

    def take(self, identity, _, body):
        message = msgpack.unpackb(body, raw=False)
        if message["type"] == "run_student":
            peer = self.peers[identity] = Peer(self, identity, message)
            script = self.scripts[message["environment"]]
            threading.Thread(target=self.play, args=(message["environment"], script, peer), daemon=True).start()
        elif identity in self.peers:
            peer = self.peers[identity]
            with peer.arrived:
                peer.inbox.append(message)
                peer.arrived.notify_all()
        else:  # a socket of its own: stdin or a signal
            self.base.zmq.send_multipart([identity, b"", msgpack.packb(DUMMY)])

    def play(self, name, script, peer):
        try:
            script(peer)
        except Exception as error:  # told by the test
            self.errors.append((name, error))

    def close(self):
        self.is_over = True
        self.join()
        self.base.close()


# --- the steps: a script leads to each ---


def at_request(peer):
    del peer


def at_start_fd(peer):
    peer.say(STARTED)


def at_hello(peer):
    peer.say(STARTED)
    peer.held = peer.init(say_hello=False)


def at_run_fd(peer):
    peer.say(STARTED)
    peer.held = peer.init()


def at_start_message(peer):
    peer.say(STARTED)
    peer.hear("run_student_init")


def at_run_message(peer):
    at_start_message(peer)
    peer.say(DUMMY)


def at_output_message(peer):
    at_run_message(peer)
    peer.say({"type": "stdout", "socket_id": peer.request["socket_id"], "message": b"some"})


# --- misdeeds of the router, anywhere ---


def misdeed(name):
    return lambda peer: getattr(Step(peer), name)()


def duplicate_started(peer):
    peer.say(STARTED)
    peer.say({"type": "run_student_started", "container_id": "c2"})
    peer.say(retval(7))


def duplicate_retval(peer):
    peer.say(retval(7))
    peer.say(retval(8))
    peer.say(STARTED)


def late_answer(peer):
    """Longer than most would wait, within what was asked for."""
    time.sleep(0.5)  # the misdeed itself: nothing is awaited here
    peer.say(STARTED)
    peer.say(retval(7))


# --- of init's ---


def init_closes(peer):
    peer.held.close()


def init_garbage(peer):
    peer.held.socket.sendall(b"\x00\xff nonsense")


def init_is_half(peer):
    """Takes the descriptors, and goes before all of the command."""
    peer.held.socket.sendall(b"H")
    peer.held.socket.recv(1)
    peer.held.close()


FOREVER = (254, "in time")
HANDED = (254, "hand-over")

# step, misdeed, return value, what the reason says (None: there is none to say)
BOTH = [
    (at_request, misdeed("silence"), *FOREVER),
    (at_request, misdeed("garbage"), *FOREVER),
    (at_request, misdeed("wrong_type"), *FOREVER),
    (at_request, misdeed("bad_retval"), 254, "no return value"),
    (at_request, misdeed("early_retval"), 42, None),
    (at_request, duplicate_started, 7, None),
    (at_request, duplicate_retval, 7, None),
    (at_request, late_answer, 7, None),
]
FD = BOTH + [
    (at_start_fd, misdeed("silence"), *FOREVER),
    (at_start_fd, misdeed("garbage"), *FOREVER),
    (at_start_fd, misdeed("wrong_type"), *FOREVER),
    (at_start_fd, misdeed("bad_retval"), 254, "no return value"),
    (at_start_fd, misdeed("early_retval"), 42, None),
    (at_start_fd, duplicate_started, 7, None),
    (at_start_fd, duplicate_retval, 7, None),
    (at_hello, misdeed("silence"), *FOREVER),
    (at_hello, misdeed("early_retval"), 42, None),
    (at_hello, init_closes, *HANDED),
    (at_hello, init_garbage, *HANDED),
    (at_hello, init_is_half, 254, None),
    (at_run_fd, init_closes, 254, "no return value came"),
    (at_run_fd, misdeed("bad_retval"), 254, "no return value"),
    (at_run_fd, misdeed("early_retval"), 42, None),
    (at_run_fd, duplicate_started, 7, None),
    (at_run_fd, duplicate_retval, 7, None),
]
MESSAGE = BOTH + [
    (at_start_message, misdeed("silence"), *FOREVER),
    (at_start_message, misdeed("garbage"), *FOREVER),
    (at_start_message, misdeed("wrong_type"), *FOREVER),
    (at_start_message, misdeed("bad_retval"), 254, "no return value"),
    (at_start_message, misdeed("early_retval"), 42, None),
    (at_start_message, duplicate_started, 7, None),
    (at_start_message, duplicate_retval, 7, None),
    (at_run_message, misdeed("bad_retval"), 254, "no return value"),
    (at_run_message, misdeed("early_retval"), 42, None),
    (at_run_message, duplicate_retval, 7, None),
    (at_output_message, misdeed("early_retval"), 42, None),
    (at_output_message, duplicate_started, 7, None),
]
# Where the router is silent with a command that runs, so may the command be: the other end's limits
# end it. Here it is the router that dies in the end.
GOES_ON = [(at_run_fd, misdeed("silence")), (at_run_fd, misdeed("garbage")), (at_run_fd, misdeed("wrong_type"))]
GOES_ON_MESSAGE = [(at_run_message, misdeed("silence")), (at_run_message, misdeed("garbage")),
                   (at_run_message, misdeed("wrong_type")), (at_output_message, misdeed("silence"))]


class Matrix(studentfs.TestCase):
    mount_options = None

    def play(self, transport, cells, goes_on):
        router = Router()
        mount = self.own_mount("--transport", transport, *test_router.PATIENCE, sockets=router.sockets)
        names = {}

        def add(step, deed, *expected):
            name = f"cell{len(names)}"
            names[name] = (f"{step.__name__} {deed.__qualname__.split('.')[0]} {len(names)}", expected)
            router.scripts[name] = lambda peer: (step(peer), deed(peer))

        for cell in cells:
            add(*cell)
        for cell in goes_on:
            add(*cell)
        router.start()
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        runs = {}
        for name in names:
            run = runs[name] = mount.make(name)
            run.write("container", name)
            run.write("cmd", "echo")
        began = time.monotonic()
        for name, (title, expected) in names.items():
            if not expected:
                continue
            with self.subTest(cell=title):
                value, reason = expected
                self.assertEqual(runs[name].retval(), value, runs[name].text("status"))
                if reason:
                    self.assertIn(reason, runs[name].text("status"))
        self.assertLess(time.monotonic() - began, SOON)
        for name, (title, expected) in names.items():
            if not expected:
                with self.subTest(cell=title):
                    studentfs.eventually(lambda run=runs[name]: run.state() == "running", what="that it runs")
        router.close()  # the router goes: what went on ends now
        for name, (title, expected) in names.items():
            if not expected:
                with self.subTest(cell=title):
                    self.assertEqual(runs[name].retval(), 254)
                    self.assertIn("went away", runs[name].text("status"))
        self.assertEqual(router.errors, [])
        for run in runs.values():
            run.remove()
        # What a run has of descriptors goes with it.
        studentfs.eventually(lambda: len(os.listdir(f"/proc/{mount.daemon[0]}/fd")) < 40, what="no descriptor left")

    def test_fd(self):
        self.play("fd", FD, GOES_ON)

    def test_message(self):
        self.play("message", MESSAGE, GOES_ON_MESSAGE)

    def test_auto_of_root(self):
        """By messages, at once; but where the agent says that descriptors work."""
        router = Router()
        self.addCleanup(router.close)
        mount = self.own_mount(sockets=router.sockets)

        def older(peer):
            peer.say(STARTED)
            assert peer.hear("run_student_init", seconds=5)["user"] == "root"
            peer.say(DUMMY)
            peer.say(retval(3))

        def ours(peer):
            peer.say(dict(STARTED, features=["fd", "message"]))
            peer.held = peer.init()
            assert peer.held.command["user"] == "root" and len(peer.held.fds) == 3
            peer.say(retval(4))

        router.scripts.update({"older": older, "ours": ours})
        router.start()
        for name, value in (("older", 3), ("ours", 4)):
            run = mount.make(name)
            run.write("container", name)
            run.write("start_student_as_root", 1)
            run.write("cmd", "true")
            self.assertEqual(run.retval(), value, run.text("status"))
        self.assertEqual(router.errors, [])

    def test_auto(self):
        """A router of neither sort: what is known of it is that nobody comes, and message mode is tried."""
        self.play("auto", [(at_start_message, misdeed("early_retval"), 42, None),
                           (at_start_message, misdeed("silence"), *FOREVER),
                           (at_run_message, duplicate_retval, 7, None),
                           (at_run_fd, misdeed("early_retval"), 42, None),
                           (at_hello, init_closes, *HANDED)], [(at_run_message, misdeed("silence"))])


if __name__ == "__main__":
    studentfs.main()
