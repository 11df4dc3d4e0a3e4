import { deepEqual, equal, match } from "node:assert/strict";
import { embeddedConfig } from "../config/defaults.ts";
import type { Config } from "../config/config.ts";
import { environmentFrom } from "../config/environment.ts";
import { KmsError } from "../base/errors.ts";
import type { Event } from "../telemetry/events.ts";
import { Reloads } from "../base/reloads.ts";
import { fakeFiles } from "../../tests/support/fake_files.ts";
import { needRestart, Reloading } from "./reloading.ts";

const base = await embeddedConfig(environmentFrom(() => undefined), fakeFiles({}));

/** A server for a reload, and the calls that it received. */
class Stage {
  next: Config | KmsError = base;
  readonly done: string[] = [];
  readonly events: Event[] = [];
  readonly credentials = new Reloads();
  readonly reloading: Reloading;

  constructor() {
    this.credentials.subscribe(() => void this.done.push("credentials"));
    this.reloading = new Reloading({
      running: base,
      load: () => this.next instanceof KmsError ? Promise.reject(this.next) : Promise.resolve(this.next),
      setLevel: (level) => void this.done.push(level),
      listen: (config) => config.telemetry.listen,
      setListen: (listen) => Promise.resolve(void this.done.push(String(listen?.port))),
      credentials: this.credentials,
      notify: (event) => void this.events.push(event),
    });
  }

  async reload(next: Config | KmsError): Promise<string> {
    this.next = next;
    this.reloading.start();
    await this.reloading.settled();
    const event = this.events.at(-1);
    return event?.type === "lifecycle" ? `${event.action}: ${event.message}` : "";
  }
}

function withTelemetry(telemetry: Partial<Config["telemetry"]>): Config {
  return { ...base, telemetry: { ...base.telemetry, ...telemetry } };
}

Deno.test("Reloading applies level and address once, and credentials each time", async () => {
  const stage = new Stage();
  const next = withTelemetry({
    log: { level: "debug", format: "text" },
    listen: { hostname: "127.0.0.1", port: 9 },
  });
  equal(
    await stage.reload(next),
    "reloaded: Read the configuration again: credentials, telemetry.log.level, the address of the HTTP pages.",
  );
  equal(await stage.reload(next), "reloaded: Read the configuration again: credentials.");
  deepEqual(stage.done, ["credentials", "debug", "9", "credentials"]);
  await stage.reload(base);
  deepEqual(stage.done.slice(4), ["credentials", "info", "8090"]);
});

Deno.test("Reloading names the settings that need a restart, at each reload", async () => {
  const stage = new Stage();
  const next = { ...withTelemetry({ audit: "/var/lib/trousseau/audit" }), wrap: 2, drainMs: 1 };
  const expected = /taken up by a restart only: wrap, drain, telemetry\.audit\.$/;
  match(await stage.reload(next), expected);
  match(await stage.reload(next), expected);
});

Deno.test("Reloading keeps the present configuration if the new one is invalid, and reports the place in one line", async () => {
  const stage = new Stage();
  const said = await stage.reload(new KmsError("config", "a.yaml:1:2: wrong\na.yaml:3:4: wrong too"));
  equal(
    said,
    "warning: Cannot read the configuration again; the one in use stays. a.yaml:1:2: wrong; a.yaml:3:4: wrong too",
  );
  deepEqual(stage.done, []);
});

Deno.test("Reloading logs nothing about a configuration that was not read because the server stops", async () => {
  const stage = new Stage();
  await stage.reload(new KmsError("cancelled", "Cannot load the configuration: the caller gave up."));
  deepEqual([stage.events, stage.done], [[], []]);
});

Deno.test("needRestart() leaves out equal and reloadable settings", () => {
  deepEqual(needRestart(base, { ...base, file: "/etc/trousseau/trousseau.yaml", hash: "0011223344556677" }), []);
  deepEqual(needRestart(base, withTelemetry({ listen: undefined, log: { level: "warn", format: "text" } })), []);
  deepEqual(needRestart(base, withTelemetry({ log: { level: "warn", format: "json" } })), ["telemetry.log.format"]);
  deepEqual(needRestart(base, { ...base, sops: { ...base.sops, decryptOnly: true } }), ["sops.decryptOnly"]);
});
