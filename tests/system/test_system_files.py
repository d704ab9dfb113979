"""The rest of what init and agent do for a command (section 7 of the protocol)."""

import os
import resource
import shutil

import studentfs


class SystemFiles(studentfs.TestCase):
    """/task/systemfiles: hosts and resolv.conf."""

    mount_options = None

    def task(self, **files):
        """A mount whose task has these; its sandboxes were prepared without them."""
        mount = self.own_mount()
        self.give(mount, **files)
        return mount

    @staticmethod
    def give(mount, **files):
        directory = mount.task / "systemfiles"
        directory.mkdir(exist_ok=True)
        for name, text in files.items():
            (directory / name.replace("_", ".")).write_text(text)

    def shown(self, mount, path, **settings):
        run = mount.run(f"cat {path}", **settings)
        self.assertEqual(run.retval(), 0, run.text("stderr") + run.text("status"))
        return run.text("stdout")

    def test_hosts_are_appended(self):
        mount = self.task(hosts="192.0.2.7 a.test\n")
        self.assertEqual(self.shown(mount, "/etc/hosts"), "127.0.0.1\tlocalhost\n::1\tlocalhost\n192.0.2.7 a.test\n")
        run = mount.run("python3 -c 'import socket\nprint(socket.gethostbyname(\"a.test\"))'")
        self.assertEqual(run.text("stdout"), "192.0.2.7\n", run.text("stderr"))

    def test_resolv_conf_replaces(self):
        mount = self.task(resolv_conf="nameserver 192.0.2.53\n")
        self.assertEqual(self.shown(mount, "/etc/resolv.conf"), "nameserver 192.0.2.53\n")

    def test_with_the_agent_s_network(self):
        mount = self.task(hosts="192.0.2.7 a.test\n", resolv_conf="nameserver 192.0.2.53\n")
        with open("/etc/hosts", encoding="utf-8") as machine:
            self.assertEqual(self.shown(mount, "/etc/hosts", share_network=1), machine.read() + "192.0.2.7 a.test\n")
        self.assertEqual(self.shown(mount, "/etc/resolv.conf", share_network=1), "nameserver 192.0.2.53\n")

    def test_what_changes_is_seen_by_the_next_run(self):
        mount = self.task(hosts="192.0.2.1 a.test\n")
        self.assertIn("192.0.2.1", self.shown(mount, "/etc/hosts"))
        self.give(mount, hosts="192.0.2.2 a.test\n")
        self.assertIn("192.0.2.2", self.shown(mount, "/etc/hosts"))
        shutil.rmtree(mount.task / "systemfiles")
        self.assertEqual(mount.run("cat /etc/hosts").retval(), 1)

    def test_the_student_sees_the_directory_and_may_not_write(self):
        mount = self.task(hosts="x\n", other="of the task\n")
        (mount.task / "systemfiles").chmod(0o777)
        self.assertEqual(self.shown(mount, "systemfiles/other"), "of the task\n")
        for words in ("touch systemfiles/new", "sh -c 'echo x > /etc/hosts'", "sh -c 'echo x >> systemfiles/hosts'"):
            for root in (0, 1):
                self.assertNotEqual(mount.run(words, start_student_as_root=root).retval(), 0, words)
        self.assertEqual(sorted(os.listdir(mount.task / "systemfiles")), ["hosts", "other"])

    def test_as_root(self):
        mount = self.task(hosts="192.0.2.7 a.test\n")
        mount.base.chmod(0o700)
        self.assertIn("192.0.2.7", self.shown(mount, "/etc/hosts", start_student_as_root=1))

    def test_what_cannot_be_read(self):
        def link(path):
            path.symlink_to("/etc/shadow")

        def large(path):
            with open(path, "wb") as file:
                file.truncate(2 << 20)

        for make, reason in ((os.mkdir, "not a regular file"), (link, "not a regular file"), (os.mkfifo, "not a regular file"),
                             (large, "File too large")):
            for name in ("hosts", "resolv.conf"):
                with self.subTest(reason, name=name):
                    mount = self.task()
                    make(mount.task / "systemfiles" / name)
                    self.assert_ended(mount.run("true"), 254, "failed", f"/task/systemfiles/{name}: {reason}")
                    shutil.rmtree(mount.task / "systemfiles")
                    self.assert_ended(mount.run("true"), 0, "exited")


class Command(studentfs.TestCase):
    def test_where_and_as_whom(self):
        run = self.mount.run("sh -c 'pwd; id -u; id -g; id -G; echo $HOME'")
        self.assertEqual(run.text("stdout"), "/task\n4242\n4242\n4242\n/task\n")

    def test_processes(self):
        """Counted per sandbox, where the limit of the kernel's would count a user's on the machine."""
        command = "python3 -c 'import resource; print(resource.getrlimit(resource.RLIMIT_NPROC)[1])'"
        machine = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        worker = self.mount.run(command).text("stdout")
        self.assertEqual(worker, f"{machine if os.geteuid() == 0 else 1000}\n")
        self.assertEqual(self.mount.run(command, start_student_as_root=1).text("stdout"), "1000\n")


class Teardown(studentfs.TestCase):
    def after(self, script, command="true", **settings):
        """What the script has left in student/after."""
        path = self.mount.student / "after"
        path.unlink(missing_ok=True)
        run = self.mount.run(command, teardown_script=script, **settings)
        value = run.retval()
        studentfs.eventually(path.exists, what="the script's file")
        studentfs.eventually(path.read_text, what="its text")
        return value, path.read_text()

    def test_its_words_and_its_exit_code(self):
        self.assertEqual(self.after("sh -c 'echo \"$1|$2\" > student/after; exit 9' - 'a  b' c"), (0, "a  b|c\n"))
        self.assertEqual(self.after("sh -c 'echo x > student/after; exit 9'", "sh -c 'exit 3'"), (3, "x\n"))

    def test_after_a_command_that_was_killed(self):
        self.assertEqual(self.after("sh -c 'echo x > student/after'", "sh -c 'kill -9 $$'"), (137, "x\n"))

    def test_scripts_are_open_to_it_again(self):
        scripts = self.mount.student / "scripts"
        scripts.mkdir()
        self.addCleanup(shutil.rmtree, scripts)
        shutil.chown(scripts, 4242, 4242)
        (scripts / "tear").write_text("echo from the script > /task/student/after\n")
        scripts.chmod(0)
        self.assertEqual(self.after("sh student/scripts/tear"), (0, "from the script\n"))
        self.assertEqual(scripts.stat().st_mode & 0o777, 0o777)

    def test_one_that_is_no_command(self):
        self.assertEqual(self.mount.run("true", teardown_script="nosuch").retval(), 0)


if __name__ == "__main__":
    studentfs.main()
