import { deepEqual, equal } from "node:assert/strict";
import { Acceptor } from "./acceptor.ts";

/** A listener whose `accept` calls are settled by the test, one after the other. */
class Script {
  readonly #waiting: PromiseWithResolvers<string>[] = [];
  closed = 0;

  accept(): Promise<string> {
    const next = Promise.withResolvers<string>();
    this.#waiting.push(next);
    return next.promise;
  }

  close(): void {
    this.closed++;
    this.#waiting.shift()?.reject(new Deno.errors.Interrupted("closed"));
  }

  /** Waits for the pending `accept` call. */
  async next(): Promise<PromiseWithResolvers<string>> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) return next;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

function failure(code: string): Error {
  return Object.assign(new Error("Too many open files (os error 24)"), { code });
}

Deno.test("Acceptor continues after failed accepts and reports each", async () => {
  const listener = new Script();
  const [taken, refused]: string[][] = [[], []];
  const acceptor = new Acceptor({
    listener,
    onConnection: (connection) => taken.push(connection),
    onRefused: (code) => refused.push(code),
  });
  (await listener.next()).resolve("a");
  for (let at = 0; at < 3; at++) (await listener.next()).reject(failure("EMFILE"));
  (await listener.next()).resolve("b");
  (await listener.next()).reject(failure("a message that is no code"));
  (await listener.next()).resolve("c");
  await listener.next();
  deepEqual([taken, refused], [["a", "b", "c"], ["EMFILE", "EMFILE", "EMFILE", "unknown"]]);
  acceptor.close();
});

Deno.test("Acceptor.close() closes the listener once, ends the pause and reports nothing", async () => {
  const listener = new Script();
  const refused: string[] = [];
  const acceptor = new Acceptor({ listener, onConnection: () => {}, onRefused: (code) => refused.push(code) });
  (await listener.next()).reject(failure("ENFILE"));
  await new Promise((resolve) => setTimeout(resolve, 1));
  acceptor.close();
  acceptor.close();
  deepEqual([listener.closed, refused], [1, ["ENFILE"]]);
  const waiting = new Script();
  const other = new Acceptor({ listener: waiting, onConnection: () => {}, onRefused: (code) => refused.push(code) });
  other.close();
  await new Promise((resolve) => setTimeout(resolve, 5));
  equal(refused.length, 1, "closing is no refusal");
});
