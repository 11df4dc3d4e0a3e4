import { deepEqual, equal, rejects } from "node:assert/strict";
import { join } from "node:path";
import { KmsError } from "../base/errors.ts";
import { createKeyFile } from "../provider/local/write_key_file.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { withCleanStop } from "./run_service.ts";
import { services } from "./services.ts";

const here = import.meta.dirname ?? ".";

/** Runs a row in its own process, because revoked permissions cannot be restored. */
async function runRow(folder: string, keeps: readonly string[], ready: string): Promise<unknown> {
  const config = join(folder, "trousseau.yaml");
  await createKeyFile(join(folder, "local.keys"));
  await Deno.writeTextFile(
    config,
    `state: ${folder}/state\nsocket: { path: ${folder}/kms.sock }\ntelemetry: { listen: "off", audit: "off" }\n` +
      "providers: [{ name: local, kind: local, keyFile: local.keys }]\n",
  );
  const script = `
    import { runService, withCleanStop } from "${here}/run_service.ts";
    import { Reloads } from "${here}/../base/reloads.ts";
    import { readEnvironment } from "${here}/../config/environment.ts";
    import { realFiles } from "${here}/../config/files.ts";
    import { loadConfig } from "${here}/../config/load.ts";
    const [steps, stop, environment] = [[], new AbortController(), readEnvironment()];
    const config = await loadConfig("${config}", environment, realFiles);
    const closed = Promise.withResolvers();
    const step = (name) => () => Promise.resolve(void steps.push(name));
    const row = {
      keeps: ${JSON.stringify(keeps)},
      action: "serve a toy",
      starts: "starts as a toy",
      settings: ({ socket, state }) => ({ socket, state, audit: undefined, listen: undefined }),
      listenField: "telemetry.listen",
      countable: () => ({ apis: [], providers: [] }),
      open: async () => {
        ${ready}
        return {
          peek: () => { throw new Error("nothing asks") },
          readiness: () => { throw new Error("nothing asks") },
          served: "nothing",
          takeover: () => Promise.resolve(undefined),
          prepare: step("prepare"),
          serve: () => Promise.resolve({
            takenOver: new Promise(() => {}),
            complaint: () => "",
            shutdown: step("shutdown"),
            [Symbol.asyncDispose]: step("close socket"),
          }),
          afterStart: step("after start"),
          [Symbol.asyncDispose]: () => step("close service")().then(closed.resolve),
        };
      },
    };
    const states = {};
    await withCleanStop(stop.signal, () => runService(row, {
      config, environment, takeover: false, colours: false, subject: "a test", signal: stop.signal,
      reload: () => Promise.resolve(config), reloads: new Reloads(),
      onServing: async () => {
        for (const name of ["env", "ffi", "import", "net", "read", "run", "sys", "write"]) {
          states[name] = (await Deno.permissions.query({ name })).state;
        }
        stop.abort();
      },
    }));
    await closed.promise;
    console.log(JSON.stringify({ steps, granted: Object.keys(states).filter((name) => states[name] === "granted") }));`;
  const file = join(folder, "row.ts");
  await Deno.writeTextFile(file, script);
  const args = [
    "run",
    "--quiet",
    "--no-check",
    "--no-prompt",
    "--allow-all",
    "--config",
    join(here, "../../deno.json"),
  ];
  const { stdout, stderr, code } = await new Deno.Command(Deno.execPath(), { args: [...args, file] }).output();
  equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("runService() keeps only the permissions of its row, and closes all resources", () =>
  inFolder(async (folder) => {
    const steps = ["prepare", "after start", "shutdown", "close socket", "close service"];
    deepEqual(await runRow(folder, ["write", "read"], ""), { steps, granted: ["read", "write"] });
  }));

Deno.test("runService() closes a service that was opened after the signal, without serving", () =>
  inFolder(async (folder) => {
    const found = await runRow(folder, ["read"], "stop.abort(); await new Promise((done) => setTimeout(done, 0));");
    deepEqual(found, { steps: ["close service"], granted: [] });
  }));

Deno.test("withCleanStop() ignores `cancelled` after the signal, and no other error", async () => {
  const cancelled = new KmsError("cancelled", "Cannot start: the caller gave up.");
  const failed = new KmsError("config", "No.");
  await withCleanStop(AbortSignal.abort(), () => Promise.reject(cancelled));
  await rejects(withCleanStop(AbortSignal.abort(), () => Promise.reject(failed)), failed);
  await rejects(withCleanStop(new AbortController().signal, () => Promise.reject(cancelled)), cancelled);
});

// Repeated here so that a change of the table must be made in two places and is noticed.
Deno.test("services keep these permissions and no others", () => {
  deepEqual(Object.fromEntries(Object.entries(services).map(([name, { keeps }]) => [name, keeps])), {
    serve: ["net", "read", "write"],
    sops: ["net", "read", "write"],
    "keyring serve": ["net", "read", "write"],
  });
});
