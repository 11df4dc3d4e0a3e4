/**
 * A process that records audit lines as fast as it can, for tests that kill it or take its disk away. It prints `ok N` for
 * each line that is in the kernel, and `refused SENTENCE` for each that is not.
 *
 * Arguments: path, `refuse` or `continue`, milliseconds between two rounds of 8 lines. `AUDIT_KEY` is the private key in PEM.
 *
 * @module
 */
import { createPrivateKey } from "node:crypto";
import { AuditChain } from "../../lib/services/keyring/audit/audit_chain.ts";
import { systemClock } from "../../lib/base/clock.ts";

const [path = "", onFailure, pause = "0"] = Deno.args;
const key = Deno.env.get("AUDIT_KEY") ?? "";

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const sentence = (thrown: unknown) => print(`refused ${thrown instanceof Error ? thrown.message : thrown}`);

try {
  const chain = await AuditChain.open({
    path,
    serverId: "child",
    signingKey: createPrivateKey(key),
    clock: systemClock,
    onFailure: onFailure === "continue" ? "continue" : "refuse",
    notify: (state, text) => print(`${state} ${text}`),
  });
  Deno.addSignalListener("SIGHUP", () => void chain.reopen().then(() => print("reopened"), sentence));
  let next = chain.head().lines * 1000;
  for (;;) {
    await Promise.all(Array.from({ length: 8 }, async () => {
      const id = `${next++}`;
      await chain.record({ requestId: id, identity: "person:anna", action: "read", path: "db/prod", result: "ok" })
        .then(() => print(`ok ${id}`), sentence);
    }));
    if (pause !== "0") await systemClock.sleep(Number(pause), new AbortController().signal);
  }
} catch (thrown) {
  sentence(thrown);
}
