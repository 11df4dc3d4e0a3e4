/**
 * Causes of refused Decrypts while Status and Encrypt work: the status document reports them, and the answers to
 * kube-apiserver do not change.
 *
 * @module
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { systemClock } from "../../lib/base/clock.ts";
import { unreadable } from "../../lib/services/kms/readable.ts";
import { openLocal } from "../../lib/provider/local/provider.ts";
import { createKeyFile } from "../../lib/provider/local/write_key_file.ts";
import { enforceContract } from "../../lib/provider/enforced_contract.ts";
import type { Provider } from "../../lib/provider/provider.ts";
import { openService, type Sealed, type Service, type ServiceOptions } from "../../lib/services/kms/service.ts";
import { memoryProviders } from "../support/memory_provider.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { startTransitServer, type TransitServer } from "../support/transit_server.ts";
import { openVault, tokenAuth } from "../support/vault_settings.ts";

const call = { signal: new AbortController().signal };
const hour = 3_600_000;

/** Options of the service, and an action once it runs. */
type NodeOptions = Pick<Partial<ServiceOptions>, "forgotten"> & { readonly happens?: () => void };

async function node(
  provider: Provider,
  { happens = () => {}, ...options }: NodeOptions = {},
): Promise<Service & AsyncDisposable> {
  const service = await openService({
    wrap: 1,
    unwrap: "fastest",
    keyEpoch: 0,
    cache: { entries: 64, maxAgeMs: 600_000, graceOnOutageMs: 24 * hour, lifetimeMs: 7 * 24 * hour },
    dekMaxAgeMs: hour,
    probeIntervalMs: 75_000,
    providers: [{ provider: enforceContract(provider, { notify: () => {} }), formerly: [] }],
    store: new MemoryStore(),
    clock: systemClock,
    notify: () => {},
    ...options,
  });
  await waitFor("a data key", () => service.peek().canEncrypt, { timeoutMs: 10_000, everyMs: 5 });
  happens();
  return service;
}

/** Three envelopes of a node with this provider. */
async function sealedBy(provider: Provider): Promise<readonly Sealed[]> {
  await using service = await node(provider);
  return [1, 2, 3].map(() => service.encrypt(new Uint8Array(randomBytes(32)), "v2"));
}

async function refusals(service: Service, envelopes: readonly Sealed[]): Promise<void> {
  for (const sealed of envelopes) await assert.rejects(async () => await service.decrypt(sealed, "v2", call));
}

/** Checks that a node announces, encrypts and opens its new data, and reports that stored data cannot be read. */
async function showsRefused(provider: Provider, stored: readonly Sealed[], reason: RegExp, options: NodeOptions = {}) {
  await using service = await node(provider, options);
  await refusals(service, stored.slice(0, 2));
  for (let i = 0; i < 100; i++) await refusals(service, stored.slice(0, 1));
  const fresh = service.encrypt(new Uint8Array(randomBytes(32)), "v2");
  await service.decrypt(fresh, "v2", call);
  assert.equal(unreadable(service.peek()), "", "two of them, however often, are no sign");
  await refusals(service, stored);
  await service.decrypt(fresh, "v2", call);
  const status = service.peek();
  assert.deepEqual([status.quorum.state, status.canEncrypt], ["held", true]);
  assert.match(unreadable(status), /^Stored data cannot be read: Decrypts of 3 envelopes were refused/);
  assert.match(unreadable(status), reason);
  assert.equal(status.decrypts.refused.reduce((sum, { envelopes }) => sum + envelopes, 0), 3);
}

const localAt = (keyFile: string, create = false) =>
  openLocal({ kind: "local", name: "local", keyFile, create }, { notify: () => {} });

Deno.test("refused Decrypts show with another node's local.keys", async () => {
  await inFolder(async (folder) => {
    await createKeyFile(`${folder}/one.keys`);
    await createKeyFile(`${folder}/two.keys`);
    const stored = await sealedBy(await localAt(`${folder}/one.keys`));
    await showsRefused(await localAt(`${folder}/two.keys`), stored, /"local"/);
  });
});

Deno.test("refused Decrypts show with a lost local.keys that was created again", async () => {
  await inFolder(async (folder) => {
    const stored = await sealedBy(await localAt(`${folder}/local.keys`, true));
    await Deno.remove(`${folder}/local.keys`);
    await showsRefused(await localAt(`${folder}/local.keys`, true), stored, /"local"/);
  });
});

async function inVault(work: (server: TransitServer, open: (key?: string) => Promise<Provider>) => Promise<void>) {
  await using server = await startTransitServer();
  server.transit.create("kubernetes");
  const opened: Provider[] = [];
  const open = async (key = "kubernetes") => {
    const { provider } = await openVault(server.address, { key, auth: tokenAuth(server.token) });
    opened.push(provider);
    return provider;
  };
  try {
    await work(server, open);
  } finally {
    for (const provider of opened) await provider[Symbol.asyncDispose]();
  }
}

Deno.test("refused Decrypts show with the name of another key of the same Vault", async () => {
  await inVault(async ({ transit }, open) => {
    transit.create("another");
    await showsRefused(await open("another"), await sealedBy(await open()), /"vault-eu"/);
  });
});

Deno.test("refused Decrypts show with a Vault that was restored to a state before a rotation", async () => {
  await inVault(async ({ transit }, open) => {
    const restore = transit.backUp("kubernetes");
    transit.rotate("kubernetes");
    const stored = await sealedBy(await open());
    restore();
    await showsRefused(await open(), stored, /"vault-eu"/);
  });
});

Deno.test("refused Decrypts show with a key that was deleted and created again", async () => {
  await inVault(async (server, open) => {
    const stored = await sealedBy(await open());
    server.transit.delete("kubernetes");
    server.advance(60);
    server.transit.create("kubernetes");
    await showsRefused(await open(), stored, /"vault-eu"/);
  });
});

Deno.test("refused Decrypts show after the permission to unwrap was removed", async () => {
  const [a] = memoryProviders("a") as [ReturnType<typeof memoryProviders>[number]];
  const stored = await sealedBy(a);
  const happens = () => void a.faults.set("unwrap", "permission_denied");
  await showsRefused(a, stored, /permission_denied/, { happens });
});

Deno.test("refused Decrypts show if a provider was removed too early", async () => {
  const [old, now] = memoryProviders("old", "now") as ReturnType<typeof memoryProviders> & { length: 2 };
  assert.ok(old && now);
  const stored = await sealedBy(old);
  await showsRefused(now, stored, /no provider is configured .* \("old"\)/, { forgotten: ["old"] });
});
