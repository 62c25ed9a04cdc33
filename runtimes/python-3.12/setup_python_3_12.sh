#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds python-3.12 from --source FILE --sha256 HEX; run as root it installs it, too. Options are those of ../build, and
# --no-install.
exec "$(dirname "$(readlink -f "$0")")/../build" --setup python-3.12 "$@"
