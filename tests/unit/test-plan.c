/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* request + runtime + policy = plan, and what 252 and 257 are told of it. */

#include <string.h>

#include "plan.h"
#include "property.h"
#include "strv.h"
#include "test.h"

#define GIB (UINT64_C(1) << 30)

static const uint8_t cpus_online[] = { 0x0f };

static Request *request;
static Runtime runtime;
static Policy policy;
static Plan *plan;
static char *message;

static const char manifest[] =
        "name: python-3.11-ml\n"
        "type: managed\n"
        "version: \"3.11\"\n"
        "mounts:\n"
        "  - source: site\n"
        "    target: /usr/local/lib/python3.11/site-packages\n"
        "  - source: lib\n"
        "    target: /usr/local/lib\n"
        "  - source: bin\n"
        "    target: /usr/local/bin\n"
        "    selective: [python3, pip]\n"
        "environment:\n"
        "  PYTHONHOME: /usr/local\n"
        "  PATH_PREPEND: /opt/x/bin\n"
        "  LD_LIBRARY_PATH_PREPEND: /usr/local/lib\n"
        "  LITERAL: $HOME\n"
        "requirements:\n"
        "  min_memory: 512MB\n"
        "  architectures: [amd64]\n";

static void use_manifest(const char *text) {
        runtime.manifest = manifest_free(runtime.manifest);
        if (manifest_parse(text, strlen(text), "runtime.yml", &runtime.manifest, &message) < 0)
                fail_msg("%s", message);
}

static int setup(void **state) {
        assert_int_equal(request_new(&request), 0);
        assert_int_equal(request_set_command(request, (char *[]) { (char*) "/usr/bin/python", (char*) "$x", (char*) "%n", NULL }, NULL), 0);
        runtime = (Runtime) {
                .language = (char*) "python",
                .name = (char*) "python-3.11-ml",
                .display_name = (char*) "python:3.11-ml",
                .key = (char*) "python-3.11-ml",
                .path = (char*) "/opt/joblet/runtimes/python/python-3.11-ml",
                .digest = (char*) "d1gest",
        };
        use_manifest(manifest);
        policy = (Policy) {
                .systemd_version = 252,
                .machine = "x86_64",
                .memory_total = 8 * GIB,
                .online_cpus = cpus_online,
                .online_cpus_size = sizeof cpus_online,
                .has_memory = true,
                .has_cpu = true,
                .has_cpuset = true,
                .stop_timeout_usec = 10 * USEC_PER_SEC,
                .bounds = JOB_BOUNDS_DEFAULT,
                .root = "/usr/lib/joblet/root",
                .relay = "/usr/lib/joblet/joblet-relay",
        };
        return 0;
}

static int teardown(void **state) {
        plan = plan_free(plan);
        request = request_free(request);
        runtime.manifest = manifest_free(runtime.manifest);
        free(message);
        message = NULL;
        return 0;
}

static void make(uint64_t id, bool with_runtime) {
        int r;

        plan = plan_free(plan);
        r = plan_new(request, with_runtime ? &runtime : NULL, &policy, (PlanSubject) { .id = id, .owner = 1000 }, &plan, &message);
        if (r < 0)
                fail_msg("%d: %s", r, message ?: "no message");
}

static void refused(bool with_runtime, int error, const char *sentence) {
        Plan *p = NULL;

        assert_int_equal(plan_new(request, with_runtime ? &runtime : NULL, &policy, (PlanSubject) { .id = 1 }, &p, &message), error);
        assert_null(p);
        assert_string_equal(message, sentence);
        free(message);
        message = NULL;
}

static const PlanMount* find_mount(const char *target) {
        for (size_t i = 0; i < plan->n_mounts; i++)
                if (strcmp(plan->mounts[i].target, target) == 0)
                        return plan->mounts + i;
        return NULL;
}

static void assert_mount(const char *target, PlanMountKind kind, const char *source) {
        const PlanMount *m = find_mount(target);

        if (!m)
                fail_msg("nothing is mounted to %s", target);
        assert_int_equal(m->kind, kind);
        if (source)
                assert_string_equal(m->source, source);
        else
                assert_null(m->source);
}

static const char* value_of(const char *name) {
        const char *found = NULL;
        size_t n = strlen(name);

        STRV_FOREACH(e, plan->environment)
                if (strncmp(*e, name, n) == 0 && (*e)[n] == '=') {
                        assert_null(found); /* each name once */
                        found = *e + n + 1;
                }
        return found;
}

