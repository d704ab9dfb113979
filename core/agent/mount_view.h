/*
 * The mounts that sandboxes are made from.
 *
 * For each bind that it makes bwrap reads the table of all mounts, two dozen times a sandbox:
 * a third of its time on a machine with cgroup v1. So it is started in a view that lacks what no
 * sandbox is made from. What is mounted and unmounted on the machine later comes
 * into the view as well, and nothing goes the other way.
 */
#pragma once

/* Gives the calling process, which must be root, such a view; the machine's is left where it
 * cannot: a negative errno. */
int mount_view_enter(void);
