/**
 * The time until Status shows events in Vault, and the number of calls for that, with the defaults.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pause, waitFor } from "../../support/processes.ts";
import { printFigure, seconds } from "../harness/figures.ts";
import { Node, type Plugin } from "../harness/plugin.ts";
import { type Login, type VaultKey, type VaultUnderTest, vaultUnderTest } from "../harness/vault.ts";

const shownWithinMs = 180_000;
const callsADay = 1440;
const idleMs = 15 * 60_000;
const dayMs = 24 * 60 * 60_000;

// The API server asks once a minute when all is well; asking every ten seconds is as its `/readyz` does it.
const lookMs = 10_000;

Deno.test("a rotation, a disabled key and a revoked token show in Status within 180 s, at 1,440 calls a day or fewer", async (t) => {
  await using vault = await vaultUnderTest();
  await using stack = new AsyncDisposableStack();
  const site = (login?: Login) => startSite(vault, stack, login);
  const idle = await site();
  const [rotated, disabled, revoked] = [await site(), await site(), await site("token")];

  const results = await Promise.allSettled([
    untilRotationShows(rotated),
    untilRefused(disabled, "a disabled key", () => disabled.key.disable()),
    untilRefused(revoked, "a revoked token", () => revoked.key.revoke()),
    countIdleCalls(idle),
  ]);
  for (const [index, name] of ["rotation", "disabled key", "revoked token", "calls a day"].entries()) {
    await t.step(name, () => {
      const result = results[index];
      if (result?.status === "rejected") throw result.reason;
    });
  }
});

interface Site {
  readonly plugin: Plugin;
  readonly key: VaultKey;
}

async function startSite(vault: VaultUnderTest, stack: AsyncDisposableStack, login?: Login): Promise<Site> {
  const node = stack.use(await Node.make());
  const key = await vault.key(node, login);
  const plugin = stack.use(await node.start({ providers: [key.provider] }));
  await waitFor("a key ID", async () => (await plugin.status()).healthz === "ok", { timeoutMs: 60_000 });
  return { plugin, key };
}

async function untilRotationShows({ plugin, key }: Site): Promise<void> {
  const { key_id: before } = await plugin.status();
  await key.rotate();
  const changed = async () => (await plugin.status()).key_id !== before;
  const { ms } = await waitFor("a new key ID", changed, { timeoutMs: 2 * shownWithinMs, everyMs: lookMs });
  printFigure("a rotation shows in Status after", seconds(ms));
  assert.ok(ms <= shownWithinMs, `the new key ID came after ${seconds(ms)}`);
}

async function untilRefused({ plugin }: Site, what: string, happen: () => Promise<void>): Promise<void> {
  await happen();
  const failure = () => plugin.status().then(() => undefined, (error: Error) => error.message);
  const { value, ms } = await waitFor(what, failure, { timeoutMs: 2 * shownWithinMs, everyMs: lookMs });
  printFigure(`${what} shows in Status after`, `${seconds(ms)}: ${value}`);
  assert.match(value, /FAILED_PRECONDITION/);
  assert.ok(ms <= shownWithinMs, `Status failed after ${seconds(ms)}`);
}

async function countIdleCalls({ plugin, key }: Site): Promise<void> {
  const [passed, audited] = [key.gate.passages.length, await key.audited()];
  const from = performance.now();
  while (performance.now() - from < idleMs) {
    await pause(lookMs);
    assert.equal((await plugin.status()).healthz, "ok");
  }
  const passages = key.gate.passages.slice(passed);
  const after = await key.audited();
  if (audited !== undefined && after !== undefined) assert.equal(after - audited, passages.length);
  const perDay = passages.length * dayMs / (performance.now() - from);
  const where = after === undefined ? "before Vault" : "in Vault's audit log";
  const kinds = Map.groupBy(passages, ({ path }) => path.split("/").slice(-2).join("/"));
  const split = [...kinds].map(([kind, calls]) => `${kind} ${calls.length}`).join(", ");
  printFigure(
    "calls of an idle plugin",
    `${passages.length} in ${idleMs / 60_000} min ${where}, ${perDay.toFixed(0)} a day (${split})`,
  );
  assert.ok(perDay <= callsADay, `${perDay.toFixed(0)} calls a day`);
}
