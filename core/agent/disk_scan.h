/*
 * How many files of a directory, and of all below it, have come or changed since a time: a walk in
 * small steps, as there may be a million and the loop is to serve others meanwhile.
 *
 * The student may change whatever is there while it is looked at. Nothing is opened but
 * directories, by one name at a time and never through a link; other file systems are left alone.
 */
#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Directories in each other that are looked into; what lies deeper is no program's need, and counts
 * as enough. So does one of the student's that has changed and may not be read: to an agent who is
 * not root, a place to hide in. */
#define DISK_SCAN_DEPTH 64
struct disk_scan {
    DIR *levels[DISK_SCAN_DEPTH];
    unsigned depth; /* of them open; 0: it is over */
    dev_t dev;
    uid_t uid; /* whose files count; others' do if everybody may write to them */
    struct timespec since;
    uint64_t found, enough; /* so many so far; as many end the walk */
};

/* directory is borrowed. */
int disk_scan_start(struct disk_scan *scan, int directory, uid_t uid, const struct timespec *since,
                    uint64_t enough);
/* Looks at as many entries; returns whether there are more. */
bool disk_scan_go_on(struct disk_scan *scan, unsigned entries);
/* Harmless on one that is zeroed or over. */
void disk_scan_stop(struct disk_scan *scan);