static void test_names(void **state) {
        assert_int_equal(request_set_name(request, "a-name", NULL), 0);
        make(42, true);
        assert_string_equal(plan->unit, "joblet-job-42.service");
        assert_string_equal(plan->slice, "joblet-u1000.slice");
        assert_string_equal(plan->user, "joblet-u1000");
        assert_string_equal(plan->identifier, "python");
        assert_string_equal(plan->description, "Joblet job a-name in python:3.11-ml: python");
        assert_string_equal(plan->runtime, "python:3.11-ml");
        assert_string_equal(plan->runtime_digest, "d1gest");
        assert_non_null(strstr(plan->workspace, "/work/42"));
        assert_true(strv_contains(plan->log_fields, "JOBLET_JOB_ID=42"));
        assert_true(strv_contains(plan->log_fields, "JOBLET_RUNTIME=python:3.11-ml"));
        assert_true(strv_contains(plan->log_fields, "JOBLET_OWNER_UID=1000"));
}

/* What a job is called is seen by others, and put into one line. */
static void test_names_of_odd_commands(void **state) {
        assert_int_equal(request_set_command(request, (char *[]) { (char*) "a\nb\x1b[2J", (char*) "x", NULL }, NULL), 0);
        make(1, false);
        assert_null(strpbrk(plan->description, "\n\x1b"));
        assert_null(strpbrk(plan->identifier, "\n\x1b"));
        assert_int_equal(request_set_command(request, (char *[]) { (char*) "/", (char*) "x", NULL }, NULL), 0);
        make(1, false);
        assert_string_equal(plan->identifier, "joblet");
}

static void assert_words(size_t n, const char *first, const char *last) {
        make(1, false);
        assert_int_equal(strv_length(plan->command), n);
        assert_string_equal(plan->command[0], first);
        assert_string_equal(plan->command[n - 1], last);
        assert_null(strstr(plan->description, last));
}

static void test_shell(void **state) {
        _cleanup_free_ char *large = malloc(REQUEST_WORD_MAX);

        assert_int_equal(request_set_command(request, (char *[]) { (char*) "my program", NULL }, NULL), 0);
        assert_words(3, "sh", "my program");
        assert_int_equal(request_set_shell(request, "no", NULL), 0);
        make(1, false);
        assert_int_equal(strv_length(plan->command), 1);
        assert_string_equal(plan->command[0], "my program");

        assert_int_equal(request_set_command(request, (char *[]) { (char*) "echo", (char*) "$HOME", NULL }, NULL), 0);
        assert_words(2, "echo", "$HOME");
        assert_int_equal(request_set_shell(request, "yes", NULL), 0);
        assert_words(3, "sh", "echo $HOME");

        memset(large, 'x', REQUEST_WORD_MAX);
        large[REQUEST_WORD_MAX - 1] = 0;
        assert_int_equal(request_set_command(request, (char *[]) { (char*) "echo", large, NULL }, NULL), 0);
        refused(false, -EINVAL, "--shell: the script is 131076 bytes long, Linux takes no word of more than 131071; "
                "put long data into a file and use --upload, or give it on standard input");
}

