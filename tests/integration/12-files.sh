#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Files on their way into a job and back.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

# A directory with all that must arrive as it was.
setup() {
        as_user alice sh -c '
                rm -rf ~/in ~/out && mkdir -p ~/in/tree/deep/er ~/in/tree/empty ~/in/other ~/out && cd ~/in
                printf "#!/bin/sh\necho \"script \$1\"\n" >tree/script.sh && chmod 755 tree/script.sh
                echo secret >tree/private && chmod 600 tree/private
                echo below >tree/deep/er/file
                ln -s deep/er/file tree/link
                ln -s ../script.sh tree/deep/up
                : >tree/none
                echo odd >"tree/ name  with ö and \$ "
                chmod 750 tree/deep
                head -c 3000000 /dev/urandom >tree/random
                echo other >other/private'
}

# shape DIRECTORY: what can be compared of a tree
# shellcheck disable=SC2016
shape='cd "$1" && find . -mindepth 1 -printf "%P %y %m %l\n" | grep -v " l " | sort && find . -type l -printf "%P -> %l\n" | sort && find . -type f -exec sha256sum {} + | sort'

test_upload_of_a_file() {
        assert_eq "$(rnx run --upload=in/tree/script.sh ./script.sh here)" 'script here'
        assert_eq "$(rnx run --upload=in/tree/private sh -c 'stat -c "%a %n" *; cat private')" $'600 private\nsecret'
        assert_eq "$(rnx run --upload 'in/tree/ name  with ö and $ ' sh -c 'cat *')" odd
        assert_eq "$(rnx run --upload=in/tree/none sh -c 'wc -c *')" '0 none'
        # the link's file, as cp does it
        assert_eq "$(rnx run --upload=in/tree/link cat link)" below
}

test_upload_of_a_directory_keeps_its_name() {
        assert_eq "$(rnx run --upload=in/tree sh -c "$shape" sh tree)" "$(as_user alice sh -c "$shape" sh in/tree)"
        assert_eq "$(rnx run --upload=in/tree/ ls)" tree
}

test_upload_dir_is_what_is_in_it() {
        assert_eq "$(rnx run --upload-dir=in/tree sh -c "$shape" sh /work)" "$(as_user alice sh -c "$shape" sh in/tree)"
        assert_eq "$(rnx run --upload-dir=in/tree ./script.sh x)" 'script x'
}

test_upload_of_several() {
        assert_eq "$(rnx run --upload=in/tree/private --upload-dir=in/tree/deep/er --upload=in/other ls | tr '\n' ' ')" \
                  'file other private '
        # they are the job's own
        # shellcheck disable=SC2016
        assert_eq "$(rnx run --upload=in/other sh -c 'echo more >>other/private && cat other/private && [ -O other ] && echo owner')" \
                  $'other\nmore\nowner'
}

test_upload_into_a_detached_job() {
        local id

        id=$(detached alice --upload=in/tree sh -c 'cd tree && sha256sum random')
        assert_exit 0 rnx wait "$id"
        assert_eq "$(rnx log "$id")" "$(as_user alice sh -c 'cd in/tree && sha256sum random')"
}

test_upload_interrupted() {
        local said

        as_user alice python3 -c "$endless_file" in/huge $((8 << 30))
        said=$(on_terminal alice Uploading '' env COLUMNS=40 rnx run --upload=in/huge true)
        as_user alice rm in/huge
        # a line that is wrapped would be drawn again and again, below each other
        assert_no_match "$said" '#'
        assert_match "$said" ' code 130$'
        assert_no_match "$said" 'archive'
}

test_upload_refusals() {
        local before id

        before=$(detached alice true)
        assert_exit 125 rnx run --upload=in/tree/private --upload=in/other/private cat private
        assert_one_line "$output"
        assert_match "$output" 'in/tree/private.*in/other/private.*/work/private'
        assert_exit 125 rnx run --upload=in/nothing true
        assert_one_line "$output"
        assert_match "$output" '--upload=in/nothing: No such file'
        assert_exit 125 rnx run --upload-dir=in/tree/private true
        assert_one_line "$output"
        assert_exit 125 as_user bob rnx run --upload=/home/alice/in/tree/private true
        assert_one_line "$output"
        as_user alice mkfifo in/fifo
        assert_exit 125 rnx run --upload=in/fifo true
        assert_one_line "$output"
        assert_match "$output" '--upload=in/fifo: it is a FIFO'
        id=$(detached alice true)
        assert_eq "$id" $((before + 1))
}

