// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Unpacks what a package-lock.json names into TREE/lib/node_modules and links programs into TREE/bin; writes a line for
// packages.json each. What npm does beyond that (install scripts, metadata of its own) is not wanted.
//
// Usage: node-unpack.js LOCK TARBALLS TREE SKIP PACKAGE-WITH-PROGRAMS...

'use strict';
const fs = require('fs'), path = require('path'), crypto = require('crypto');
const { spawnSync } = require('child_process');

const [lockFile, tarballs, tree, skip, ...programs] = process.argv.slice(2);
const lock = JSON.parse(fs.readFileSync(lockFile, 'utf8'));

function fail(message) {
        console.error('error: ' + message);
        process.exit(1);
}

const entries = Object.entries(lock.packages).filter(([where]) => where).sort(([a], [b]) => (a < b ? -1 : 1));
for (const [where, item] of entries) {
        // Outermost first; a package that comes inside of another's tarball has no digest of its own.
        if (item.inBundle || (item.os && !item.os.includes('linux')))
                continue;
        if (!/^(node_modules\/(@[\w.-]+\/)?[\w.-]+\/?)+$/.test(where) || where.includes('..'))
                fail(`${lockFile}: ${where}: not a place of a package`);
        const match = /^sha512-([A-Za-z0-9+/]+=*)$/.exec(item.integrity || '');
        if (!match)
                fail(`${lockFile}: ${where}: no SHA-512`);
        const digest = Buffer.from(match[1], 'base64').toString('hex');
        const file = path.join(tarballs, digest + '.tgz');
        if (crypto.createHash('sha512').update(fs.readFileSync(file)).digest('hex') !== digest)
                fail(`${file}: damaged, delete it`);

        const name = where.replace(/^.*node_modules\//, '');
        console.log(['npm', name, item.version, name === skip ? 'MIT, see share/licenses/nodejs' : item.license || 'see its package.json', 'sha512 ' + digest].join('\t'));
        if (name === skip)
                continue;
        const to = path.join(tree, 'lib', where);
        fs.mkdirSync(to, { recursive: true });
        const tar = spawnSync('tar', ['-xzf', file, '--strip-components=1', '--no-same-owner', '--no-same-permissions', '-C', to],
                { stdio: 'inherit' });
        if (tar.status !== 0)
                fail(`${file}: tar failed`);
        const manifest = JSON.parse(fs.readFileSync(path.join(to, 'package.json'), 'utf8'));
        const bin = typeof manifest.bin === 'string' ? { [path.basename(name)]: manifest.bin } : manifest.bin || {};
        for (const [program, target] of Object.entries(bin)) {
                const full = path.join(to, target);
                if (!/^[\w.-]+$/.test(program) || !full.startsWith(to + path.sep) || !fs.existsSync(full))
                        continue;
                fs.chmodSync(full, 0o755);
                // npx and "npm run" look there.
                const dotBin = path.join(path.dirname(to), name.startsWith('@') ? '..' : '.', '.bin');
                fs.mkdirSync(dotBin, { recursive: true });
                fs.rmSync(path.join(dotBin, program), { force: true });
                fs.symlinkSync(path.relative(dotBin, full), path.join(dotBin, program));
                if (where === 'node_modules/' + name && programs.includes(name))
                        fs.symlinkSync(path.relative(path.join(tree, 'bin'), full), path.join(tree, 'bin', program));
        }
}
