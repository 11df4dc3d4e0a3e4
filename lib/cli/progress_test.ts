import { equal, match } from "node:assert/strict";
import { fakeTerminal } from "../../tests/support/fake_terminal.ts";
import { startProgress } from "./progress.ts";

const times = { after: 1, every: 1 };

/** Replaces control characters with text for regular expressions. */
function visible(text: string): string {
  return text.replaceAll("\r", "\\r").replaceAll("\x1b", "");
}

/** Waits until output has been written. */
async function written(read: () => string): Promise<string> {
  while (read() === "") await new Promise((resolve) => setTimeout(resolve, 1));
  return read();
}

Deno.test("startProgress() writes lines to stderr if it is not a terminal", async () => {
  const terminal = fakeTerminal();
  using _progress = startProgress(terminal, "Waiting", times);
  match(await written(terminal.err), /^(Waiting … \d+ s\n)+$/);
  equal(terminal.out(), "");
});

Deno.test("startProgress() overwrites one line on a terminal, and removes it", async () => {
  const terminal = fakeTerminal({ isTerminal: true });
  {
    using progress = startProgress(terminal, "Waiting", times);
    progress.update("Still waiting");
    match(visible(await written(terminal.err)), /^(\\r\[KStill waiting … \d+ s)+$/);
  }
  match(visible(terminal.err()), /\\r\[K$/);
});

Deno.test("startProgress() writes nothing if the work is short", () => {
  const terminal = fakeTerminal();
  startProgress(terminal, "Waiting", { after: 60_000, every: 60_000 })[Symbol.dispose]();
  equal(terminal.err(), "");
});
