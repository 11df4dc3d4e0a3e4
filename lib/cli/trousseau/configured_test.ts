import { deepEqual, equal, match, rejects } from "node:assert/strict";
import { fakeFiles } from "../../../tests/support/fake_files.ts";
import { fakeTerminal, type FakeTerminalOptions } from "../../../tests/support/fake_terminal.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { makeFifo } from "../../../tests/support/fifo.ts";
import type { Files } from "../../config/files.ts";
import { trousseau } from "./program.ts";
import {
  configured,
  configuredSocket,
  configuredWithLevel,
  subjectJson,
  subjectOf,
  subjectOfSocket,
} from "./configured.ts";
import { run } from "../run.ts";
import type { TrousseauCall } from "./terminal.ts";

const defaultFile = "/etc/trousseau/trousseau.yaml";

function config(socket: string): string {
  return `socket: { path: ${socket} }\nproviders: [{ kind: kms-plugin, name: hsm, socket: "unix:///run/hsm.sock" }]\n`;
}

const contents = {
  "/o.yaml": config("/run/o/kms.sock"),
  "/v.yaml": config("/run/v/kms.sock"),
  [defaultFile]: config("/run/d/kms.sock"),
};

function call(options: TrousseauCall["options"], terminal: FakeTerminalOptions): TrousseauCall {
  return { program: trousseau, options, positionals: [], terminal: fakeTerminal(terminal) };
}

Deno.test("configured() uses --config, then TROUSSEAU_CONFIG, then the default file, then the embedded default", async () => {
  const variables = { TROUSSEAU_CONFIG: "/v.yaml" };
  const files = fakeFiles({ contents });
  const without = fakeFiles({ contents: {} });
  const found = async (options: TrousseauCall["options"], terminal: FakeTerminalOptions) => {
    const config = await configured(call(options, terminal));
    return [config.file, config.socket.path];
  };
  deepEqual(await found({ config: "/o.yaml" }, { variables, files }), ["/o.yaml", "/run/o/kms.sock"]);
  deepEqual(await found({}, { variables, files }), ["/v.yaml", "/run/v/kms.sock"]);
  deepEqual(await found({}, { files }), [defaultFile, "/run/d/kms.sock"]);
  deepEqual(await found({}, { files: without }), [undefined, "/run/trousseau/kms.sock"]);
});

