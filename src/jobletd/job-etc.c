/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/utsname.h>

#include "atomic-file.h"
#include "job-etc.h"
#include "log.h"
#include "strv.h"

#define FILE_MAX (8 << 20) /* bytes; ld.so.cache of a large system has 300 KiB */
#define DIRECTORIES_MAX 48U

/* Files of the host's, where it has them. Not among them: who uses the host (passwd, group, subuid), its secrets and
 * accesses (shadow, ssh, pip.conf, npmrc), its identity (machine-id, fstab), and what start-up files of shells do to
 * PATH (profile, bash.bashrc). */
static const char *const files[] = {
        "debian_version", "ethertypes", "gai.conf", "host.conf", "inputrc", "ld.so.cache", "locale.alias", "locale.conf",
        "localtime", "lsb-release", "magic", "magic.mime", "mailcap", "mime.types", "netconfig", "networks", "os-release",
        "papersize", "paperspecs", "protocols", "redhat-release", "rpc", "services", "shells", "system-release", "timezone",
        "xattr.conf",
};
_Static_assert(ELEMENTSOF(files) <= JOB_ETC_FILES_MAX, "JOB_ETC_FILES_MAX");

/* Directories of the host's: what programs of /usr keep beside it, and reach by links or have compiled in. A mount for
 * each, so none that nothing needs. */
static const char *const directories[] = {
        "ImageMagick*", "OpenCL", "R", "alternatives", "ant*", "crypto-policies", "fonts", "ghostscript", "glvnd", "java*", "jvm*",
        "libreoffice", "maven*", "octave*", "openmpi*", "php*", "pki", "ssl", "terminfo", "texmf", "vulkan",
};

/* As the host's programs look names up, without the host's services, which are out of sight. A module that is not
 * installed is passed over. */
static const char nsswitch[] =
        "passwd: files\n" "group: files\n" "hosts: files myhostname dns\n" "networks: files\n"
        "protocols: files\n" "services: files\n" "ethers: files\n" "rpc: files\n";

