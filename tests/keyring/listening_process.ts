/**
 * A process that listens on a Unix socket and a TLS port, for the test of exhausted descriptors: the folder is its
 * argument. It prints the port when it listens.
 *
 * @module
 */
import { systemClock } from "../../lib/base/clock.ts";
import { type AnswerRequest, jsonAnswer } from "../../lib/services/keyring/http/exchange.ts";
import { openTlsListener } from "../../lib/services/keyring/http/tls_listener.ts";
import { openUnixListener } from "../../lib/services/keyring/http/unix_listener.ts";

// As in both programs. The first listener for a signal opens descriptors, and Deno 2.9.6 panics if it gets none.
Deno.addSignalListener("SIGTERM", () => Deno.exit());
const [folder = ""] = Deno.args;
const answer: AnswerRequest = () => Promise.resolve(jsonAnswer(200, "served"));
const [key, chain] = [`${folder}/key.pem`, `${folder}/chain.pem`].map((path) => Deno.readTextFileSync(path));
await openUnixListener({
  path: `${folder}/s`,
  mode: 0o600,
  socket: "admin",
  answer,
  clock: systemClock,
  notify: () => {},
});
const { port } = await openTlsListener({
  host: "127.0.0.1",
  port: 0,
  key: key ?? "",
  chain: chain ?? "",
  answer,
  clock: systemClock,
});
await Deno.stdout.write(new TextEncoder().encode(`${port}\n`));
