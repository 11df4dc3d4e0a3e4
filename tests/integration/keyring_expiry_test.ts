/**
 * A client certificate that expires while its connection stays open.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { Agent, request } from "node:https";
import type { Socket } from "node:net";
import { ClectlStage } from "../support/clectl_stage.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { enrolPerson } from "../support/keyring_clients.ts";

const dayMs = 86_400_000;

interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  readonly socket: Socket;
}

Deno.test("a certificate that expires on a kept connection is refused with the next request", async () => {
  const clock = new FakeClock();
  clock.setWall(Date.now() - clock.wall());
  await using stage = await ClectlStage.open({ clock });
  const { certificate, key, ca } = await enrolPerson(stage.keyring, "anna");
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca, cert: certificate, key });
  const whoami = () => {
    const answered = Promise.withResolvers<Answer>();
    const sent = request(`${stage.url}/api/v1/whoami`, { agent }, (response) => {
      let text = "";
      response.on("data", (chunk) => text += String(chunk));
      response.on("end", () => answered.resolve({ status: response.statusCode, text, socket: response.socket }));
      response.on("error", answered.reject);
    });
    sent.on("error", answered.reject);
    sent.end();
    return answered.promise;
  };
  try {
    const first = await whoami();
    deepEqual([first.status, JSON.parse(first.text).name], [200, "person:anna"]);
    clock.setWall(7 * dayMs - 60_000);
    equal((await whoami()).status, 200);
    clock.setWall(61_000);
    // A failed answer is delayed by the clock of the server.
    let isDone = false;
    const asked = whoami().finally(() => isDone = true);
    while (!isDone) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      await clock.advance(500);
    }
    const last = await asked;
    equal(last.status, 401, last.text);
    match(JSON.parse(last.text).detail, /it has expired/);
    equal(last.socket, first.socket, "all on one connection");
  } finally {
    agent.destroy();
  }
});
