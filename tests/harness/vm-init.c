/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first process of the test VM: all that its initramfs holds but for a few kernel modules. It stacks the file system
 * and becomes systemd:
 *
 *   /dev/vda  a Debian root, never written to
 *   /dev/vdb  upper/ holds Joblet and what the tests need, job/ what is to be run
 *   /dev/vdc  an empty disk for Joblet's state, so that limits on I/O have a device to be set on
 *
 * All else that the guest writes goes to memory. */

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW_ROOT "/new"

static void die(const char *what) {
        fprintf(stderr, "vm-init: %s: %s\n", what, strerror(errno));
        sync();
        reboot(RB_POWER_OFF);
        _exit(1);
}

static void mount_or_die(const char *what, const char *where, const char *type, unsigned long flags, const char *options) {
        (void) mkdir(where, 0755);
        if (mount(what, where, type, flags, options) < 0)
                die(where);
}

/* Calls a function for each line of a file; a missing file has none. */
static void for_each_line(const char *path, void (*call)(const char *line)) {
        char line[256];
        FILE *f = fopen(path, "re");

        if (!f)
                return;
        while (fgets(line, sizeof(line), f)) {
                line[strcspn(line, "\n")] = 0;
                if (line[0])
                        call(line);
        }
        fclose(f);
}

static void load_module(const char *path) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 ||
            (syscall(SYS_finit_module, fd, "", strstr(path, ".xz") ? MODULE_INIT_COMPRESSED_FILE : 0) < 0 && errno != EEXIST))
                fprintf(stderr, "vm-init: %s: %s\n", path, strerror(errno));
        if (fd >= 0)
                close(fd);
}

/* Units that do nothing for a test but cost seconds under emulation */
static void mask_unit(const char *name) {
        char path[512];

        snprintf(path, sizeof(path), NEW_ROOT "/run/systemd/system/%s", name);
        (void) symlink("/dev/null", path);
}

static bool wait_for_disk(const char *path) {
        struct stat st;

        for (int i = 0; i < 1000; i++) {
                if (stat(path, &st) >= 0)
                        return true;
                usleep(10000);
        }
        return false;
}

static void use_console(void) {
        int fd = open("/dev/console", O_RDWR);

        if (fd < 0)
                return;
        dup2(fd, STDIN_FILENO);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
}

static void stack_root(void) {
        if (!wait_for_disk("/dev/vda") || !wait_for_disk("/dev/vdb") || !wait_for_disk("/dev/vdc"))
                die("no disk");
        mount_or_die("/dev/vda", "/system", "ext4", MS_RDONLY, NULL);
        mount_or_die("/dev/vdb", "/payload", "ext4", MS_RDONLY, NULL);
        mount_or_die("tmpfs", "/memory", "tmpfs", 0, "mode=755,size=60%");
        mkdir("/memory/upper", 0755);
        mkdir("/memory/work", 0755);
        mount_or_die("overlay", NEW_ROOT, "overlay", 0,
                     "lowerdir=/payload/upper:/system,upperdir=/memory/upper,workdir=/memory/work");
        mount_or_die("/payload/job", NEW_ROOT "/job", NULL, MS_BIND, NULL);
        mount_or_die("/dev/vdc", NEW_ROOT "/disk", "ext4", 0, NULL);
        mkdir(NEW_ROOT "/disk/joblet", 0755);
        mount_or_die(NEW_ROOT "/disk/joblet", NEW_ROOT "/var/lib/joblet", NULL, MS_BIND, NULL);

        mount_or_die("tmpfs", NEW_ROOT "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=20%");
        mkdir(NEW_ROOT "/run/systemd", 0755);
        mkdir(NEW_ROOT "/run/systemd/system", 0755);
        for_each_line("/masked", mask_unit);
}

static void become_systemd(void) {
        mkdir(NEW_ROOT "/dev", 0755);
        if (mount("/dev", NEW_ROOT "/dev", NULL, MS_MOVE, NULL) < 0)
                die("moving /dev");
        if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
                die("switching root");
        execl("/usr/lib/systemd/systemd", "systemd", NULL);
        die("systemd");
}

int main(void) {
        mount_or_die("devtmpfs", "/dev", "devtmpfs", 0, NULL);
        use_console();

        /* A guest that is only asked whether it runs at all, see vm. */
        if (getenv("vm_probe")) {
                puts("vm-init: alive");
                fflush(stdout);
                reboot(RB_POWER_OFF);
        }

        for_each_line("/modules", load_module);
        stack_root();
        become_systemd();
}
