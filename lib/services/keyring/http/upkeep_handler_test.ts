import { deepEqual, equal, match } from "node:assert/strict";
import { TestKeyring } from "../../../../tests/support/keyring_api.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";

const path = "/api/v1/upkeep";

Deno.test("POST upkeep answers with lines of progress, and ends with the report or the problem", () =>
  inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    const done = Promise.withResolvers<void>();
    keyring.upkeep = async (_request, { onProgress }) => {
      onProgress("Half of it is done");
      await done.promise;
      return { rows: 7 };
    };
    const answer = await keyring.stream("POST", path, { body: { job: "reindex" } });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    equal((await reader?.read())?.value, '{"progress":"Half of it is done"}\n');
    done.resolve();
    let rest = "";
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) rest += part.value;
    match(rest, /\{"report":\{"rows":7\}\}\n$/);
    keyring.upkeep = () => Promise.reject(new KeyringError("conflict", "Cannot reseal: other work is running."));
    match(
      (await keyring.send("POST", path, { body: { job: "reseal" } })).text,
      /^\{"problem":\{.*"status":409,"detail":"Cannot reseal/,
    );
    const audited = keyring.audited().filter(({ action }) => action === "upkeep.run");
    deepEqual(audited.map(({ identity, note }) => [identity, note]), [["local-admin", "reindex"], [
      "local-admin",
      "reseal",
    ]]);
  }));

Deno.test("POST upkeep takes the admin socket alone, and no other work", () =>
  inFolder(async (folder) => {
    await using keyring = await TestKeyring.open(folder);
    await keyring.policy("roles: {root: {rules: [{path: /, verbs: [admin]}]}}");
    const refused = await keyring.expect(403, "POST", path, {
      ...await keyring.token("root"),
      body: { job: "verify" },
    });
    match(refused.body.detail, /over the admin socket alone/);
    await keyring.expect(400, "POST", path, { body: { job: "destroy" } });
  }));
