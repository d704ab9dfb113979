"""Sockets: nothing of the machine or the outside is at the other end."""

import os
import socket

import hostile



def has_family(family):
    """Whether the kernel has it; IPv6 may be missing."""
    try:
        socket.socket(family, socket.SOCK_DGRAM).close()
    except OSError:
        return False
    return True


USUAL = {family: "done" for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK) if has_family(family)}


class Network(hostile.TestCase):
    def test_families(self):
        """AF_VSOCK reaches the hypervisor, AF_ALG and others the kernel's modules: four are left."""
        for settings in self.as_root_too():
            got = self.got("families", **settings)
            for family in range(64):
                self.assertEqual(got[f"socket {family}"], USUAL.get(family, "EAFNOSUPPORT"), family)
                self.assertEqual(got.get(f"pair {family}", "EAFNOSUPPORT"), "EAFNOSUPPORT", family)

    def test_protocols(self):
        for settings in self.as_root_too():
            got = self.got("protocols", **settings)
            self.assertEqual(got.pop("raw"), "EPERM")
            self.assertEqual(got.pop("packet"), "EAFNOSUPPORT")
            self.assertEqual(set(got.values()), {"EPROTONOSUPPORT"}, got)

    def test_what_programs_use(self):
        got = self.got("usual")
        self.assertEqual(got.pop("interface"), "lo")
        if not has_family(socket.AF_INET6):
            got.pop("udp")
        self.assertEqual(set(got.values()), {"done"}, got)

    def test_the_machines_loopback(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.assertIn(self.got(f"connect '127.0.0.1 {server.getsockname()[1]}'")["connect"], ("ECONNREFUSED", "ENETUNREACH"))

    def test_outside(self):
        for address in ("192.0.2.1", "8.8.8.8", "169.254.169.254", "10.0.0.1"):
            self.assertEqual(self.got(f"connect '{address} 80'"), {"connect": "ENETUNREACH"})

    def test_abstract_sockets(self):
        name = f"studentfs-test-{os.getpid()}"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(f"\0{name}")
            server.listen()
            self.assertEqual(self.got(f"unix @{name}"), {"unix": "ECONNREFUSED"})

    def test_sockets_of_the_machine_and_of_the_protocol(self):
        """The router's, a grading container's, and the one that init takes its command from."""
        sockets = [path for path in hostile.studentfs.files_below(self.mount.runtime) if path.endswith(".sock")]
        self.assertTrue(sockets)
        for path in (*sockets, "/__parent.sock", "/sockets/main.sock", "/run/docker.sock", "/var/run/docker.sock",
                     "/run/systemd/private", "/run/dbus/system_bus_socket"):
            self.assertEqual(self.got(f"unix {path}"), {"unix": "ENOENT"}, path)

    def test_the_filesystems_own_network_is_no_default(self):
        """Shared, it is the agent's; the run before and after has its own."""
        shared = self.mount.run("sh -c 'readlink /proc/self/ns/net'", share_network=1)
        own = self.mount.run("sh -c 'readlink /proc/self/ns/net'")
        here = os.readlink("/proc/self/ns/net")
        self.assertEqual(shared.text("stdout").strip(), here)
        self.assertNotEqual(own.text("stdout").strip(), here)


if __name__ == "__main__":
    hostile.main()