Deno.test("configured() reports a default file without read permission, and does not use the embedded default", async () => {
  for (const kind of ["forbidden", "folder", "other"] as const) {
    const files = fakeFiles({ kinds: { [defaultFile]: kind } });
    await rejects(configured(call({}, { files })), { code: "config", message: /^Cannot read the config file \/etc\// });
  }
  const files = fakeFiles({ kinds: { [defaultFile]: "forbidden" } });
  await rejects(configured(call({}, { files })), /this user may not read it; run this as a user who may/);
});

Deno.test("configured() ends as soon as the signal is aborted, even if reading blocks", async () => {
  const stop = new AbortController();
  const files: Files = { ...fakeFiles({ contents }), read: () => new Promise<never>(() => {}) };
  const loading = configured(call({ config: "/o.yaml" }, { files, signal: stop.signal }));
  stop.abort();
  await rejects(loading, { code: "cancelled" });
});

for (const command of ["serve", "sops"]) {
  Deno.test(`${command}() exits 0 at a signal while it loads, without output`, async () => {
    const stop = new AbortController();
    const files: Files = { ...fakeFiles({ contents }), read: () => new Promise<never>(() => {}) };
    const terminal = fakeTerminal({ files, signal: stop.signal });
    const running = run([command, "--config", "/o.yaml"], trousseau, terminal);
    stop.abort();
    equal(await running, 0);
    deepEqual([terminal.out(), terminal.err()], ["", ""]);
  });
}

Deno.test("configured() refuses a FIFO, a device and an endless file as a configuration", () =>
  inFolder(async (folder) => {
    await makeFifo(`${folder}/fifo`);
    await Deno.writeTextFile(`${folder}/huge`, "");
    await Deno.truncate(`${folder}/huge`, 8 * 1024 ** 3);
    for (
      const [file, why] of [
        [`${folder}/fifo`, "it is a pipe, and only a regular file is read"],
        ["/dev/zero", "it is no regular file, and only a regular file is read"],
        [`${folder}/huge`, "it is larger than 256 KiB"],
      ] as const
    ) {
      const message = `Cannot read the config file ${file}: ${why}.`;
      await rejects(configured(call({ config: file }, {})), { code: "config", message });
    }
  }));

Deno.test("subjectOf() and subjectJson() name the configuration and the socket", async () => {
  const files = fakeFiles({ contents });
  const found = await configured(call({}, { files }));
  equal(subjectOf(found), `Configuration: ${defaultFile}; plugin: unix:///run/d/kms.sock`);
  deepEqual(subjectJson(found), { file: defaultFile, socket: "/run/d/kms.sock" });
  const embedded = await configured(call({}, { files: fakeFiles({}) }));
  match(
    subjectOf(embedded),
    /^Configuration: the embedded default .*\(there is no \/etc\/trousseau\/trousseau\.yaml\); /,
  );
  deepEqual(subjectJson(embedded), { file: null, socket: "/run/trousseau/kms.sock" });
  const given = await configuredSocket(call({ socket: "/run/x.sock" }, { files }));
  equal(subjectOfSocket(given), "Configuration: --socket; plugin: unix:///run/x.sock");
});

Deno.test("encryption-config prints the socket of the configuration that was found, and names the configuration in a comment", async () => {
  const terminal = fakeTerminal({ files: fakeFiles({ contents }) });
  equal(await run(["encryption-config"], trousseau, terminal), 0);
  match(
    terminal.out(),
    /^# Configuration: \/etc\/trousseau\/trousseau\.yaml; plugin: unix:\/\/\/run\/d\/kms\.sock\n#\n/,
  );
  match(terminal.out(), /^ +endpoint: unix:\/\/\/run\/d\/kms\.sock$/m);
});

Deno.test("serve, sops, check and keys without a configuration do not use a state that another one wrote", () =>
  inFolder(async (folder) => {
    const history = [{
      id: "t1-0",
      at: 1,
      keyEpoch: 0,
      provisional: false,
      members: [{ name: "vault", kind: "vault-transit", version: "1@1700000000" }],
    }];
    const state = JSON.stringify({ format: 1, providers: [], history });
    await Deno.writeTextFile(`${folder}/key-ring.json`, state);
    for (const command of ["serve", "sops", "check", "keys"]) {
      const runtime = `${folder}/runtime`;
      await Deno.mkdir(runtime, { recursive: true });
      const terminal = fakeTerminal({ variables: { STATE_DIRECTORY: folder, XDG_RUNTIME_DIR: runtime } });
      equal(await run([command], trousseau, terminal), 78, command);
      const said = terminal.out() + terminal.err();
      match(
        said,
        /is another configuration's, with "vault" \(vault-transit\).* name the file of that .* with --config\./,
      );
      equal(said.includes("forgotten"), false);
    }
    deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["key-ring.json", "runtime"]);
    equal(await Deno.readTextFile(`${folder}/key-ring.json`), state);
  }));

Deno.test("configuredWithLevel() replaces the file's level by --log-level, also at a reload", async () => {
  const level = async (options: TrousseauCall["options"], text: string) => {
    const files = fakeFiles({ contents: { "/o.yaml": config("/run/o/kms.sock") + text } });
    const { telemetry } = await configuredWithLevel(call({ config: "/o.yaml", ...options }, { files }));
    return [telemetry.log.level, telemetry.log.format];
  };
  const warn = "telemetry: { log: { level: warn, format: json } }\n";
  deepEqual(await level({}, warn), ["warn", "json"]);
  deepEqual(await level({ "log-level": "debug" }, warn), ["debug", "json"]);
  deepEqual(await level({ "log-level": "error" }, ""), ["error", "text"]);
});
