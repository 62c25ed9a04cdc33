// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Run in a job's view of the runtime, in /work: versions, import and require of every package, each program, a server
// that answers, TypeScript. Usage: node-test.mjs VERSION PACKAGE...

import assert from 'node:assert';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';

const [version, ...packages] = process.argv.slice(2);
const require = createRequire('/work/x.js');
const run = (...argv) => execFileSync(argv[0], argv.slice(1), { encoding: 'utf8' }).trim();

assert.strictEqual(process.version, 'v' + version);
assert.strictEqual(process.execPath, '/usr/local/bin/node');
for (const name of packages) {
        assert(await import(name), name);
        assert(require(name), name);
}

// Every listed version is the one that is there.
const listed = fs.readFileSync('/opt/joblet/runtimes/nodejs/' + fs.readdirSync('/opt/joblet/runtimes/nodejs')[0] + '/runtime.yml', 'utf8');
for (const [, name, wanted] of listed.matchAll(/^ +- "(@?[^@"]+)@([^"]+)"$/gm))
        assert.strictEqual(JSON.parse(fs.readFileSync(`/node_modules/${name}/package.json`, 'utf8')).version, wanted, name);

// Only libraries of the runtime and the C library.
for (const line of fs.readFileSync('/proc/self/maps', 'utf8').split('\n')) {
        const library = /(\/[^ ]*\.so[^ ]*)$/.exec(line)?.[1];
        assert(!library || library.startsWith('/usr/local/lib/') || /\/(lib(c|m|dl|pthread|rt|util)|ld-linux[^.]*)[.-]/.test(library),
                `library of the host: ${library}`);
}

for (const program of ['npm', 'npx', 'tsc', 'eslint', 'prettier', 'nodemon'])
        assert.match(run(program, '--version'), /^(Version |v)?\d+\.\d+\.\d+$/m, program);

assert.strictEqual(run('npm', 'prefix'), '/work');
run('tsc', '--strict', '--module', 'commonjs', '--esModuleInterop', 'node-test.ts');
assert.match(run('node', 'node-test.js'), /^[0-9a-f]{64}$/);
assert.match(run('npx', 'tsc', '--version'), /^Version/);

const app = (await import('express')).default();
app.get('/', (request, response) => response.json({ ok: request.query.q }));
const server = app.listen(0, '127.0.0.1', () => {
        http.get({ host: '127.0.0.1', port: server.address().port, path: '/?q=42' }, (response) => {
                let body = '';
                response.on('data', (data) => { body += data; });
                response.on('end', () => {
                        assert.strictEqual(body, '{"ok":"42"}');
                        server.close();
                });
        });
});
