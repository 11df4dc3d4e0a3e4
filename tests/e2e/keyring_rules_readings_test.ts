/**
 * Each alert about the keyring, on the `/metrics` of a running server in its state: `promtool` evaluates the rules over the
 * readings.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { KeyringMachine } from "../support/keyring_machine.ts";
import { freePort, type Process, run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const rules = new URL("../../deploy/prometheus/rules.yaml", import.meta.url).pathname;
const day = 24;

/** The page of a server that is well, the one of the state, and hours on each; the alert fires at the end alone. */
interface Course {
  readonly well: string;
  readonly wellFor: number;
  readonly state: string;
  readonly stateFor: number;
}

/** A server that runs, is well and has a backup. */
interface Site {
  readonly machine: KeyringMachine;
  readonly server: Process;
  readonly well: string;
}

/** Waits for a line of `/metrics`. @returns the page. */
async function pageWith(machine: KeyringMachine, server: Process, line: RegExp): Promise<string> {
  const { value } = await waitFor(`metrics with ${line}`, async () => {
    const page = await machine.page("/metrics");
    return line.test(page) ? page : undefined;
  }, { timeoutMs: 60_000, alive: [server] });
  return value;
}

const partIs = (part: string, state: string) =>
  new RegExp(`^trousseau_keyring_part\\{part="${part}",state="${state}"\\} 1$`, "m");

/** How each state comes about. */
const courses: Readonly<Record<string, (site: Site, folder: string) => Promise<Course>>> = {
  async TrousseauKeyringSealed({ machine, server, well }) {
    await server.stop();
    // Another store, whose KMS has never answered.
    const port = freePort();
    const config = JSON.parse(await Deno.readTextFile(`${machine.folder}/trousseau.yaml`));
    config.keyring.store = `${machine.folder}/other`;
    config.providers[0] = {
      name: "a",
      kind: "vault-transit",
      address: `https://127.0.0.1:${port}`,
      key: "k",
      auth: { method: "token", token: { file: `${machine.folder}/token` } },
    };
    await Deno.writeTextFile(`${machine.folder}/token`, "t", { mode: 0o600 });
    await Deno.writeTextFile(`${machine.folder}/trousseau.yaml`, JSON.stringify(config));
    await using sealed = machine.serve();
    const state = await pageWith(machine, sealed, partIs("store", "failed"));
    return { well, wellFor: 5, state, stateFor: 5 };
  },
  async TrousseauKeyringAuditLost({ machine, server, well }) {
    await Deno.remove(`${machine.folder}/audit.jsonl`);
    await machine.clectl("whoami");
    return { well, wellFor: 5, state: await pageWith(machine, server, partIs("audit", "failed")), stateFor: 5 };
  },
  async TrousseauKeyringPartFailed({ machine, server, well }) {
    await server.stop();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const config = JSON.parse(await Deno.readTextFile(`${machine.folder}/trousseau.yaml`));
    config.keyring.listen = `127.0.0.1:${taken.addr.port}`;
    await Deno.writeTextFile(`${machine.folder}/trousseau.yaml`, JSON.stringify(config));
    await using again = machine.serve();
    return { well, wellFor: 5, state: await pageWith(machine, again, partIs("tls", "failed")), stateFor: 5 };
  },
  // Time passes, and nothing else happens.
  TrousseauKeyringBackupTooOld: ({ well }) => Promise.resolve({ well, wellFor: 8 * day, state: well, stateFor: 3 }),
  TrousseauKeyringCertificateEnds: ({ well }) => Promise.resolve({ well, wellFor: 70 * day, state: well, stateFor: 3 }),
  async TrousseauKeyringRecoveryMissing({ machine, server, well }, folder) {
    await server.stop();
    const bare = new KeyringMachine(folder);
    await bare.configure("a", { store: machine.storeFolder, audit: `${folder}/audit.jsonl` });
    await using again = bare.serve();
    await bare.ready(again);
    return { well, wellFor: 5, state: await bare.page("/metrics"), stateFor: 5 };
  },
};

