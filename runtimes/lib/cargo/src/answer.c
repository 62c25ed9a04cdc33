/* SPDX-License-Identifier: LGPL-2.1-or-later */
int c_answer(void) {
        return 42;
}