static void test_mounts_of_the_host(void **state) {
        make(42, false);
        assert_string_equal(plan->root, "/usr/lib/joblet/root");
        assert_mount("/usr", PLAN_BIND_READ_ONLY, "/usr");
        assert_mount("/usr/local", PLAN_TMPFS, NULL);
        assert_mount("/dev/shm", PLAN_TMPFS, NULL);
        assert_non_null(strstr(find_mount("/sys/fs/cgroup")->source, "/jobs/42/cgroup"));
        assert_mount("/sys/fs/cgroup/joblet.slice/joblet-u1000.slice/joblet-job-42.service", PLAN_BIND_READ_ONLY,
                     "/sys/fs/cgroup/joblet.slice/joblet-u1000.slice/joblet-job-42.service");
        assert_mount("/work", PLAN_BIND_WRITABLE, plan->workspace);
        assert_mount("/tmp", PLAN_BIND_WRITABLE, plan->temporary);
        assert_mount("/var/tmp", PLAN_BIND_WRITABLE, plan->temporary);
        assert_string_equal(find_mount("/dev/shm")->options, "mode=1777,nosuid,nodev,size=1073741824");
        assert_mount("/usr/lib/joblet/runtimes", PLAN_INACCESSIBLE, NULL);
        assert_non_null(strstr(find_mount("/etc")->source, "joblet/etc"));
        assert_null(find_mount("/etc/ssl"));
        policy.etc_directories = (char *[]) { (char*) "ssl", (char*) "java-21-openjdk", NULL };
        make(42, false);
        assert_mount("/etc/ssl", PLAN_BIND_READ_ONLY, "/etc/ssl");
        assert_mount("/etc/java-21-openjdk", PLAN_BIND_READ_ONLY, "/etc/java-21-openjdk");
        assert_true(find_mount("/etc/ssl")->optional);
        assert_null(find_mount("/etc/resolv.conf"));
        assert_null(find_mount("/opt"));

        /* Nothing else is writable, and nothing of the host but this */
        for (size_t i = 0; i < plan->n_mounts; i++) {
                const PlanMount *m = plan->mounts + i;

                assert_true(m->kind != PLAN_BIND_WRITABLE || strcmp(m->source, plan->workspace) == 0 || strcmp(m->source, plan->temporary) == 0);
                if (m->kind == PLAN_BIND_READ_ONLY)
                        assert_true(strncmp(m->source, "/usr", 4) == 0 || strncmp(m->source, "/etc/", 5) == 0 || strcmp(m->target, "/etc") == 0 ||
                                    strstr(m->source, "/jobs/42/") || strncmp(m->source, "/sys/fs/cgroup/joblet.slice/joblet-u1000.slice/joblet-job-42", 60) == 0);
        }

        assert_int_equal(request_set_network(request, "host", NULL), 0);
        make(42, false);
        assert_mount("/etc/resolv.conf", PLAN_BIND_READ_ONLY, "/etc/resolv.conf");
        assert_mount("/etc/hosts", PLAN_BIND_READ_ONLY, "/etc/hosts");
}

static void test_mounts_of_a_runtime(void **state) {
        const char *top = runtime.path;

        make(42, true);
        assert_mount("/opt", PLAN_TMPFS, NULL);
        assert_mount(top, PLAN_BIND_READ_ONLY, top);
        assert_mount("/usr/local/lib", PLAN_BIND_READ_ONLY,
                     "/opt/joblet/runtimes/python/python-3.11-ml/lib");
        assert_mount("/usr/local/bin/python3", PLAN_BIND_READ_ONLY,
                     "/opt/joblet/runtimes/python/python-3.11-ml/bin/python3");
        assert_mount("/usr/local/bin/pip", PLAN_BIND_READ_ONLY,
                     "/opt/joblet/runtimes/python/python-3.11-ml/bin/pip");
        assert_null(find_mount("/usr/local/bin"));
        assert_null(find_mount("/srv"));
        /* Parents before what is in them */
        assert_true(find_mount("/usr/local/lib") < find_mount("/usr/local/lib/python3.11/site-packages"));
        assert_true(find_mount("/opt") < find_mount(top));

        runtime.path = (char*) "/usr/lib/joblet/runtimes/python/python-3.11-ml";
        make(42, true);
        assert_mount("/usr/lib/joblet/runtimes", PLAN_TMPFS, NULL);
        assert_mount(runtime.path, PLAN_BIND_READ_ONLY, runtime.path);

        use_manifest("name: x-1\nversion: \"1\"\ntype: system\nmounts:\n  - source: data\n    target: /srv/data\n");
        make(42, true);
        assert_mount("/srv", PLAN_TMPFS, NULL);
        assert_true(find_mount("/srv") < find_mount("/srv/data"));
}

static void test_root_of_a_runtime(void **state) {
        use_manifest("name: x-1\nversion: \"1\"\ntype: system\nbase: self\n");
        make(42, true);
        assert_string_equal(plan->root, "/opt/joblet/runtimes/python/python-3.11-ml/root");
        assert_null(find_mount("/usr"));
        assert_null(find_mount("/etc"));
        assert_null(find_mount("/etc/hosts"));
        runtime.root_has_hosts = true;
        make(42, true);
        assert_non_null(strstr(find_mount("/etc/hosts")->source, "joblet/etc/hosts"));
        assert_mount("/work", PLAN_BIND_WRITABLE, plan->workspace);
        assert_mount(plan->relay, PLAN_BIND_READ_ONLY, policy.relay); /* it does not come with /usr */
}

