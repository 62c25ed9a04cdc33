#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What every other test relies on: the machine itself.
. "$(dirname "$0")/../harness/assert.sh"

test_is_up() {
        assert_eq "$(in_machine systemctl is-system-running)" running
        assert_eq "$(in_machine cat /proc/1/comm)" systemd
}

test_suite_is_the_one_asked_for() {
        local version

        version=$(in_machine systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
        case $SUITE in
        bookworm) assert_eq "$version" 252 ;;
        trixie)   assert_eq "$version" 257 ;;
        esac
}

test_bus_implementation() {
        case $SUITE in
        bookworm) in_machine systemctl is-active dbus.service ;;
        trixie)   in_machine systemctl is-active dbus-broker.service ;;
        esac
}

test_stdio_is_exact() {
        assert_eq "$(head -c 1000000 /dev/zero | in_machine sha256sum)" "$(head -c 1000000 /dev/zero | sha256sum)"
        assert_eq "$(in_machine sh -c 'echo out; echo err >&2' 2>/dev/null)" out
        assert_exit 7 in_machine sh -c 'exit 7'
        assert_exit 137 in_machine sh -c 'kill -9 $$'
}

test_users() {
        assert_eq "$(as_user alice id -un)" alice
        assert_eq "$(as_user bob pwd)" /home/bob
        assert_exit 1 as_user carol systemctl --no-ask-password stop polkit.service
        assert_match "$output" 'authentication required'
}

test_transient_units_work() {
        assert_eq "$(in_machine systemd-run -q --wait --pipe --collect -p DynamicUser=yes echo hello)" hello
}

run_tests "$@"
