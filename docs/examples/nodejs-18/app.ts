// rnx run --runtime=nodejs-18 --upload=app.ts --upload=tsconfig.json bash -c 'tsc && node app.js'

import { cpus, totalmem } from "os";

interface Machine {
        readonly cores: number;
        readonly memory: number;
}

function describe(machine: Machine): string {
        return `${machine.cores} cores, ${(machine.memory / 2 ** 30).toFixed(1)} GiB`;
}

console.log(describe({ cores: cpus().length, memory: totalmem() }));
