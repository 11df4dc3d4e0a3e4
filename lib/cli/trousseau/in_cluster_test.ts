import { deepEqual, match } from "node:assert/strict";
import { fakeTerminal } from "../../../tests/support/fake_terminal.ts";
import { fakeFiles } from "../../../tests/support/fake_files.ts";
import { run } from "../run.ts";
import { trousseau } from "./program.ts";

async function served(...words: string[]): Promise<{ status: number; err: string }> {
  const terminal = fakeTerminal({ files: fakeFiles({}) });
  const status = await run(["serve", "--config", "/etc/trousseau/none.yaml", ...words], trousseau, terminal);
  return { status, err: terminal.err() };
}

Deno.test("serve --in-cluster this-node is refused with the cycle and the forms that have none", async () => {
  const { status, err } = await served("--in-cluster", "this-node");
  deepEqual(status, 78);
  match(
    err,
    /Cannot serve in this pod: .* Run Trousseau as a service of systemd or as a static pod on this node\.\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
});

Deno.test("serve --in-cluster without the place of the API server is refused with the places", async () => {
  const { status, err } = await served("--in-cluster");
  deepEqual(status, 64);
  match(err, /--in-cluster wants a value: --in-cluster other-cluster\|other-nodes\|this-node\./);
});

for (const place of ["other-cluster", "other-nodes"]) {
  Deno.test(`serve --in-cluster ${place} goes on to its configuration`, async () => {
    const { status, err } = await served("--in-cluster", place);
    deepEqual(status, 78);
    match(err, /none\.yaml/);
  });
}