static bool is_same(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
                a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
                a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int make_link(int fd, const char *name, const char *target) {
        _cleanup_free_ char *temporary = NULL;

        if (asprintf(&temporary, ".#%s", name) < 0)
                return -ENOMEM;
        (void) unlinkat(fd, temporary, 0);
        if (symlinkat(target, fd, temporary) < 0)
                return -errno;
        return renameat(fd, temporary, fd, name) < 0 ? -errno : 0;
}

/* Writes name anew, by renaming: jobs that run see the old one or the new one. */
static int copy_file(const JobEtc *e, const char *name, const struct stat *st) {
        _cleanup_close_ int from = -EBADF, to = -EBADF;
        _cleanup_free_ char *temporary = NULL;
        off_t left = st->st_size;

        if (!S_ISREG(st->st_mode) || st->st_size > FILE_MAX)
                return -EINVAL;
        if (asprintf(&temporary, ".#%s", name) < 0)
                return -ENOMEM;
        (void) unlinkat(e->fd, temporary, 0); /* it may be a link that was not finished */
        from = openat(e->host_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        to = openat(e->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (from < 0 || to < 0)
                return -errno;
        while (left > 0) {
                ssize_t n = sendfile(to, from, NULL, (size_t) left);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                left -= n;
        }
        return renameat(e->fd, temporary, e->fd, name) < 0 ? -errno : 0;
}

/* A link into /usr is kept as one: that of localtime tells the name of the zone. */
static bool link_leads_into_usr(const JobEtc *e, const char *name, char *target, size_t size) {
        ssize_t n = readlinkat(e->host_fd, name, target, size - 1);

        if (n < 0)
                return false;
        target[n] = 0;
        return strncmp(target, "../usr/", strlen("../usr/")) == 0 || strncmp(target, "/usr/", strlen("/usr/")) == 0;
}

static int take_over(JobEtc *e, const char *name, JobEtcSource *s) {
        struct stat link, file;
        char target[PATH_MAX];
        int r;

        /* One that not everybody may read is none of a job's */
        if (fstatat(e->host_fd, name, &link, AT_SYMLINK_NOFOLLOW) < 0 || fstatat(e->host_fd, name, &file, 0) < 0 ||
            !(file.st_mode & S_IROTH)) {
                if (s->known && unlinkat(e->fd, name, 0) < 0 && errno != ENOENT)
                        return -errno;
                s->known = false;
                return 0;
        }
        if (s->known && is_same(&s->link, &link) && is_same(&s->file, &file))
                return 0;

        r = link_leads_into_usr(e, name, target, sizeof(target)) ? make_link(e->fd, name, target) : copy_file(e, name, &file);
        /* What is no file, or too large, stays so until it changes: it is told once, not at each start */
        if (r >= 0 || r == -EINVAL)
                *s = (JobEtcSource) { .link = link, .file = file, .known = true };
        return r;
}

static int write_text(const JobEtc *e, const char *name, const char *text) {
        return atomic_file_write_at(e->fd, name, text, strlen(text), 0644, false);
}

/* Its own name resolves without any service, as Debian has it. */
static int write_hostname(JobEtc *e) {
        _cleanup_free_ char *hosts = NULL, *line = NULL;
        struct utsname u;
        int r;

        if (uname(&u) < 0)
                return -errno;
        if (e->hostname && strcmp(e->hostname, u.nodename) == 0)
                return 0;
        if (strcmp(u.nodename, "localhost") != 0 && asprintf(&line, "127.0.1.1 %s\n", u.nodename) < 0)
                line = NULL;
        if (asprintf(&hosts, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n%s", line ?: "") < 0) {
                hosts = NULL;
                return -ENOMEM;
        }
        free(line);
        line = NULL;
        if (asprintf(&line, "%s\n", u.nodename) < 0) {
                line = NULL;
                return -ENOMEM;
        }
        r = write_text(e, "hosts", hosts);
        if (r >= 0)
                r = write_text(e, "hostname", line);
        if (r < 0)
                return r;
        free(e->hostname);
        e->hostname = strdup(u.nodename);
        return e->hostname ? 0 : -ENOMEM;
}

/* A directory with nothing but a file that says what would belong there, as Debian's terminfo, is none. */
static bool has_contents(const JobEtc *e, const char *name) {
        _cleanup_closedir_ DIR *d = NULL;
        int fd = openat(e->host_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                (void) safe_close(fd);
                return false;
        }
        while ((entry = readdir(d)))
                if (entry->d_name[0] != '.' && strcmp(entry->d_name, "README") != 0)
                        return true;
        return false;
}

static bool is_wanted(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (fnmatch(directories[i], name, FNM_PERIOD) == 0)
                        return true;
        return false;
}

/* Mount points of directories that the host has no longer. */
static int remove_others(const JobEtc *e, char *const *found) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *entry;
        int fd = openat(e->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                (void) safe_close(fd);
                return -errno;
        }
        while ((entry = readdir(d)))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && !strv_contains(found, entry->d_name) &&
                    unlinkat(e->fd, entry->d_name, AT_REMOVEDIR) < 0)
                        return -errno;
        return 0;
}

static int list_directories(JobEtc *e) {
        _cleanup_strv_free_ char **found = NULL;
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *entry;
        struct stat st;
        int fd, r;

        if (fstat(e->host_fd, &st) < 0)
                return -errno;
        if (is_same(&st, &e->host))
                return 0;
        fd = openat(e->host_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                r = -errno;
                (void) safe_close(fd);
                return r;
        }
        while ((entry = readdir(d)) && strv_length(found) < DIRECTORIES_MAX) {
                if (entry->d_type != DT_DIR || !is_wanted(entry->d_name) || !has_contents(e, entry->d_name))
                        continue;
                if (mkdirat(e->fd, entry->d_name, 0755) < 0 && errno != EEXIST)
                        return -errno;
                r = strv_extend(&found, entry->d_name);
                if (r < 0)
                        return r;
        }
        r = remove_others(e, found);
        strv_free(e->directories);
        e->directories = TAKE_PTR(found);
        e->host = st;
        return r;
}

/* What is the same always. Where a job uses the host's network the host's hosts and resolv.conf are mounted over these. */
static int write_own(JobEtc *e) {
        static const struct {
                const char *name, *target;
        } links[] = {
                { "group",  "../run/joblet/user/group"  },
                { "passwd", "../run/joblet/user/passwd" },
                { "mtab",   "../proc/self/mounts"       },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(links); i++)
                r = make_link(e->fd, links[i].name, links[i].target);
        if (r >= 0)
                r = write_text(e, "nsswitch.conf", nsswitch);
        return r < 0 ? r : write_text(e, "resolv.conf", "");
}

int job_etc_refresh(JobEtc *e) {
        int r;

        if (!e->complete) {
                r = write_own(e);
                if (r < 0)
                        return log_error_errno(r, "Failed to make the /etc of jobs: %m");
                e->complete = true;
        }
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                r = take_over(e, files[i], e->sources + i);
                if (r < 0)
                        log_warning_errno(r, "Failed to give jobs the /etc/%s of the host, ignoring: %m", files[i]);
        }
        r = write_hostname(e);
        if (r >= 0)
                r = list_directories(e);
        if (r < 0)
                log_warning_errno(r, "Failed to complete the /etc of jobs, ignoring: %m");
        return 0;
}

int job_etc_open(JobEtc *e, const char *host, int run_fd) {
        e->host_fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (e->host_fd < 0)
                return -errno;
        if (mkdirat(run_fd, "etc", 0755) < 0 && errno != EEXIST)
                return -errno;
        e->fd = openat(run_fd, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (e->fd < 0)
                return -errno;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                e->sources[i].known = true; /* perhaps, from a former daemon */
        (void) job_etc_refresh(e);
        return 0;
}

void job_etc_close(JobEtc *e) {
        e->host_fd = safe_close(e->host_fd);
        e->fd = safe_close(e->fd);
        e->directories = strv_free(e->directories);
        free(e->hostname);
        e->hostname = NULL;
}
