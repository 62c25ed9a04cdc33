import { createHash } from "node:crypto";

interface Greeting {
        readonly name: string;
}
const greeting: Greeting = { name: "job" };
console.log(createHash("sha256").update(greeting.name).digest("hex"));
