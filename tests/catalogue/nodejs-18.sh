#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Node.js with the tools of a web project: TypeScript is compiled and run, Express answers a request.
. "$(dirname "$0")/../harness/assert.sh"
. "$(dirname "$0")/lib.sh"

test_no_node_here() {
        assert_absent node nodejs npm tsc libnode libstdc++
}

test_installed_and_listed() {
        assert_life nodejs:18 18.20.4
}

test_passes_its_test() {
        passes_its_test 'Node\.js v18\.20\.4' 'express 4\.19\.2' 'typescript 5\.5\.4' '@types/node 18\.19\.42' \
                'nodemon 3\.1\.4' 'eslint 8\.57\.0' 'prettier 3\.3\.3'
}

test_all_six_pins_and_their_programs() {
        local said

        said=$(in_job npm ls --global --depth=0)
        for pin in express@4.19.2 typescript@5.5.4 @types/node@18.19.42 nodemon@3.1.4 eslint@8.57.0 prettier@3.3.3; do
                grep -qE -e "[ -]$pin\$" <<<"$said" || fail "no $pin in $said"
        done
        assert_eq "$(in_job 'node --version; tsc --version; eslint --version; prettier --version; nodemon --version')" \
                $'v18.20.4\nVersion 5.5.4\nv8.57.0\n3.3.3\n3.1.4'
}

test_typescript_is_compiled_and_run() {
        assert_match "$(example nodejs-18/app.ts)" '^[0-9]+ cores, [0-9.]+ GiB$'
}

# As printed, the shell of the caller takes "&& node app.js" for itself: it has to be quoted.
test_lines_of_the_guide() {
        assert_eq "$(rnx run --runtime=nodejs-18 node --version)" v18.20.4
        assert_match "$(rnx run --runtime=nodejs-18 --upload=app.ts --upload=tsconfig.json 'tsc app.ts && node app.js')" '^[0-9]+ cores, [0-9.]+ GiB$'
        for spelling in nodejs-18 nodejs:18 node:18 node-18; do
                assert_eq "$(rnx run --runtime="$spelling" node -p '6 * 7')" 42
        done
        assert_match "$(rnx runtime info nodejs-18)" $'\n  - express@4\\.19\\.2\n'
}

test_express_answers_in_its_job() {
        local id

        assert_eq "$(in_job --upload=server.js node server.js --try)" $'listening on port 3000\n{"hello":"joblet"}'
        # and to another process of the job
        assert_match "$(in_job --upload=server.js sh -ec '
                node server.js & server=$!
                node -e "
                        const ask = () => fetch(\"http://localhost:3000/hello/you\").then(r => r.text()).then(console.log, () => setTimeout(ask, 50));
                        ask()"
                kill $server')" '\{"hello":"you"\}'
        # the line of the guide serves until it is stopped
        id=$(detached alice --runtime=nodejs-18 --upload=server.js node server.js)
        wait_until 20 in_log "$id" 'listening on port 3000'
        assert_exit 0 rnx stop "$id"
}

test_modules_of_both_kinds_and_tools() {
        as_user alice tee a.mjs <<<'import express from "express"; import ts from "typescript"; console.log(typeof express, ts.version);' >/dev/null
        as_user alice tee b.js <<<'const x = {a:1}
console.log( x.a )' >/dev/null
        assert_eq "$(in_job --upload=a.mjs node a.mjs)" 'function 5.5.4'
        assert_eq "$(in_job --upload=b.js prettier b.js)" $'const x = { a: 1 };\nconsole.log(x.a);'
        assert_exit 1 in_job --upload=b.js sh -c "echo '{\"rules\":{\"semi\":\"error\"},\"parserOptions\":{\"ecmaVersion\":2022}}' >.eslintrc.json; eslint b.js"
        assert_match "$output" 'Missing semicolon'
        assert_match "$(in_job sh -c 'npm init -y >/dev/null && npm pkg get version')" '"1\.0\.0"'
        # nodemon runs it, and again when it changes
        assert_eq "$(in_job --timeout=1min --upload=b.js sh -ec '
                nodemon b.js >said & nodemon=$!
                until grep -q "^1\$" said; do sleep 0.05; done
                until grep -q "^2\$" said; do echo "console.log(2)" >b.js; sleep 0.2; done
                kill $nodemon; grep "^[12]\$" said | uniq')" $'1\n2'
}

test_its_libraries_are_its_own() {
        assert_own_libraries "$(in_job node -p 'require("crypto").createHash("md5"); require("dns"); require("fs").readFileSync("/proc/self/maps", "utf8")')"
}

test_output_survives_a_timeout() {
        assert_prints_at_once node -e 'console.log("epoch 1"); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600000)'
}

test_lines_of_the_guide_of_runtimes() {
        assert_guide_works
}

test_no_program_of_the_host_breaks() {
        assert_host_programs_work
}

test_unzipped() {
        assert_unzipped node -p 'require("express/package.json").version'
        assert_eq "$output" 4.19.2
}

test_removed() {
        assert_removed nodejs:18
}

run_tests "$@"
