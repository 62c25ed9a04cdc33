#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds rust-stable; run as root it installs it, too. Options are those of ../build, and --no-install.
exec "$(dirname "$(readlink -f "$0")")/../build" --setup rust-stable "$@"