static void test_environment(void **state) {
        make(42, false);
        assert_string_equal(value_of("PATH"),
                            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        assert_string_equal(value_of("HOME"), "/work");
        assert_string_equal(value_of("USER"), "joblet-u1000");
        assert_string_equal(value_of("JOBLET_JOB_ID"), "42");
        assert_null(value_of("JOBLET_RUNTIME"));

        make(42, true);
        assert_string_equal(value_of("PATH"),
                            "/opt/x/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        assert_string_equal(value_of("LD_LIBRARY_PATH"), "/usr/local/lib"); /* nothing there to go before */
        assert_string_equal(value_of("LITERAL"), "$HOME");
        assert_string_equal(value_of("JOBLET_RUNTIME"), "python-3.11-ml");
        assert_null(value_of("PATH_PREPEND"));

        assert_int_equal(request_set_environment(request, (char *[]) { (char*) "PATH_PREPEND=/first", (char*) "PYTHONHOME=mine", (char*) "A=1",
                                                 (char*) "A=2=3", (char*) "EMPTY=", (char*) "EMPTY_PREPEND=x", (char*) "_PREPEND=odd", NULL }, NULL), 0);
        make(42, true);
        assert_string_equal(value_of("PATH"), "/first:/opt/x/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        assert_string_equal(value_of("PYTHONHOME"), "mine");
        assert_string_equal(value_of("A"), "2=3");
        assert_string_equal(value_of("EMPTY"), "x");
        assert_string_equal(value_of("PATH_PREPEND"), "/first"); /* what a user gives is there under its own name as well */
        assert_string_equal(value_of("_PREPEND"), "odd"); /* prefixes nothing */

        assert_int_equal(request_set_environment(request, (char *[]) { (char*) "PATH=/only", NULL }, NULL), 0);
        make(42, true);
        assert_string_equal(value_of("PATH"), "/only");
}

static void test_runtime_that_does_not_fit(void **state) {
        policy.machine = "aarch64";
        refused(true, -EINVAL, "runtime python:3.11-ml is made for amd64, this host is aarch64; install the package built for aarch64");
        policy.machine = "x86_64";
        assert_int_equal(request_set_memory_max(request, GIB / 4, NULL), 0);
        refused(true, -EINVAL, "runtime python:3.11-ml needs at least 512.0MB of memory, --max-memory allows 256.0MB; raise it");
        assert_int_equal(request_set_memory_max(request, GIB / 2, NULL), 0);
        make(1, true); /* exactly enough */
        request->memory_max = UINT64_MAX;
        policy.memory_total = GIB / 4;
        refused(true, -EINVAL,
                "runtime python:3.11-ml needs at least 512.0MB of memory, this host has 256.0MB");
        make(1, false);
}

/* A job that asked for a limit never runs without it. */
static void test_limits_that_cannot_be_kept(void **state) {
        policy.has_memory = policy.has_cpu = policy.has_cpuset = false;
        make(1, false);
        assert_int_equal(request_set_memory_max(request, GIB, NULL), 0);
        refused(false, -EOPNOTSUPP,
                "--max-memory: this host cannot enforce it, its control groups lack the memory controller; "
                "run without the option, or see AcceptUnenforcedLimits= in jobletd(8)");
        request->memory_max = UINT64_MAX;
        assert_int_equal(request_set_cpu_percent(request, 50, NULL), 0);
        refused(false, -EOPNOTSUPP,
                "--max-cpu: this host cannot enforce it, its control groups lack the cpu controller; "
                "run without the option, or see AcceptUnenforcedLimits= in jobletd(8)");
        request->cpu_percent = 0;
        assert_int_equal(request_set_cpus(request, "0-3", NULL), 0);
        refused(false, -EOPNOTSUPP,
                "--cpu-cores: this host cannot enforce it, its control groups lack the cpuset controller; "
                "run without the option, or see AcceptUnenforcedLimits= in jobletd(8)");
        policy.accept_unenforced_limits = true;
        make(1, false);
        assert_string_equal(plan->cpus, "0-3");

        assert_int_equal(request_set_cpus(request, "3-4", NULL), 0);
        refused(false, -EINVAL, "--cpu-cores: 3-4 names a CPU that this host does not have; see nproc(1)");
        assert_int_equal(request_set_cpus(request, "64", NULL), 0);
        refused(false, -EINVAL, "--cpu-cores: 64 names a CPU that this host does not have; see nproc(1)");
}

/* The settings of a property, one a line; NULL if the unit does not get it. */
static char* setting(const char *name) {
        _cleanup_free_ Property *properties = NULL;
        _cleanup_strv_free_ char **lines = NULL;
        size_t n = 0;

        assert_int_equal(properties_of_plan(plan, &properties, &n), 0);
        for (size_t i = 0; i < n; i++)
                if (strcmp(properties[i].name, name) == 0) {
                        assert_null(lines);
                        assert_int_equal(property_to_settings(properties + i, plan, &lines), 0);
                        return strv_join(lines, "\n");
                }
        return NULL;
}

static void assert_setting(const char *name, const char *expected) {
        _cleanup_free_ char *s = setting(name);

        if (!s != !expected || (s && strcmp(s, expected) != 0))
                fail_msg("%s is '%s'", name, s ? s : "(not set)");
}

static void test_properties(void **state) {
        make(42, true);
        assert_setting("Description", "Joblet job in python:3.11-ml: python");
        assert_setting("Slice", "joblet-u1000.slice");
        assert_setting("User", "joblet-u1000");
        assert_setting("RootDirectory", "/usr/lib/joblet/root");
        assert_setting("EnvironmentFiles", NULL);
        assert_setting("Environment", NULL); /* any user can read it, as the command line: see launch.h */
        assert_setting("ExecStart", NULL);
        assert_setting("LogExtraFields",
                       "JOBLET_JOB_ID=42\nJOBLET_RUNTIME=python:3.11-ml\nJOBLET_OWNER_UID=1000");
        assert_setting("WorkingDirectory", NULL); /* the relay goes there */
        assert_setting("PrivateNetwork", "yes");
        assert_setting("IPAddressDeny", "any");
        assert_setting("IPAddressAllow", "localhost");
        assert_setting("NoNewPrivileges", "yes");
        assert_setting("CapabilityBoundingSet", "");
        assert_setting("RestrictNamespaces", "yes");
        assert_setting("SystemCallFilter", "@system-service ptrace");
        assert_setting("DynamicUser", "yes");
        assert_setting("TimeoutStopUSec", "10s");
        assert_setting("TasksMax", "4096");
        assert_setting("MemoryMax", NULL);
        assert_setting("MemorySwapMax", NULL);
        assert_setting("CPUQuotaPerSecUSec", NULL);
        assert_setting("AllowedCPUs", NULL);
        assert_setting("RuntimeMaxUSec", NULL);
        assert_setting("LogRateLimitIntervalUSec", "0");

        policy.relay = NULL;
        make(42, false);
        assert_setting("WorkingDirectory", "/work");
}

static void test_properties_of_limits(void **state) {
        assert_int_equal(request_set_memory_max(request, GIB, NULL), 0);
        assert_int_equal(request_set_cpu_percent(request, 150, NULL), 0);
        assert_int_equal(request_set_cpus(request, "0,2-3", NULL), 0);
        assert_int_equal(request_set_timeout(request, 90 * USEC_PER_SEC, NULL), 0);
        assert_int_equal(request_set_network(request, "host", NULL), 0);
        make(42, false);
        assert_setting("MemoryMax", "1073741824");
        assert_setting("MemorySwapMax", "0");
        assert_setting("CPUQuotaPerSecUSec", "150%");
        assert_setting("AllowedCPUs", "0,2-3");
        assert_setting("RuntimeMaxUSec", "1min 30s");
        assert_setting("PrivateNetwork", NULL);
        assert_setting("IPAddressDeny", NULL);
        assert_setting("IPAddressAllow", NULL);
}

static void test_what_each_systemd_gets(void **state) {
        make(42, false);
        assert_setting("PrivatePIDs", NULL);
        assert_setting("ProtectControlGroupsEx", NULL);
        assert_setting("ProtectControlGroups", "yes");
        assert_setting("BindLogSockets", NULL);
        assert_setting("ProtectProc", "ptraceable");
        policy.systemd_version = 256;
        make(42, false);
        assert_setting("PrivatePIDs", NULL);
        policy.systemd_version = 257;
        make(42, false);
        assert_setting("PrivatePIDs", "yes");
        assert_setting("ProtectControlGroupsEx", "strict");
        assert_setting("ProtectControlGroups", NULL);
        assert_null(find_mount("/sys/fs/cgroup"));
        assert_setting("BindLogSockets", "no");
}

static void test_paths_are_escaped(void **state) {
        _cleanup_free_ char *binds = NULL;

        runtime.path = (char*) "/opt/a b:c\"d\\e";
        make(42, true);
        binds = setting("BindReadOnlyPaths");
        assert_non_null(strstr(binds, "\n/opt/a\\ b\\:c\\\"d\\\\e:/opt/a\\ b\\:c\\\"d\\\\e:norbind\n"));
}

static void test_systemd_run(void **state) {
        _cleanup_strv_free_ char **argv = NULL;
        size_t n;

        assert_int_equal(request_set_environment(request, (char *[]) { (char*) "A=$x \"%n\"\n", NULL }, NULL), 0);
        make(0, true);
        assert_int_equal(plan_to_systemd_run(plan, &argv), 0);
        n = strv_length(argv);
        assert_string_equal(argv[0], "systemd-run");
        assert_string_equal(argv[n - 4], "--");
        assert_string_equal(argv[n - 3], "/usr/bin/python");
        assert_string_equal(argv[n - 2], "$$x"); /* systemd-run takes one for a variable */
        assert_string_equal(argv[n - 1], "%n");
        assert_true(strv_contains(argv, "--setenv=A=$x \"%n\"\n"));
        assert_true(strv_contains(argv, "--property=PrivateNetwork=yes"));
        assert_true(strv_contains(argv, "--property=LogRateLimitIntervalSec=0"));
        assert_true(strv_contains(argv, "--property=TemporaryFileSystem=/work:mode=1777,nosuid,nodev"));
        assert_true(strv_contains(argv, "--property=WorkingDirectory=/work"));
        /* Nothing of a job that does not exist */
        STRV_FOREACH(a, argv) {
                assert_null(strstr(*a, "joblet-job"));
                assert_null(strstr(*a, "EnvironmentFile"));
                assert_null(strstr(*a, "JOBLET_JOB_ID"));
        }
}

/* Carried along, without an effect while there are no volumes. */
static void test_cache_of_a_package_manager(void **state) {
        make(42, true);
        assert_null(plan->cache_volume);
        assert_null(plan->cache_target);
        assert_null(plan->cache_assignment);

        use_manifest("name: n\nversion: 1\npackage_manager: {type: pip, cache_volume: pip-cache}\n");
        make(42, true);
        assert_string_equal(plan->cache_volume, "pip-cache");
        assert_string_equal(plan->cache_target, "/volumes/pip-cache");
        assert_string_equal(plan->cache_assignment, "PIP_CACHE_DIR=/volumes/pip-cache");
        assert_null(find_mount("/volumes/pip-cache"));
        assert_null(value_of("PIP_CACHE_DIR"));

        use_manifest("name: n\nversion: 1\npackage_manager: {type: maven, cache_volume: m2}\n");
        make(42, true);
        assert_string_equal(plan->cache_assignment, "MAVEN_OPTS=-Dmaven.repo.local=/volumes/m2");

        use_manifest("name: n\nversion: 1\npackage_manager: {type: conda, cache_volume: c}\n");
        make(42, true);
        assert_string_equal(plan->cache_target, "/volumes/c");
        assert_null(plan->cache_assignment);

        use_manifest("name: n\nversion: 1\npackage_manager: {type: npm}\n");
        make(42, true);
        assert_null(plan->cache_volume);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_names_of_odd_commands, setup, teardown),
                cmocka_unit_test_setup_teardown(test_shell, setup, teardown),
                cmocka_unit_test_setup_teardown(test_mounts_of_the_host, setup, teardown),
                cmocka_unit_test_setup_teardown(test_mounts_of_a_runtime, setup, teardown),
                cmocka_unit_test_setup_teardown(test_root_of_a_runtime, setup, teardown),
                cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
                cmocka_unit_test_setup_teardown(test_runtime_that_does_not_fit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limits_that_cannot_be_kept, setup, teardown),
                cmocka_unit_test_setup_teardown(test_properties, setup, teardown),
                cmocka_unit_test_setup_teardown(test_properties_of_limits, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_each_systemd_gets, setup, teardown),
                cmocka_unit_test_setup_teardown(test_paths_are_escaped, setup, teardown),
                cmocka_unit_test_setup_teardown(test_systemd_run, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cache_of_a_package_manager, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
