/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>

#include "atomic-file.h"
#include "child.h"
#include "job-files.h"
#include "log.h"
#include "record.h"
#include "remove-tree.h"
#include "tree-removal.h"
#include "strv.h"

#define OUTCOME_SIZE_MAX (64U * 1024U)
#define OUTCOME_RESERVE 4096 /* nearly all are shorter */

static int open_directory(const char *path, mode_t mode) {
        int fd;

        if (mkdir(path, mode) < 0 && errno != EEXIST)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

int job_files_open(JobFiles *f) {
        _cleanup_close_ int run_fd = -EBADF;

        *f = JOB_FILES_NULL;

        run_fd = open_directory(PKGRUNDIR, 0755);
        if (run_fd < 0)
                return run_fd;
        f->run_fd = open_directory(PKGRUNDIR "/jobs", 0700);
        f->work_fd = open_directory(PKGSTATEDIR "/work", 0700);
        f->tmp_fd = open_directory(PKGSTATEDIR "/tmp", 0700);
        f->outcomes_fd = open_directory(PKGSTATEDIR "/outcomes", 0700);
        if (f->run_fd < 0 || f->work_fd < 0 || f->tmp_fd < 0 || f->outcomes_fd < 0)
                return f->run_fd < 0 ? f->run_fd : f->work_fd < 0 ? f->work_fd : f->tmp_fd < 0 ? f->tmp_fd : f->outcomes_fd;
        return job_etc_open(&f->etc, "/etc", run_fd);
}

void job_files_close(JobFiles *f) {
        f->run_fd = safe_close(f->run_fd);
        f->work_fd = safe_close(f->work_fd);
        f->tmp_fd = safe_close(f->tmp_fd);
        f->outcomes_fd = safe_close(f->outcomes_fd);
        job_etc_close(&f->etc);
}

static int directory_name(uint64_t id, char **ret) {
        return asprintf(ret, "%" PRIu64, id) < 0 ? -ENOMEM : 0;
}

/* Opens the directory of a job, without following a link. */
static int open_own(int parent_fd, uint64_t id) {
        _cleanup_free_ char *name = NULL;
        int fd, r;

        r = directory_name(id, &name);
        if (r < 0)
                return r;
        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

static int make_own(int parent_fd, uint64_t id) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = directory_name(id, &name);
        if (r < 0)
                return r;
        if (mkdirat(parent_fd, name, 0700) < 0)
                return -errno;
        return open_own(parent_fd, id);
}

/* In place, not by renaming: the job sees this very inode. */
static int write_small_file(int dir_fd, const char *name, const char *text) {
        _cleanup_close_ int fd = -EBADF;

        fd = openat(dir_fd, name, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0 || fchmod(fd, 0644) < 0)
                return -errno;
        return write(fd, text, strlen(text)) == (ssize_t) strlen(text) ? 0 : -EIO;
}

static int write_user(int dir_fd, const char *user, uid_t uid) {
        _cleanup_free_ char *passwd = NULL, *group = NULL;
        _cleanup_close_ int user_fd = -EBADF;
        int r;

        if (mkdirat(dir_fd, "user", 0755) < 0 && errno != EEXIST)
                return -errno;
        user_fd = openat(dir_fd, "user", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (user_fd < 0)
                return -errno;
        if (asprintf(&passwd,
                     "root:x:0:0:root:/root:/usr/sbin/nologin\n"
                     "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
                     "%s:x:%u:%u:Joblet job:/work:/bin/sh\n", user, uid, uid) < 0 ||
            asprintf(&group, "root:x:0:\nnogroup:x:65534:\n%s:x:%u:\n", user, uid) < 0)
                return -ENOMEM;

        r = write_small_file(user_fd, "passwd", passwd);
        return r < 0 ? r : write_small_file(user_fd, "group", group);
}

/* What programs look for at the top of the control groups. Links to files that a host does not have lead nowhere. */
static const char *const cgroup_files[] = {
        "cgroup.controllers", "cgroup.events", "cgroup.procs", "cgroup.stat", "cgroup.threads", "cgroup.type",
        "cpu.max", "cpu.max.burst", "cpu.pressure", "cpu.stat", "cpu.weight",
        "cpuset.cpus", "cpuset.cpus.effective", "cpuset.mems", "cpuset.mems.effective",
        "io.max", "io.pressure", "io.stat", "io.weight",
        "memory.current", "memory.events", "memory.events.local", "memory.high", "memory.low", "memory.max", "memory.min",
        "memory.oom.group", "memory.peak", "memory.pressure", "memory.stat", "memory.swap.current", "memory.swap.events",
        "memory.swap.high", "memory.swap.max",
        "pids.current", "pids.events", "pids.max",
};

/* The directory that a job sees as /sys/fs/cgroup, with the mount point of its own group. */
static int make_cgroup_view(int dir_fd, const char *cgroup) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (asprintf(&path, "cgroup/%s/", cgroup) < 0)
                return -ENOMEM;
        for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdirat(dir_fd, path, 0755) < 0)
                        return -errno;
                *slash = '/';
        }
        fd = openat(dir_fd, "cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(cgroup_files); i++) {
                _cleanup_free_ char *target = NULL;

                if (asprintf(&target, "%s/%s", cgroup, cgroup_files[i]) < 0)
                        return -ENOMEM;
                if (symlinkat(target, fd, cgroup_files[i]) < 0)
                        return -errno;
        }
        return 0;
}

