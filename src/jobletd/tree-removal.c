/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "log.h"
#include "remove-tree.h"
#include "share.h"
#include "tree-removal.h"

#define REMOVING_MAX 8U /* more at once are not quicker */
#define REMOVING_OF_UID_MAX 2U

typedef struct Removal {
        sd_event *event;
        int parent_fd; /* not ours */
        char *name;
        Place *place;
} Removal;

static Share *share;

static Removal* removal_free(Removal *r) {
        if (!r)
                return NULL;
        free(r->name);
        place_free(r->place); /* the next one's turn */
        free(r);
        return NULL;
}
DEFINE_CLEANUP(Removal*, removal_free);

static void on_removed(const siginfo_t *si, void *userdata) {
        _cleanup_(removal_freep) Removal *removal = userdata;

        if (si->si_code != CLD_EXITED || si->si_status != 0)
                log_warning("Failed to remove what job %s left completely (status %d); it is tried again at the next start",
                            removal->name, si->si_status);
}

static void start(void *userdata) {
        Removal *removal = userdata;
        int r;

        r = child_fork(removal->event, removal->parent_fd, on_removed, removal);
        if (r == 0)
                _exit(remove_tree_at(CHILD_FD, removal->name) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
        if (r > 0)
                return;
        log_warning_errno(r, "Failed to remove what job %s left, it is tried again at the next start: %m", removal->name);
        removal_free(removal);
}

int tree_removal_add(sd_event *event, int parent_fd, const char *name, uid_t uid) {
        _cleanup_(removal_freep) Removal *removal = NULL;
        int r;

        if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (errno != ENOTEMPTY && errno != EEXIST)
                return -errno;
        r = share ? 0 : share_new(&(ShareLimits) { REMOVING_MAX, REMOVING_OF_UID_MAX, UINT64_MAX }, &share);
        if (r < 0)
                return r;
        removal = malloc(sizeof *removal);
        if (!removal)
                return -ENOMEM;
        *removal = (Removal) { .event = event, .parent_fd = parent_fd, .name = strdup(name) };
        if (!removal->name)
                return -ENOMEM;
        r = share_wait(share, uid, 1, start, removal, &removal->place);
        if (r >= 0)
                TAKE_PTR(removal);
        return r;
}
