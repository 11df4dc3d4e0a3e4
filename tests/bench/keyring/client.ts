/**
 * The client `clectl`, and the calls of the keyring to a remote KMS.
 *
 * @module
 */
import { join } from "node:path";
import { Authority } from "../../support/certificates.ts";
import type { KeyringPrograms } from "../../e2e/harness/keyring.ts";
import { run } from "../../support/processes.ts";
import { startVault } from "../../support/vault.ts";
import { prepareVault, vaultProvider } from "../contestants.ts";
import type { Driver } from "../driver.ts";
import { median } from "../process_figures.ts";
import type { Target } from "../report.ts";
import { type KeyringServer, keyringServer } from "./servers.ts";

const runs = 15;
const reads = 10_000;

/** `clectl get` over the admin socket from exec to its end, against `trousseau version`, in turn. */
export async function measureClient(programs: KeyringPrograms, { site, start }: KeyringServer): Promise<Target[]> {
  await using _running = await start();
  const commands = {
    get: [programs.clectl, "get", "bench/0/s000000", "--field", "password", "-o", "raw", "--show"],
    version: [programs.trousseau, "version"],
  };
  const times = { get: [] as number[], version: [] as number[] };
  for (let count = 0; count < runs; count++) {
    for (const name of ["version", "get"] as const) {
      const [program = "", ...args] = commands[name];
      const begun = performance.now();
      const { code, stdout, stderr } = await run(program, args, { env: site.clientEnvironment });
      times[name].push(performance.now() - begun);
      if (code !== 0 || stdout === "") throw new Error(`Cannot measure ${name}: it ended with ${code}. ${stderr}`);
    }
  }
  const [get, version] = [median(times.get), median(times.version)];
  const what = `clectl get (${get.toFixed(0)} ms) to trousseau version (${version.toFixed(0)} ms)`;
  return [{ what, figure: get / version, unit: "x", bound: { atMost: 1.5 } }];
}

/** Calls to a Vault that holds the key of a keyring, from a start to the end of 10,000 reads. */
export async function measureKmsCalls(programs: KeyringPrograms, driver: Driver): Promise<Target[]> {
  await using kms = await startVault();
  await prepareVault(kms);
  const audit = join(kms.folder, "audit.log");
  await kms.api("POST", "sys/audit/file", { type: "file", options: { file_path: audit } });
  const provider = await vaultProvider(kms.folder, "kms", kms);
  await using server = await keyringServer(programs, { authority: new Authority(), count: 100 }, [provider]);
  {
    await using _running = await server.start();
    await driver.kv("kv-seed", server.target, { calls: server.target.count });
  }
  const before = await requestsIn(audit);
  await using _running = await server.start();
  await driver.kv("kv-read", server.target, { "in-flight": 16, calls: reads });
  const figure = await requestsIn(audit) - before;
  return [{ what: `KMS calls for a start and ${reads} reads`, figure, unit: "", bound: { atMost: 9 } }];
}

/** The requests that Vault's audit has. */
async function requestsIn(audit: string): Promise<number> {
  const lines = (await Deno.readTextFile(audit)).split("\n").filter(Boolean);
  return lines.filter((line) => JSON.parse(line).type === "request").length;
}