int job_files_prepare(const JobFiles *f, const Plan *plan) {
        _cleanup_close_ int dir_fd = -EBADF, work_fd = -EBADF, tmp_fd = -EBADF;
        int r;

        dir_fd = make_own(f->run_fd, plan->id);
        if (dir_fd < 0)
                return dir_fd;
        work_fd = make_own(f->work_fd, plan->id);
        if (work_fd < 0)
                return work_fd;
        tmp_fd = make_own(f->tmp_fd, plan->id);
        if (tmp_fd < 0)
                return tmp_fd;
        if (fchmod(tmp_fd, 01777) < 0)
                return -errno;
        r = plan->cgroup ? make_cgroup_view(dir_fd, plan->cgroup) : 0;
        return r < 0 ? r : write_user(dir_fd, plan->user, 65534);
}

int job_files_give(const JobFiles *f, uint64_t id, uid_t uid, const char *user) {
        _cleanup_close_ int dir_fd = -EBADF, work_fd = -EBADF;

        if (uid == 0)
                return -EPERM;
        dir_fd = open_own(f->run_fd, id);
        if (dir_fd < 0)
                return dir_fd;
        work_fd = open_own(f->work_fd, id);
        if (work_fd < 0)
                return work_fd;
        if (fchown(work_fd, uid, uid) < 0)
                return -errno;
        return write_user(dir_fd, user, uid);
}

int job_files_open_outcome(const JobFiles *f, uint64_t id) {
        _cleanup_free_ char *name = NULL;
        int fd, r;

        r = directory_name(id, &name);
        if (r < 0)
                return r;
        fd = openat(f->outcomes_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        /* The job itself may fill the file system: where it can be, the place for the outcome is taken before */
        (void) fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, OUTCOME_RESERVE);
        return fd;
}

int job_files_read_outcome(const JobFiles *f, uint64_t id, char **ret) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = directory_name(id, &name);
        return r < 0 ? r : file_read_at(f->outcomes_fd, name, OUTCOME_SIZE_MAX, ret, NULL);
}

/* The directory of a job is below one that only root enters, and what the job sees of it is "user". */
static int relay_address(uint64_t id, struct sockaddr_un *ret) {
        int n;

        *ret = (struct sockaddr_un) { .sun_family = AF_UNIX };
        n = snprintf(ret->sun_path, sizeof ret->sun_path, PKGRUNDIR "/jobs/%" PRIu64 "/relay", id);
        return n < 0 || (size_t) n >= sizeof ret->sun_path ? -ENAMETOOLONG : 0;
}

int job_files_listen(uint64_t id) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address;
        int r;

        r = relay_address(id, &address);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        (void) unlink(address.sun_path);
        if (bind(fd, (struct sockaddr*) &address, sizeof address) < 0 || listen(fd, 1) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int job_files_connect(uint64_t id) {
        _cleanup_close_ int fd = -EBADF;
        struct sockaddr_un address;
        int r;

        r = relay_address(id, &address);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int) { 1 }, sizeof(int)) < 0 ||
            connect(fd, (struct sockaddr*) &address, sizeof address) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* What a file system lacks, and the command that shows it. */
static bool lacks(const struct statvfs *st, int error, const char **ret_what, const char **ret_command) {
        /* What was made in vain is removed by now, so a little may be left */
        bool no_inodes = st->f_files > 0 && st->f_favail < 16, no_space = st->f_bavail * st->f_frsize < 256U * 1024U;

        *ret_what = error == -EROFS ? "is read-only" : no_inodes ? "has no inodes left" : "is full";
        *ret_command = error == -EROFS ? "findmnt -T" : no_inodes ? "df -i" : "df";
        return error == -EROFS ? st->f_flag & ST_RDONLY : error == -ENOSPC && (no_inodes || no_space);
}