/** Alerts that only `rules_cases_keyring.yaml` shows: this one needs no metric of the server. */
const casesAlone = ["TrousseauKeyringDown"];

Deno.test("every alert about the keyring is seen on real metrics, or in promtool's cases alone", async () => {
  const text = await Deno.readTextFile(rules);
  const alerts = [...text.matchAll(/- alert: (TrousseauKeyring\w+)/g)].map(([, alert = ""]) => alert);
  deepEqual([...Object.keys(courses), ...casesAlone].toSorted(), alerts.toSorted());
});

for (const [alert, course] of Object.entries(courses)) {
  Deno.test(`${alert} fires on the metrics of a keyring in its state, and not before`, () =>
    inFolder(async (folder) => {
      const machine = new KeyringMachine(folder, (await new Hpke().newKeyPair()).publicKey);
      const place = { store: machine.storeFolder, audit: `${folder}/audit.jsonl`, listen: `127.0.0.1:${freePort()}` };
      await machine.configure("a", place);
      await using server = machine.serve();
      await machine.ready(server);
      equal((await machine.backup(`${folder}/keyring.backup`)).code, 0);
      const start = Date.now() / 1_000;
      await pageWith(machine, server, /^trousseau_keyring_certificate_end_timestamp_seconds \d/m);
      const well = await pageWith(machine, server, /^trousseau_keyring_last_backup_timestamp_seconds [1-9]/m);
      match(well, partIs("audit", "ok"));
      const found = await course({ machine, server, well }, folder);
      const at = (hours: number) => `${hours}h`;
      const expr = `group by (alertname) (ALERTS{alertname="${alert}", alertstate="firing"})`;
      const firing = [{ labels: `{alertname="${alert}"}`, value: 1 }];
      const test = {
        rule_files: [rules],
        evaluation_interval: "1h",
        tests: [{
          interval: "1h",
          input_series: seriesOf(found, start),
          promql_expr_test: [
            { expr, eval_time: at(found.wellFor - 1), exp_samples: [] },
            { expr, eval_time: at(found.wellFor + found.stateFor - 1), exp_samples: firing },
          ],
        }],
      };
      await Deno.writeTextFile(`${folder}/cases.yaml`, JSON.stringify(test));
      const { code, stdout, stderr } = await run("promtool", ["test", "rules", `${folder}/cases.yaml`]);
      equal(code, 0, `${stdout}${stderr}`);
    }));
}

/** The readings as `input_series`. Their time begins at 0, so that moments are shifted to that; 0 stands for none. */
function seriesOf({ well, wellFor, state, stateFor }: Course, start: number) {
  const [before, after] = [valuesOf(well, start), valuesOf(state, start)];
  // A gap of n readings is written _xn, and a value that is repeated n times 1xn: n + 1 readings.
  const times = (value: number | undefined, count: number) =>
    value === undefined ? `_x${count}` : `${value}x${count - 1}`;
  return [...new Set([...before.keys(), ...after.keys()])].map((series) => ({
    series,
    values: `${times(before.get(series), wellFor)} ${times(after.get(series), stateFor)}`,
  }));
}

function valuesOf(page: string, start: number): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const line of page.split("\n").filter((line) => /^trousseau_keyring_[a-z_]+(\{| \d)/.test(line))) {
    const cut = line.lastIndexOf(" ");
    const [name = "", labels = ""] = line.slice(0, cut).replace(/\}$/, "").split(/\{(.*)/s);
    const value = Number(line.slice(cut + 1));
    const isMoment = name.endsWith("_timestamp_seconds") && value !== 0;
    found.set(
      `${name}{job="trousseaud",instance="k"${labels && `,${labels}`}}`,
      isMoment ? Math.round(value - start) : value,
    );
  }
  return found;
}