test_upload_larger_than_allowed() {
        configure UploadMax=1M
        assert_exit 125 rnx run --upload=in/tree/random sh -c 'echo must not run'
        configure
        assert_no_match "$output" 'must not run'
        assert_match "$output" 'rnx: .*(1.0M|1048576|UploadMax|large|limit)'
}

test_download_of_a_file() {
        as_user alice sh -c 'cd out && rnx run --download=result.bin sh -c "printf \"a\\0b\" >result.bin; chmod 640 result.bin"'
        assert_eq "$(as_user alice sh -c 'cd out && stat -c "%a %U %s" result.bin')" '640 alice 3'
        # from anywhere in the job, to a name or into a directory
        as_user alice sh -c 'cd out && rnx run --download=/tmp/x:y --download=z:./ sh -c "echo 1 >/tmp/x; echo 2 >z" && cat y z' | tr '\n' ' ' | grep -qx '1 2 '
        rnx run --download=x:out/named --download=x:out/ sh -c 'echo 3 >x'
        assert_eq "$(as_user alice cat out/named out/x)" $'3\n3'
}

test_download_of_a_directory() {
        rnx run --upload=in/tree --download=tree:out/ sh -c 'mkdir tree/new'
        as_user alice mkdir in/tree/new
        assert_eq "$(as_user alice sh -c "$shape" sh out/tree)" "$(as_user alice sh -c "$shape" sh in/tree)"
}

test_download_replaces() {
        as_user alice sh -c 'echo old >out/x; chmod 600 out/x'
        rnx run --download=x:out/ sh -c 'echo new >x'
        assert_eq "$(as_user alice cat out/x)" new
}

is_coming() {
        [ -n "$(as_user alice sh -c 'ls -d out/.rnx-download-* 2>/dev/null')" ]
}

# What was there stays until the new is complete. The file has no end, as far as a test is concerned.
test_download_broken_off() {
        local id

        configure StopTimeoutSec=2
        as_user alice sh -c 'echo old >out/x'
        as_user alice sh -c "rnx run --download=x:out/ python3 -c '$endless_file' x; echo \"code \$?\"" >"/tmp/broken-$$" 2>&1 &
        wait_until 20 is_coming
        assert_eq "$(as_user alice cat out/x)" old
        id=$(rnx list --limit 1 --no-legend | cut -d' ' -f1)
        rnx stop "$id"
        wait $!
        configure
        assert_match "$(cat "/tmp/broken-$$")" $'^rnx: the download broke off: .*\nrnx: --download=x: was not fetched completely\n'
        rm "/tmp/broken-$$"
        assert_eq "$(as_user alice sh -c 'cat out/x; ls -A out')" $'old\nx'
        assert_record "$id" state COMPLETED exit_code 0
}

test_download_keeps_links_of_the_user() {
        as_user alice sh -c 'mkdir -p real out/out; ln -s ../../real out/out/data; echo mine >real/x'
        assert_exit 125 rnx run --download=out:out/ sh -c 'mkdir -p out/data; echo new >out/data/x'
        assert_one_line "$output"
        assert_match "$output" "^rnx: --download=out: 'out/data' is a link here, and nothing is written through links"
        assert_eq "$(as_user alice sh -c 'cat real/x; readlink out/out/data')" $'mine\n../../real'
}

# What else the job has made is worth having: it is gone otherwise.
test_download_goes_on_where_one_name_is_taken() {
        as_user alice sh -c 'rm -rf real; mkdir -p real out/d/b out/d/g; echo mine >out/d/c; ln -s ../../real out/d/e'
        assert_exit 125 rnx run --download=d:out/ --download=last:out/ sh -c '
                mkdir -p d/c d/e d/g && cd d && for f in a b c/x c/y d e/x e/y g/x; do echo new >$f; done; echo new >../last'
        assert_eq "$output" "$(printf 'rnx: --download=d: %s\n' "cannot write 'd/b': Is a directory" \
                "'d/c' is no directory here, and what is in it cannot be written; remove it, or write --download=PATH:DEST with another DEST" \
                "'d/e' is a link here, and nothing is written through links; remove it, or write --download=PATH:DEST with another DEST")"
        assert_eq "$(as_user alice cat out/d/a out/d/c out/d/d out/d/g/x out/last | tr '\n' ' ')" 'new mine new new new '
        assert_eq "$(as_user alice sh -c 'ls real; ls -A out/d | tr "\n" " "')" 'a b c d e g '
}

