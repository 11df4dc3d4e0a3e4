/**
 * A machine with the package `trousseau` installed and a local key, as an administrator would set it up.
 *
 * @module
 */
import { dirname } from "node:path";
import { serverProgram } from "../e2e/servers.ts";
import { waitFor } from "../support/processes.ts";
import { bootable, type DebianRecipe } from "./debian_root.ts";
import { Machine } from "./nspawn.ts";
import type { PackageStage } from "./package_stage.ts";

/** The report of `kms-client`. */
export interface CallReport {
  readonly calls: number;
  readonly failed: number;
  readonly failure: string;
  readonly slowestMs: number;
}

/** A configuration with a local key, which the first start makes. */
export const localConfig = `socket: { path: /run/trousseau/kms.sock, mode: "0600" }
state: /var/lib/trousseau
telemetry: { listen: 127.0.0.1:8090 }
providers:
  - { name: local, kind: local, keyFile: /var/lib/trousseau/local.keys, create: true }
`;

/** Boots a machine that sees the packages of a stage and the client. */
export async function bootNode(stage: PackageStage, recipe: DebianRecipe = bootable): Promise<Machine> {
  const client = await serverProgram("kms-client");
  return await Machine.boot({ recipe, binds: { ...stage.binds(), "/opt/client": dirname(client) } });
}

/** Installs one package file with dpkg. @returns its output, both streams. */
export async function install(machine: Machine, file: string): Promise<string> {
  return await machine.shell(`dpkg --install ${file} 2>&1`, { seconds: 180 });
}

/** Puts a configuration in the place of the packaged one, with its owner and mode. */
export async function configure(machine: Machine, config = localConfig): Promise<void> {
  await machine.shell("cat > /etc/trousseau/trousseau.yaml", { stdin: config });
}

/** The process of the unit. */
export async function mainProcess(machine: Machine, unit = "trousseau.service"): Promise<string> {
  return (await machine.shell(`systemctl show --property=MainPID --value ${unit}`)).trim();
}

/** The key ID that the plugin announces. */
export async function keyId(machine: Machine): Promise<string> {
  const status = JSON.parse(await machine.shell("trousseau status --json --config /etc/trousseau/trousseau.yaml"));
  const found: unknown = status.keyId;
  if (typeof found !== "string") throw new Error(`The status names no key ID: ${JSON.stringify(status)}`);
  return found;
}

/** Calls the plugin without pause, as kube-apiserver would, while `work` runs. */
export async function underCalls(machine: Machine, work: () => Promise<void>): Promise<CallReport> {
  // The client stops at the end of its input.
  const client = "until [ -e /run/stop-client ]; do sleep 0.1; done | " +
    "/opt/client/kms-client -socket /run/trousseau/kms.sock -in-flight 8 > /run/report.json";
  await machine.shell(`rm -f /run/stop-client; systemd-run --quiet --unit=client sh -c '${client}'`);
  try {
    await work();
  } finally {
    await machine.shell("touch /run/stop-client");
  }
  await waitFor("the client's report", async () => {
    return (await machine.run(["systemctl", "is-active", "client"])).stdout.trim() === "inactive";
  }, { timeoutMs: 60_000 });
  return JSON.parse(await machine.shell("cat /run/report.json"));
}

/** Waits until the running process has answered 50 more Decrypts than now, or than zero if it is a new one. */
export async function someCalls(machine: Machine): Promise<void> {
  const before = await decrypts(machine);
  await waitFor("calls of the client", async () => {
    const now = await decrypts(machine);
    return now >= (now < before ? 50 : before + 50);
  }, { timeoutMs: 60_000 });
}

/** The Decrypts that the running process has answered. */
async function decrypts(machine: Machine): Promise<number> {
  // There is no HTTP client in the machine, and bash can connect.
  const get = `exec 3<>/dev/tcp/127.0.0.1/8090; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`;
  const { stdout } = await machine.run(["bash", "-c", get]);
  const [, value = "0"] =
    /^trousseau_rpcs_total\{[^}]*operation="decrypt"[^}]*result="ok"[^}]*\} (\d+)/m.exec(stdout) ?? [];
  return Number(value);
}
