import assert from "node:assert/strict";
import { systemClock } from "../base/clock.ts";
import type { Event } from "../telemetry/events.ts";
import { createLogger } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { wellStatus } from "../../tests/support/fake_service.ts";
import { waitFor } from "../../tests/support/processes.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { kmsPages, pluginReadiness } from "../services/kms/status_page.ts";
import { type EndpointOptions, openEndpoint } from "./endpoint.ts";
import { telemetryAddressFile } from "./telemetry_address.ts";

const quiet = createLogger({ level: "error", format: "json", colours: false, now: Date.now, write() {} });
const soon = { timeoutMs: 20_000, everyMs: 20 };

function stage(port: number): EndpointOptions & { readonly events: Event[] } {
  const events: Event[] = [];
  const metrics = createMetrics({ version: "1.2.3", clock: systemClock, linesLost: () => ({ audit: 0, log: 0 }) });
  const telemetry: Telemetry = {
    notify: (event) => {
      events.push(event);
      metrics.observe(event);
    },
    metrics,
    log: quiet,
    problem: () => "",
    started: () => {},
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return {
    events,
    listen: { hostname: "127.0.0.1", port },
    field: "telemetry.listen",
    socket: "/run/kms.sock",
    pages: kmsPages(() => wellStatus, pluginReadiness(600_000)),
    complaint: () => "",
    telemetry,
  };
}

function holdPort(): Deno.TcpListener {
  return Deno.listen({ hostname: "127.0.0.1", port: 0 });
}

const actions = (events: readonly Event[]) =>
  events.flatMap((event) => event.type === "telemetry_port" ? [event.action] : []);

Deno.test("openEndpoint() warns of a port in use, and listens as soon as it is free", async () => {
  const holder = holdPort();
  const { port } = holder.addr;
  const options = stage(port);
  await using endpoint = await openEndpoint(options);
  assert.equal(endpoint.origin(), undefined);
  const [told] = options.events;
  assert.deepEqual(told, {
    type: "telemetry_port",
    action: "listen_failed",
    address: `127.0.0.1:${port}`,
    message: `Cannot listen on 127.0.0.1:${port} (telemetry.listen): another program listens there. ` +
      "Trousseau serves without it and tries again.",
  });
  await waitFor("another try", () => actions(options.events).length > 1, soon);
  holder.close();
  await waitFor("the endpoint", () => endpoint.origin() === `http://127.0.0.1:${port}`, soon);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  assert.match(metrics, /^trousseau_telemetry_port_events_total\{action="listen_failed"\} [2-9]/m);
  assert.equal((await (await fetch(`http://127.0.0.1:${port}/status`)).json()).socket, "/run/kms.sock");
});

Deno.test("openEndpoint() that waits for a port can be closed", async () => {
  using holder = holdPort();
  const endpoint = await openEndpoint(stage(holder.addr.port));
  await endpoint[Symbol.asyncDispose]();
  assert.equal(endpoint.origin(), undefined);
});

Deno.test("openEndpoint() uses another port if permitted, and writes it to the state folder", async () => {
  await inFolder(async (folder) => {
    using holder = holdPort();
    const options = { ...stage(holder.addr.port), anyPort: `${folder}/state` };
    await using endpoint = await openEndpoint(options);
    assert.deepEqual(actions(options.events), ["listening"], "nothing to warn of");
    const { listen } = await telemetryAddressFile(`${folder}/state`).read() ?? {};
    assert.equal(endpoint.origin(), `http://${listen}`);
    assert.notEqual(listen, `127.0.0.1:${holder.addr.port}`);
    assert.equal(await fetch(`http://${listen}/livez`).then((response) => response.text()), "ok\n");
  });
});

Deno.test("openEndpoint() serves even if the state folder cannot be written", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const options = { ...stage(0), anyPort: `${folder}/file/state` };
    await using endpoint = await openEndpoint(options);
    assert.match(endpoint.origin() ?? "", /^http:/);
    const warnings = options.events.filter((event) => event.type === "lifecycle" && event.action === "warning");
    assert.equal(warnings.length, 1);
  });
});

Deno.test("openEndpoint() opens nothing without an address", async () => {
  await using endpoint = await openEndpoint({ ...stage(0), listen: undefined });
  assert.equal(endpoint.origin(), undefined);
});