# Of root, who could: a device is not replaced by a file.
test_download_is_no_replacement_for_a_device() {
        local place

        in_machine sh -c 'rm -f /root/device /root/fifo; mknod /root/device c 1 3; mkfifo /root/fifo'
        for place in device fifo; do
                assert_exit 125 in_machine rnx run --download="x:/root/$place" sh -c 'echo x >x'
                assert_one_line "$output"
                assert_match "$output" "^rnx: --download=x:/root/$place: '/root/$place' is neither a file nor a directory"
        done
        assert_eq "$(in_machine stat -c %F /root/device /root/fifo)" $'character special file\nfifo'
}

test_download_also_from_a_failed_job() {
        assert_exit 3 rnx run --download=x:out/ sh -c 'echo partial >x; exit 3'
        assert_eq "$(as_user alice cat out/x)" partial
}

test_download_of_what_is_not_there() {
        assert_exit 125 rnx run --download=nothing:out/ true
        assert_one_line "$output"
        assert_match "$output" '^rnx: --download=nothing: the job left no such file or directory$'
        assert_exit 3 rnx run --download=nothing:out/ sh -c 'exit 3'
        # the others arrive
        assert_exit 125 rnx run --download=nothing:out/ --download=x:out/ sh -c 'echo there >x'
        assert_eq "$(as_user alice cat out/x)" there
}

test_download_refusals() {
        local before

        before=$(detached alice true)
        assert_exit 125 rnx run --download=x:/nowhere/x true
        assert_one_line "$output"
        assert_match "$output" /nowhere
        assert_exit 125 rnx run --download=x:/root/x true
        assert_one_line "$output"
        assert_exit 125 rnx run --download=../x true
        assert_one_line "$output"
        assert_exit 125 rnx run --detach --download=x true
        assert_one_line "$output"
        assert_eq "$(detached alice true)" $((before + 1))
}

# What could not be fetched is said, and the exit status tells, too.
test_download_that_is_not_complete() {
        assert_exit 125 rnx run --download=d:out/ sh -c 'mkdir d && echo a >d/a && echo b >d/b && chmod 0 d/b && mkfifo d/fifo'
        assert_match "$output" 'rnx: not in the download, or not all of it: d/b: Permission denied'
        assert_match "$output" 'rnx: not in the download, or not all of it: d/fifo: '
        assert_eq "$(as_user alice cat out/d/a)" a
        assert_exit 3 rnx run --download=d:out/ sh -c 'mkdir d && echo b >d/b && chmod 0 d/b; exit 3'
        assert_match "$output" 'd/b: Permission denied'
        # what the kernel says of its size is not believed
        rnx run --download=/proc/version:out/ true
        assert_match "$(as_user alice cat out/version)" '^Linux version'
}

# What a hostile job leaves must not harm the client.
test_hostile_download_is_harmless() {
        echo of the host | put /home/alice/victim
        in_machine chown alice: /home/alice/victim
        as_user alice rnx run --download=evil:out/ sh -c '
                mkdir -p evil/dir && cd evil
                ln -s /etc/passwd absolute
                ln -s ../../victim climbing
                ln -s dir/file fine
                mkfifo fifo
                echo mine >dir/file
                chmod 1777 dir' || :
        assert_eq "$(as_user alice cat out/evil/dir/file out/evil/fine)" $'mine\nmine'
        # nothing leads out of the tree, nothing is special
        assert_eq "$(as_user alice find out/evil -type l -lname '/*' -o -type l -lname '*..*' -o -type p -o -perm /7000)" ''
        # a link in the job in the place of what was asked for is no way to a file of the client
        as_user alice rnx run --download=victim:victim2 sh -c 'ln -s /home/alice/victim victim' || :
        assert_eq "$(as_user alice sh -c 'cat victim; test -L victim2 && echo link' || :)" 'of the host'
        # nor is a link that lies where it would be written to
        as_user alice ln -s ../victim out/x
        rnx run --download=x:out/x sh -c 'echo overwritten >x' || :
        assert_eq "$(as_user alice cat victim)" 'of the host'
}

test_large_file_both_ways() {
        # shellcheck disable=SC2016
        as_user alice sh -c 'head -c 100000000 /dev/urandom >in/large
                rnx run --upload=in/large --download=large:out/ true && cmp in/large out/large; code=$?; rm -f in/large out/large; exit $code'
}

run_tests "$@"