int job_files_explain(int error, char **ret) {
        static const char *const directories[] = { PKGSTATEDIR, PKGRUNDIR };
        const char *what, *command;
        struct statvfs st;
        int n;

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (statvfs(directories[i], &st) >= 0 && lacks(&st, error, &what, &command)) {
                        n = asprintf(ret, "nothing can be written to %s: %s; its file system %s (%s %s), which an administrator can mend",
                                     directories[i], strerror(-error), what, command, directories[i]);
                        return n < 0 ? -ENOMEM : 0;
                }
        if (error == -ENOSPC || error == -EDQUOT || error == -EROFS || error == -EIO)
                n = asprintf(ret, "nothing can be written to %s or %s: %s; \"df\" and \"df -i\" tell an administrator what is full",
                             PKGSTATEDIR, PKGRUNDIR, strerror(-error));
        else
                n = asprintf(ret, "%s", strerror(-error));
        return n < 0 ? -ENOMEM : 0;
}

/* The user of systemd's that the job had: the same for all jobs of one user. */
static uid_t job_user(const JobFiles *f, const char *name) {
        struct stat st;

        return fstatat(f->work_fd, name, &st, AT_SYMLINK_NOFOLLOW) >= 0 ? st.st_uid : 0;
}

void job_files_remove(const JobFiles *f, sd_event *event, uint64_t id) {
        _cleanup_free_ char *name = NULL;
        uid_t uid;
        int r, q;

        r = directory_name(id, &name);
        if (r >= 0) {
                uid = job_user(f, name);
                r = remove_tree_at(f->run_fd, name);
                q = tree_removal_add(event, f->tmp_fd, name, uid);
                r = r < 0 ? r : q;
                q = tree_removal_add(event, f->work_fd, name, uid);
                r = r < 0 ? r : q;
        }
        if (r < 0)
                log_warning_errno(r, "Failed to remove the files of job %" PRIu64 ", it is tried again at the next start: %m", id);
}

void job_files_remove_outcome(const JobFiles *f, uint64_t id) {
        _cleanup_free_ char *name = NULL;
        int r;

        r = directory_name(id, &name);
        if (r >= 0 && unlinkat(f->outcomes_fd, name, 0) < 0 && errno != ENOENT)
                r = -errno;
        if (r < 0)
                log_warning_errno(r, "Failed to remove the outcome of job %" PRIu64 ", ignoring: %m", id);
}

static int compare_ids(const void *a, const void *b) {
        uint64_t x = *(const uint64_t*) a, y = *(const uint64_t*) b;

        return x < y ? -1 : x > y;
}

int job_files_list(int dir_fd, uint64_t **ret, size_t *ret_n) {
        _cleanup_closedir_ DIR *d = NULL;
        _cleanup_free_ uint64_t *ids = NULL;
        size_t n = 0, n_allocated = 0;
        struct dirent *e;
        int fd;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        d = fdopendir(fd);
        if (!d) {
                (void) safe_close(fd);
                return -errno;
        }
        while ((e = readdir(d))) {
                uint64_t id;

                if (job_id_parse(e->d_name, &id) < 0)
                        continue;
                if (n == n_allocated) {
                        uint64_t *larger;

                        n_allocated = 2 * n + 64;
                        larger = reallocarray(ids, n_allocated, sizeof *ids);
                        if (!larger)
                                return -ENOMEM;
                        ids = larger;
                }
                ids[n++] = id;
        }
        if (n > 0)
                qsort(ids, n, sizeof *ids, compare_ids);
        *ret = TAKE_PTR(ids);
        *ret_n = n;
        return 0;
}

static int sweep_directory(const JobFiles *f, int fd, sd_event *event,
                           bool (*wanted)(uint64_t id, void *userdata), void *userdata) {
        _cleanup_free_ uint64_t *ids = NULL;
        size_t n = 0;
        int r;

        r = job_files_list(fd, &ids, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (!wanted(ids[i], userdata)) {
                        job_files_remove(f, event, ids[i]);
                        job_files_remove_outcome(f, ids[i]);
                }
        return 0;
}

int job_files_sweep(const JobFiles *f, sd_event *event, bool (*wanted)(uint64_t id, void *userdata),
                    void *userdata) {
        const int fds[] = { f->run_fd, f->work_fd, f->tmp_fd, f->outcomes_fd };

        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                int r = sweep_directory(f, fds[i], event, wanted, userdata);

                if (r < 0)
                        return r;
        }
        return 0;
}
